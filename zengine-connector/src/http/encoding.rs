//! Percent-encoding: texts in a path, a query or a form, and back.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};

/// Everything but letters, digits and `-._~` (RFC 3986, 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Maximum pairs of one query or form.
const MAX_PAIRS: usize = 10_000;

/// Encodes a text for a path segment, a query or a form: everything but letters, digits and `-._~` is escaped. A space is `%20`,
/// which every reader of queries and forms takes.
///
/// ```
/// assert_eq!(zengine_connector::http::encode("a/b c+ü"), "a%2Fb%20c%2B%C3%BC");
/// ```
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// Decodes a part of a path. `None` if an escape is broken or the result is not UTF-8. A `+` is a plus: only queries and forms write
/// spaces so, which [`pairs`] reads.
///
/// ```
/// use zengine_connector::http::decode;
///
/// assert_eq!(decode("a%2Fb+c").as_deref(), Some("a/b+c"));
/// assert_eq!(decode("100%"), None);
/// ```
pub fn decode(text: &str) -> Option<Cow<'_, str>> {
    decode_bytes(text.as_bytes())
}

fn decode_bytes(text: &[u8]) -> Option<Cow<'_, str>> {
    let whole = |at| matches!(text.get(at + 1..at + 3), Some(hex) if hex.iter().all(u8::is_ascii_hexdigit));
    memchr::memchr_iter(b'%', text).all(whole).then(|| percent_decode(text).decode_utf8().ok())?
}

fn decode_form(text: &[u8]) -> Option<Cow<'_, str>> {
    if memchr::memchr(b'+', text).is_none() {
        return decode_bytes(text);
    }
    let spaced: Vec<u8> = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    decode_bytes(&spaced).map(|decoded| Cow::Owned(decoded.into_owned()))
}

/// Reads the pairs of a query, or of a body of the type `application/x-www-form-urlencoded`.
///
/// ```
/// use zengine_connector::http::pairs;
///
/// let form: Result<Vec<_>, _> = pairs(b"From=%2B1555&Body=Good+day&Body=").collect();
/// assert_eq!(form?, [("From".into(), "+1555".into()), ("Body".into(), "Good day".into()), ("Body".into(), "".into())]);
/// assert!(pairs(b"a=%zz").any(|pair| pair.is_err()));
/// # Ok::<(), zengine_connector::http::PairError>(())
/// ```
pub fn pairs(text: &[u8]) -> Pairs<'_> {
    Pairs { rest: Some(text), read: 0 }
}

/// The decoded names and values of a query or form, in their order, repeated ones too. Made by [`pairs`].
///
/// A pair that is not percent-encoded UTF-8 is an error in its place, and the next ones follow. After 10,000 pairs it ends with an
/// error.
#[derive(Clone)]
pub struct Pairs<'a> {
    rest: Option<&'a [u8]>,
    read: usize,
}

masked!(Pairs<'_>);

/// The reason why a pair cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PairError {
    /// It is not percent-encoded UTF-8.
    Encoding,
    /// There are more than 10,000 pairs.
    TooMany,
}

impl PairError {
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::Encoding => "a parameter is not percent-encoded UTF-8",
            Self::TooMany => "more than 10,000 parameters",
        }
    }
}

display!(PairError, |it| it.reason());

impl std::error::Error for PairError {}

impl<'a> Iterator for Pairs<'a> {
    type Item = Result<(Cow<'a, str>, Cow<'a, str>), PairError>;

    fn next(&mut self) -> Option<Self::Item> {
        let pair = loop {
            let rest = self.rest?;
            let (pair, after) = split(rest, b'&');
            self.rest = after;
            if !pair.is_empty() {
                break pair;
            }
        };
        self.read += 1;
        if self.read > MAX_PAIRS {
            self.rest = None;
            return Some(Err(PairError::TooMany));
        }
        let (name, value) = split(pair, b'=');
        let both = decode_form(name).zip(decode_form(value.unwrap_or_default()));
        Some(both.ok_or(PairError::Encoding))
    }
}

/// The part before the first such byte, and the one after it.
fn split(text: &[u8], at: u8) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(at, text) {
        Some(n) => (&text[..n], Some(&text[n + 1..])),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_not_percent_encoded_utf8_is_an_error_in_its_place() {
        for odd in ["%", "%4", "%+4", "%-1", "%zz", "%ff", "%c3", "%ed%a0%80", "a%", "%C3%28"] {
            assert_eq!(decode(odd), None, "{odd}");
            let text = format!("{odd}=1&a={odd}&b=2");
            let read: Vec<_> = pairs(text.as_bytes()).collect();
            assert_eq!(read, [Err(PairError::Encoding), Err(PairError::Encoding), Ok(("b".into(), "2".into()))], "{odd}");
        }
        assert_eq!(pairs(b"\xff=1").next(), Some(Err(PairError::Encoding)));
    }

    #[test]
    fn empty_pairs_are_skipped_and_a_name_may_stand_alone() {
        let read = |text: &'static str| pairs(text.as_bytes()).map(|pair| pair.unwrap()).collect::<Vec<_>>();
        assert_eq!(read(""), []);
        assert_eq!(read("&&a&=b&c==&"), [("a".into(), "".into()), ("".into(), "b".into()), ("c".into(), "=".into())]);
    }

    #[test]
    fn a_flood_of_pairs_ends() {
        assert_eq!(pairs("a&".repeat(10_000).as_bytes()).flatten().count(), 10_000);
        let flood = "a&".repeat(1 << 20);
        assert_eq!(pairs(flood.as_bytes()).last(), Some(Err(PairError::TooMany)));
        assert_eq!(pairs(flood.as_bytes()).count(), 10_001);
    }

    #[test]
    fn nothing_printed_holds_the_content() {
        let printed = format!("{:?} {}", pairs(b"canary=canary"), pairs(b"canary=%").next().unwrap().unwrap_err());
        assert!(!printed.contains("canary"), "{printed}");
    }

    proptest! {
        #[test]
        fn whatever_is_encoded_is_read_back(name in any::<String>(), value in any::<String>()) {
            let (encoded, text) = (encode(&value), format!("{}={}", encode(&name), encode(&value)));
            prop_assert_eq!(decode(&encoded), Some(value.as_str().into()));
            let read: Vec<_> = pairs(text.as_bytes()).collect();
            prop_assert_eq!(read, [Ok((name.into(), value.into()))]);
        }

        #[test]
        fn no_bytes_panic(text in prop::collection::vec(any::<u8>(), 0..64)) {
            prop_assert!(pairs(&text).count() <= 64);
        }
    }
}
