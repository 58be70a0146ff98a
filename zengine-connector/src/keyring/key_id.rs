//! The id of a key, as records hold it.

use std::{borrow::Cow, fmt, ops::Deref, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Maximum length of an id that is held in place, in bytes.
const SHORT: usize = 22;

/// The id of a key. A short one, such as those of random keys, is copied without a pointer: every record holds one.
#[derive(Clone)]
pub struct KeyId(Form);

#[derive(Clone)]
enum Form {
    Short { length: u8, bytes: [u8; SHORT] },
    Long(Arc<str>),
}

impl KeyId {
    /// The id.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            // It was cut out of a text as a whole.
            Form::Short { length, bytes } => {
                bytes.get(..usize::from(*length)).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default()
            }
            Form::Long(text) => text,
        }
    }
}

impl From<&str> for KeyId {
    fn from(text: &str) -> Self {
        match u8::try_from(text.len()) {
            Ok(length) if text.len() <= SHORT => {
                let mut bytes = [0; SHORT];
                bytes[..text.len()].copy_from_slice(text.as_bytes());
                Self(Form::Short { length, bytes })
            }
            _ => Self(Form::Long(text.into())),
        }
    }
}

impl From<String> for KeyId {
    fn from(text: String) -> Self {
        Self::from(&*text)
    }
}

impl PartialEq for KeyId {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Form::Short { length: a, bytes: x }, Form::Short { length: b, bytes: y }) => a == b && x == y,
            (Form::Long(a), Form::Long(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for KeyId {}

impl Deref for KeyId {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({:?})", self.as_str())
    }
}

impl Serialize for KeyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer).map(|text| Self::from(&*text))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_id_of_any_length_comes_back(text in ".{0,40}", other in ".{0,40}") {
            let id = KeyId::from(&*text);
            prop_assert_eq!(id.as_str(), &*text);
            prop_assert_eq!(id == KeyId::from(&*other), text == other);
        }
    }
}
