//! The default alphabet of text messages (3GPP TS 23.038), and the parts in which a long one is sent.

use serde::{Deserialize, Serialize};

/// `ç` is not in it; a table of the Unicode consortium says so wrongly.
const BASIC: &str =
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
const EXTENDED: &str = "^{}\\[~]|€\u{c}";

/// The septets of a character; `None` outside the alphabet.
fn septets_of(c: char) -> Option<u64> {
    if BASIC.contains(c) { Some(1) } else { EXTENDED.contains(c).then_some(2) }
}

/// The septets of a text; `None` if a character is outside the alphabet.
pub(super) fn septets(text: &str) -> Option<u64> {
    text.chars().map(septets_of).sum()
}

words! {
    /// The encoding of a text message. One character outside the GSM-7 alphabet makes the whole message UCS-2.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
    #[non_exhaustive]
    pub enum SmsEncoding {
        /// Septets: 160 in a single message, 153 in each part of a longer one.
        Gsm7 = "gsm7",
        /// UTF-16 units: 70 in a single message, 67 in each part of a longer one.
        Ucs2 = "ucs2",
    }
}

/// The parts in which a text message is sent and charged, without a national shift table.
///
/// An estimate: some providers break at words, which may need a part more.
///
/// ```
/// use zengine_connector::message::{SmsEncoding, SmsParts};
///
/// let parts = SmsParts::of("It’s here");
/// assert_eq!((parts.encoding, parts.units, parts.parts), (SmsEncoding::Ucs2, 9, 1));
/// assert_eq!(SmsParts::of(&"a".repeat(161)).parts, 2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SmsParts {
    /// The encoding.
    pub encoding: SmsEncoding,
    /// The length of the text in units of the encoding.
    pub units: u64,
    /// The number of parts; at least 1.
    pub parts: u64,
}

impl SmsParts {
    /// Counts the parts of a text. A character is never cut in two: neither one of the extension table nor a surrogate pair.
    pub fn of(text: &str) -> Self {
        if let Some(units) = septets(text) {
            return Self::count(SmsEncoding::Gsm7, units, text.chars().filter_map(septets_of), 160, 153);
        }
        let sizes = text.chars().map(|c| c.len_utf16() as u64);
        Self::count(SmsEncoding::Ucs2, sizes.clone().sum(), sizes, 70, 67)
    }

    fn count(encoding: SmsEncoding, units: u64, sizes: impl Iterator<Item = u64>, single: u64, part: u64) -> Self {
        let (mut parts, mut filled) = (1, 0);
        for size in sizes.filter(|_| units > single) {
            if filled + size > part {
                (parts, filled) = (parts + 1, 0);
            }
            filled += size;
        }
        Self { encoding, units, parts }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn counted(text: &str) -> (SmsEncoding, u64, u64) {
        let SmsParts { encoding, units, parts } = SmsParts::of(text);
        (encoding, units, parts)
    }

    #[test]
    fn parts_are_counted_as_networks_cut_them() {
        use SmsEncoding::{Gsm7, Ucs2};
        for (text, expected) in [
            (String::new(), (Gsm7, 0, 1)),
            ("a".repeat(160), (Gsm7, 160, 1)),
            ("a".repeat(161), (Gsm7, 161, 2)),
            ("a".repeat(306), (Gsm7, 306, 2)),
            ("a".repeat(307), (Gsm7, 307, 3)),
            ("a".repeat(1_600), (Gsm7, 1_600, 11)),
            ("я".repeat(70), (Ucs2, 70, 1)),
            ("я".repeat(71), (Ucs2, 71, 2)),
            ("я".repeat(134), (Ucs2, 134, 2)),
            ("я".repeat(135), (Ucs2, 135, 3)),
            ("€".repeat(80), (Gsm7, 160, 1)),
            ("€".repeat(81), (Gsm7, 162, 2)),
            // A brace and an emoji that would be cut go to the next part.
            (format!("{}{{{}", "a".repeat(152), "b".repeat(152)), (Gsm7, 306, 3)),
            (format!("{}😀{}", "я".repeat(66), "я".repeat(66)), (Ucs2, 134, 3)),
            ("😀".repeat(36), (Ucs2, 72, 2)),
            ("👨\u{200d}👩\u{200d}👧\u{200d}👦".to_owned(), (Ucs2, 11, 1)),
            ("façade".to_owned(), (Ucs2, 6, 1)),
            ("cafe\u{301}".to_owned(), (Ucs2, 5, 1)),
            ("code `42`".to_owned(), (Ucs2, 9, 1)),
            ("ñÑ äÄ öÖ üÜ àèéìòù ß Æ æ Ø ø Å å É §¿¡¤£¥$@_".to_owned(), (Gsm7, 44, 1)),
            ("price: 5€ {x} [y] ~z^ a|b c\\d".to_owned(), (Gsm7, 38, 1)),
            ("Line 1\r\nLine 2".to_owned(), (Gsm7, 14, 1)),
        ] {
            assert_eq!(counted(&text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_part_is_overfull_and_no_two_fit_into_one(text in "[a{€é]{0,700}|[aя😀]{0,300}") {
            let SmsParts { encoding, units, parts } = SmsParts::of(&text);
            let (single, part, largest) = if encoding == SmsEncoding::Gsm7 { (160, 153, 2) } else { (70, 67, 2) };
            if units <= single {
                prop_assert_eq!(parts, 1);
            } else {
                prop_assert!(units.div_ceil(part) <= parts && parts <= units.div_ceil(part - largest + 1));
            }
        }
    }
}
