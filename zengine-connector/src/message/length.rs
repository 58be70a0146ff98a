//! Lengths of texts, and what they count.

use serde::{Deserialize, Serialize};

use super::gsm7;

/// The unit of a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Unit {
    /// Unicode scalar values.
    Chars,
    /// UTF-16 code units.
    Utf16,
    /// Bytes of UTF-8.
    Bytes,
    /// Septets of the GSM 03.38 alphabet; a character outside it makes the message UCS-2, two septets' worth each.
    Gsm7,
}

impl Unit {
    /// The length of a text in this unit.
    ///
    /// ```
    /// use zengine_connector::message::Unit;
    ///
    /// assert_eq!(Unit::Chars.count("né😀"), 3);
    /// assert_eq!(Unit::Utf16.count("né😀"), 4);
    /// assert_eq!(Unit::Bytes.count("né😀"), 7);
    /// assert_eq!(Unit::Gsm7.count("{}"), 4); // characters of the extension table count twice
    /// ```
    pub fn count(self, text: &str) -> u64 {
        let count = match self {
            Self::Chars => text.chars().count(),
            Self::Utf16 => text.encode_utf16().count(),
            Self::Bytes => text.len(),
            Self::Gsm7 => return gsm7::septets(text).unwrap_or_else(|| 2 * text.encode_utf16().count() as u64),
        };
        count as u64
    }

    /// The unit's name in messages to people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chars => "characters",
            Self::Utf16 => "UTF-16 units",
            Self::Bytes => "bytes",
            Self::Gsm7 => "GSM septets",
        }
    }
}

/// An upper bound and its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Length {
    /// The largest allowed count.
    pub max: u64,
    /// The unit.
    pub unit: Unit,
}

impl Length {
    /// At most `max` Unicode scalar values.
    pub const fn chars(max: u64) -> Self {
        Self { max, unit: Unit::Chars }
    }

    /// At most `max` bytes.
    pub const fn bytes(max: u64) -> Self {
        Self { max, unit: Unit::Bytes }
    }

    /// At most `max` of a unit.
    pub const fn of(max: u64, unit: Unit) -> Self {
        Self { max, unit }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gsm_septets_double_outside_the_alphabet() {
        assert_eq!(Unit::Gsm7.count("hello"), 5);
        assert_eq!(Unit::Gsm7.count("€"), 2);
        assert_eq!(Unit::Gsm7.count("ж"), 2);
    }
}
