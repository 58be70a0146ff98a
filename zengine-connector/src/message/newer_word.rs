//! Words that a newer release added to a list.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A word of a newer release, in a place whose other words are known: it is kept, and written back as it came.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct NewerWord {
    length: u8,
    bytes: [u8; Self::MAX],
}

// It may be anything that somebody stored.
masked!(NewerWord);

impl NewerWord {
    /// Maximum length, in characters. All words of this crate are shorter.
    pub const MAX: usize = 31;

    /// A word of small ASCII letters, digits, `_` and `-`. `None` if it is none, or longer than [`MAX`](Self::MAX).
    pub fn new(word: &str) -> Option<Self> {
        let is_word =
            !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte));
        let mut bytes = [0; Self::MAX];
        bytes.get_mut(..word.len()).filter(|_| is_word)?.copy_from_slice(word.as_bytes());
        Some(Self { length: u8::try_from(word.len()).ok()?, bytes })
    }

    /// The word.
    pub fn as_str(&self) -> &str {
        self.bytes.get(..self.length.into()).and_then(|word| std::str::from_utf8(word).ok()).unwrap_or_default()
    }
}

impl Serialize for NewerWord {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for NewerWord {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::new(&Cow::<'_, str>::deserialize(from)?).ok_or_else(|| D::Error::custom("is no word"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_kept_as_it_came_and_nothing_else_is_one() {
        for word in ["a", "read_aloud", "x-2", &"w".repeat(31)] {
            let newer: NewerWord = serde_json::from_value(word.into()).unwrap();
            assert_eq!((newer.as_str(), serde_json::to_value(newer).unwrap()), (word, word.into()));
        }
        for odd in ["", "Ana", "a b", "a@b", "é", &"w".repeat(32)] {
            assert!(serde_json::from_value::<NewerWord>(odd.into()).is_err(), "{odd}");
        }
        assert!(!format!("{:?}", NewerWord::new("canary")).contains("canary"));
    }
}
