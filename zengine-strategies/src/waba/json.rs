//! JSON read member by member, in place.
//!
//! A webhook may lack anything and may spell numbers as strings, so nothing here fails: what does not fit is absent. The
//! views borrow from the body, which is how an element's exact bytes are found again.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// The members of an object in document order, repeated names included.
pub(crate) struct Obj<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Obj<'a> {
    /// An object without members.
    pub(crate) fn empty() -> Self {
        Self(Vec::new())
    }

    /// `None` where the value is not an object.
    pub(crate) fn read(raw: &'a RawValue) -> Option<Self> {
        if raw.get().starts_with('{') { serde_json::from_str(raw.get()).ok() } else { None }
    }

    /// The members in document order.
    pub(crate) fn members(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(name, raw)| (&**name, *raw))
    }

    /// A member; the last where a name is repeated. `null` counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().rev().find(|(key, _)| key == name).map(|(_, raw)| *raw).filter(|raw| raw.get() != "null")
    }

    /// A member that is an object.
    pub(crate) fn obj(&self, name: &str) -> Option<Obj<'a>> {
        self.get(name).and_then(Obj::read)
    }

    /// The elements of a member that is an array; none where it is anything else.
    pub(crate) fn items(&self, name: &str) -> Vec<&'a RawValue> {
        self.get(name).and_then(items).unwrap_or_default()
    }

    /// A member that is a string, the empty one included.
    pub(crate) fn string(&self, name: &str) -> Option<Cow<'a, str>> {
        self.get(name).and_then(string)
    }

    /// A member that is a string or a number; a number as its source text. Empty counts as absent.
    pub(crate) fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        self.get(name).and_then(text)
    }

    /// [`Self::text`], owned.
    pub(crate) fn owned(&self, name: &str) -> Option<String> {
        self.text(name).map(Cow::into_owned)
    }

    /// The first of several spellings of a member that is there.
    pub(crate) fn first(&self, names: &[&str]) -> Option<Cow<'a, str>> {
        names.iter().find_map(|name| self.text(name))
    }

    /// A member that is a whole number, as number or string.
    pub(crate) fn integer(&self, name: &str) -> Option<i64> {
        self.text(name).and_then(|text| integer(&text))
    }

    /// A member that is a number, as number or string.
    pub(crate) fn float(&self, name: &str) -> Option<f64> {
        self.text(name)?.trim().parse().ok().filter(|number: &f64| number.is_finite())
    }

    /// A member that is true or false, as such or as a string.
    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        match self.get(name)?.get().trim_matches('"') {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// A member that is a time, in milliseconds UTC.
    pub(crate) fn time(&self, name: &str) -> Option<i64> {
        self.integer(name).map(milliseconds)
    }
}

/// The elements of an array; `None` where the value is not one.
pub(crate) fn items(raw: &RawValue) -> Option<Vec<&RawValue>> {
    if raw.get().starts_with('[') { serde_json::from_str(raw.get()).ok() } else { None }
}

/// A string's text; `None` where the value is not a string. Half surrogate pairs become replacement characters.
pub(crate) fn string(raw: &RawValue) -> Option<Cow<'_, str>> {
    let inner = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') { serde_json::from_str::<Words<'_>>(raw.get()).ok().map(|words| words.0) } else { Some(Cow::Borrowed(inner)) }
}

/// A string's text or a number's source text; `None` where it is empty or anything else.
pub(crate) fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
    match raw.get().as_bytes().first()? {
        b'"' => string(raw).filter(|text| !text.is_empty()),
        b'-' | b'0'..=b'9' => Some(Cow::Borrowed(raw.get())),
        _ => None,
    }
}

#[allow(clippy::cast_possible_truncation)] // a time or count written as a float; `as` saturates
fn integer(text: &str) -> Option<i64> {
    let text = text.trim();
    text.parse().ok().or_else(|| text.parse::<f64>().ok().filter(|number| number.is_finite()).map(|number| number as i64))
}

/// Brings a time to milliseconds: the magnitude tells seconds, milliseconds, microseconds and nanoseconds apart.
pub(crate) fn milliseconds(time: i64) -> i64 {
    match time.unsigned_abs() {
        0..100_000_000_000 => time * 1_000,
        100_000_000_000..100_000_000_000_000 => time,
        100_000_000_000_000..100_000_000_000_000_000 => time / 1_000,
        _ => time / 1_000_000,
    }
}

/// A string that is decoded even where it holds half a surrogate pair.
struct Words<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Words<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Decode;
        impl<'de> Visitor<'de> for Decode {
            type Value = Words<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<Words<'de>, E> {
                Ok(Words(String::from_utf8_lossy(bytes)))
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Words<'de>, E> {
                Ok(Words(Cow::Owned(String::from_utf8_lossy(bytes).into_owned())))
            }
        }
        deserializer.deserialize_bytes(Decode)
    }
}

impl<'de> Deserialize<'de> for Obj<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Obj<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Obj<'de>, A::Error> {
                let mut members = Vec::with_capacity(8);
                while let Some(name) = map.next_key::<Words<'de>>()? {
                    members.push((name.0, map.next_value::<&'de RawValue>()?));
                }
                Ok(Obj(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> &RawValue {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn r6_numbers_are_read_from_numbers_and_from_strings() {
        let obj = Obj::read(raw(r#"{"a":17,"b":"17","c":17.0,"d":"x","e":null,"f":"","g":true,"h":"true"}"#)).unwrap();
        assert_eq!([obj.integer("a"), obj.integer("b"), obj.integer("c")], [Some(17); 3]);
        assert_eq!([obj.integer("d"), obj.integer("e"), obj.integer("f"), obj.integer("z")], [None; 4]);
        assert_eq!([obj.flag("g"), obj.flag("h"), obj.flag("a")], [Some(true), Some(true), None]);
        assert_eq!(obj.text("c").as_deref(), Some("17.0"), "the source text");
    }

    #[test]
    fn times_are_told_apart_by_their_size() {
        for time in [1_760_000_000, 1_760_000_000_000, 1_760_000_000_000_000, 1_760_000_000_000_000_000] {
            assert_eq!(milliseconds(time), 1_760_000_000_000);
        }
        assert_eq!(milliseconds(i64::MIN), i64::MIN / 1_000_000);
    }

    #[test]
    fn strings_with_half_a_surrogate_pair_are_still_read() {
        assert_eq!(string(raw(r#""caf\u00e9 \ud83d\ude00""#)).as_deref(), Some("café 😀"));
        assert!(string(raw(r#""cut \ud83d""#)).unwrap().starts_with("cut \u{fffd}"));
        let obj = Obj::read(raw(r#"{"\ud83d":1,"a":2,"\u0061":3}"#)).unwrap();
        assert_eq!(obj.integer("a"), Some(3), "the last of a repeated name");
    }

    #[test]
    fn what_is_not_an_object_or_array_is_none() {
        for json in ["1", "\"x\"", "null", "true", "[]"] {
            assert!(Obj::read(raw(json)).is_none(), "{json}");
        }
        assert!(items(raw("{}")).is_none());
        assert_eq!(items(raw("[1, [2]]")).unwrap().len(), 2);
    }
}
