//! Validation of JSON that is embedded in another document.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};

use super::{Limits, check_depth};

/// Returns `true` if a text is JSON that can be embedded and read back: nested no deeper than [`Limits::DEFAULT`] allows, with
/// valid Unicode strings and finite numbers.
pub(crate) fn is_embeddable(text: &str) -> bool {
    check_depth(text.as_bytes(), Limits::DEFAULT.json_depth).is_ok() && serde_json::from_str::<AnyJson>(text).is_ok()
}

/// Deserializes any value completely and discards it.
struct AnyJson;

impl<'de> Deserialize<'de> for AnyJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

macro_rules! seen {
    ($($visit:ident: $type:ty),*) => {$(
        fn $visit<E>(self, _: $type) -> Result<Self, E> {
            Ok(self)
        }
    )*};
}

impl<'de> Visitor<'de> for AnyJson {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    seen!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str);

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self, A::Error> {
        while members.next_entry::<Self, Self>()?.is_some() {}
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_reader_refuses_is_not_embeddable() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        for fine in ["1", "\"\\ud83d\\ude00\"", r#"{"a":[1.10,-1e308,12345678901234567890123],"é":null}"#, &nested(64)] {
            assert!(is_embeddable(fine), "{fine}");
        }
        for odd in ["", "{", "1 2", "\"\\ud83d\"", r#"{"\udc00":1}"#, "[1e999]", "-1e400", &nested(65), &nested(126)] {
            assert!(!is_embeddable(odd), "{odd}");
        }
    }
}
