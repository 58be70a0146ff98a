//! One pass over a text: checks that it is JSON within limits, and finds the place of each value.

use bytes::Bytes;

use super::{Limits, Unread};

/// The place of a value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    /// Its first byte.
    pub(super) start: u32,
    /// The byte after its last.
    pub(super) end: u32,
    /// The node after this value and all that is inside it.
    pub(super) next: u32,
    /// Of an object: the [`trace`]s of its members' names, which rule out most absent names without a search. Of a string: 0 if it
    /// has no escapes, [`ESCAPED`] if it has; of a member's name with escapes, one more than its place in [`Split::names`].
    pub(super) names: u32,
}

/// Marks a string with escapes.
const ESCAPED: u32 = u32::MAX;

/// The text of a string.
pub(super) enum StringText<'a> {
    /// The text as it stands in the document.
    Plain,
    /// A string with escapes.
    Escaped,
    /// The decoded name of a member.
    Name(&'a str),
}

impl Node {
    /// The place of a string's text.
    #[inline]
    pub(super) fn string<'a>(&self, names: &'a [Box<str>]) -> StringText<'a> {
        match self.names {
            0 => StringText::Plain,
            ESCAPED => StringText::Escaped,
            n => names.get(n as usize - 1).map_or(StringText::Escaped, |name| StringText::Name(name)),
        }
    }
}

/// The values of a text.
pub(super) struct Split {
    /// The values in document order, containers before what is inside them; names of members are values too.
    pub(super) nodes: Vec<Node>,
    /// The names of members that have escapes, decoded once: a look-up compares every name.
    pub(super) names: Vec<Box<str>>,
}

/// Maximum nesting that is read.
const DEPTH: usize = Limits::DEFAULT.json_depth;

/// One of 32 bits, by the length and first byte of a member's name.
#[inline]
pub(super) fn trace(name: &[u8]) -> u32 {
    let first = name.first().copied().unwrap_or_default();
    1 << (((name.len() * 5) ^ usize::from(first)) % 32)
}

/// The values of a JSON text.
///
/// # Errors
/// If the text is not exactly one JSON value (RFC 8259), or is beyond the limits.
pub(super) fn split(text: &str) -> Result<Split, Unread> {
    if u32::try_from(text.len()).is_err() {
        return Err(Unread::TooLarge);
    }
    let bytes = text.as_bytes();
    let nodes = Vec::with_capacity((bytes.len() / 10 + 4).min(2 * Limits::DEFAULT.json_items));
    let mut splitter = Splitter { bytes, at: 0, nodes, names: Vec::new(), open: [0; DEPTH], depth: 0, items: 0 };
    splitter.document()?;
    Ok(Split { nodes: splitter.nodes, names: splitter.names })
}

/// The text of a string with its quotes. Half surrogate pairs become replacement characters.
pub(super) fn decoded(string: &[u8]) -> Option<String> {
    // Read as bytes, a string may hold half a surrogate pair.
    serde_json::from_slice::<Bytes>(string).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

struct Splitter<'a> {
    bytes: &'a [u8],
    at: usize,
    nodes: Vec<Node>,
    names: Vec<Box<str>>,
    /// The containers around the current place.
    open: [u32; DEPTH],
    depth: usize,
    /// Counted as [`Limits`] counts them: one for each container and each comma.
    items: usize,
}

impl Splitter<'_> {
    fn document(&mut self) -> Result<(), Unread> {
        loop {
            // At the place of a value.
            match self.peek() {
                Some(b'"') => self.string()?,
                Some(b'{') => {
                    self.open()?;
                    if self.peek() != Some(b'}') {
                        self.name()?;
                        continue;
                    }
                    self.close();
                }
                Some(b'[') => {
                    self.open()?;
                    if self.peek() != Some(b']') {
                        continue;
                    }
                    self.close();
                }
                Some(b'-' | b'0'..=b'9') => self.number()?,
                Some(b't') => self.word(b"true")?,
                Some(b'f') => self.word(b"false")?,
                Some(b'n') => self.word(b"null")?,
                _ => return Err(Unread::NotJson),
            }
            // After a value, which may be the last of several containers.
            loop {
                let Some(container) = self.container() else {
                    return if self.peek().is_none() { Ok(()) } else { Err(Unread::NotJson) };
                };
                match (self.peek(), container) {
                    (Some(b','), _) => {
                        self.at += 1;
                        self.count()?;
                        if container == b'{' {
                            self.name()?;
                        }
                        break;
                    }
                    (Some(b'}'), b'{') | (Some(b']'), b'[') => self.close(),
                    _ => return Err(Unread::NotJson),
                }
            }
        }
    }

    /// The next byte that is not white space.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        loop {
            match self.bytes.get(self.at) {
                Some(b' ' | b'\n' | b'\t' | b'\r') => self.at += 1,
                byte => return byte.copied(),
            }
        }
    }

    /// The first byte of the innermost container.
    #[inline]
    fn container(&self) -> Option<u8> {
        let index = self.open[..self.depth].last()?;
        let start = self.nodes.get(*index as usize)?.start;
        self.bytes.get(start as usize).copied()
    }

    #[inline]
    #[allow(clippy::cast_possible_truncation)] // the text is shorter than 4 GiB, and has fewer values than bytes
    fn push(&mut self, start: usize, end: usize, names: u32) {
        let next = self.nodes.len() as u32 + 1;
        self.nodes.push(Node { start: start as u32, end: end as u32, next, names });
        self.at = end;
    }

    #[inline]
    fn count(&mut self) -> Result<(), Unread> {
        self.items += 1;
        if self.items > Limits::DEFAULT.json_items { Err(Unread::TooLarge) } else { Ok(()) }
    }

    #[allow(clippy::cast_possible_truncation)]
    fn open(&mut self) -> Result<(), Unread> {
        self.count()?;
        if self.depth == DEPTH {
            return Err(Unread::TooDeep);
        }
        self.open[self.depth] = self.nodes.len() as u32;
        self.depth += 1;
        self.push(self.at, self.at + 1, 0);
        Ok(())
    }

    #[allow(clippy::cast_possible_truncation)]
    fn close(&mut self) {
        self.at += 1;
        self.depth -= 1;
        let next = self.nodes.len() as u32;
        if let Some(node) = self.nodes.get_mut(self.open[self.depth] as usize) {
            (node.end, node.next) = (self.at as u32, next);
        }
    }

    /// The name of a member and the colon after it.
    fn name(&mut self) -> Result<(), Unread> {
        if self.peek() != Some(b'"') {
            return Err(Unread::NotJson);
        }
        let start = self.at + 1;
        self.string()?;
        let escaped = self.nodes.last().is_some_and(|name| name.names == ESCAPED);
        let names = if escaped { self.escaped_name(start - 1) } else { trace(self.bytes.get(start..self.at - 1).unwrap_or_default()) };
        if let Some(object) = self.open[..self.depth].last().and_then(|index| self.nodes.get_mut(*index as usize)) {
            object.names |= names;
        }
        if self.peek() != Some(b':') {
            return Err(Unread::NotJson);
        }
        self.at += 1;
        Ok(())
    }

    /// Decodes the name that has just been read, and returns its trace.
    #[cold]
    #[allow(clippy::cast_possible_truncation)] // there are fewer names than bytes
    fn escaped_name(&mut self, start: usize) -> u32 {
        let name = decoded(self.bytes.get(start..self.at).unwrap_or_default()).unwrap_or_default().into_boxed_str();
        let names = trace(name.as_bytes());
        self.names.push(name);
        if let Some(node) = self.nodes.last_mut() {
            node.names = self.names.len() as u32;
        }
        names
    }

    /// A string; eight bytes are checked at a time.
    #[inline]
    fn string(&mut self) -> Result<(), Unread> {
        let (start, mut at, mut escaped) = (self.at, self.at + 1, 0);
        loop {
            while let Some(word) = self.bytes.get(at..).and_then(|rest| rest.first_chunk()) {
                let special = special(u64::from_le_bytes(*word));
                if special != 0 {
                    at += special.trailing_zeros() as usize / 8;
                    break;
                }
                at += 8;
            }
            match self.bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = ESCAPED;
                    at = self.escape(at + 1)?;
                }
                // Other bytes occur here only in the last chunk, which is shorter than eight bytes.
                Some(0x20..) => at += 1,
                _ => return Err(Unread::NotJson),
            }
        }
        self.push(start, at + 1, escaped);
        Ok(())
    }

    /// The place after an escape, whose backslash has been read. Half a surrogate pair is not an error here.
    fn escape(&self, at: usize) -> Result<usize, Unread> {
        match self.bytes.get(at) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 1),
            Some(b'u') if self.bytes.get(at + 1..at + 5).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) => Ok(at + 5),
            _ => Err(Unread::NotJson),
        }
    }

    fn number(&mut self) -> Result<(), Unread> {
        let start = self.at;
        let mut at = start + usize::from(self.bytes.get(start) == Some(&b'-'));
        // No leading zeros.
        at = if self.bytes.get(at) == Some(&b'0') { at + 1 } else { self.digits(at)? };
        if self.bytes.get(at) == Some(&b'.') {
            at = self.digits(at + 1)?;
        }
        if matches!(self.bytes.get(at), Some(b'e' | b'E')) {
            at = self.digits(at + 1 + usize::from(matches!(self.bytes.get(at + 1), Some(b'+' | b'-'))))?;
        }
        self.push(start, at, 0);
        Ok(())
    }

    /// The place after one or more digits.
    fn digits(&self, at: usize) -> Result<usize, Unread> {
        let count = self.bytes.get(at..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count == 0 { Err(Unread::NotJson) } else { Ok(at + count) }
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Unread> {
        if !self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            return Err(Unread::NotJson);
        }
        self.push(self.at, self.at + word.len(), 0);
        Ok(())
    }
}

/// The high bit of each byte that is a quote, a backslash or a control character; above the first such byte further bits
/// may be set.
#[inline]
fn special(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    let zero = |word: u64| word.wrapping_sub(ONES) & !word;
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (zero(word ^ (ONES * u64::from(b'"'))) | zero(word ^ (ONES * u64::from(b'\\'))) | control) & HIGH
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    use super::*;

    #[test]
    fn each_value_stands_where_its_text_is() {
        let text = r#" {"a" : [1, -2.5e3 ,true],"b\"}":{} , "c":"x\\"} "#;
        let Split { nodes, names } = split(text).unwrap();
        let values: Vec<_> = nodes.iter().map(|node| &text[node.start as usize..node.end as usize]).collect();
        let expected = [
            r#"{"a" : [1, -2.5e3 ,true],"b\"}":{} , "c":"x\\"}"#,
            "\"a\"",
            "[1, -2.5e3 ,true]",
            "1",
            "-2.5e3",
            "true",
            r#""b\"}""#,
            "{}",
            "\"c\"",
            r#""x\\""#,
        ];
        assert_eq!(values, expected);
        assert_eq!(nodes.iter().map(|node| node.next).collect::<Vec<_>>(), [10, 2, 6, 4, 5, 6, 7, 8, 9, 10]);
        let escaped = |at: usize| match nodes[at].string(&names) {
            StringText::Plain => "plain".to_owned(),
            StringText::Escaped => "escaped".to_owned(),
            StringText::Name(name) => name.to_owned(),
        };
        assert_eq!([1, 6, 8, 9].map(escaped), ["plain", "b\"}", "plain", "escaped"]);
    }

    #[test]
    fn an_escaped_name_is_decoded_once_and_traced_like_the_plain_one() {
        let Split { nodes, names } = split(r#"{"\u0061b":{"\ud83d":1},"\n":"\n"}"#).unwrap();
        let decoded: Vec<_> = names.iter().map(|name| &**name).collect();
        assert_eq!((decoded[0], decoded[2], decoded.len()), ("ab", "\n", 3), "values stay as they are");
        assert!(decoded[1].starts_with('\u{fffd}'));
        assert_eq!(nodes[0].names, trace(b"ab") | trace(b"\n"), "an absent name is known at once");
    }

    #[test]
    fn limits_are_those_of_a_verified_body() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(split(&nested(DEPTH)).is_ok());
        assert_eq!(split(&nested(DEPTH + 1)).err(), Some(Unread::TooDeep));
        let wide = |items: usize| format!("[{}0]", "0,".repeat(items - 1));
        for items in [Limits::DEFAULT.json_items, Limits::DEFAULT.json_items + 1] {
            assert_eq!(split(&wide(items)).is_ok(), Limits::DEFAULT.check(wide(items).as_bytes()).is_ok(), "{items}");
        }
    }

    /// Texts that are JSON or nearly so.
    fn nearly_json() -> impl Strategy<Value = String> {
        let token = prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"",
            "\\",
            "\"a\"",
            "\"a\":1",
            "\"\\u00e9\"",
            "\"\\ud83d\"",
            "\"\\x\"",
            "\"é\u{7f}\"",
            "\"\u{1f}\"",
            "0",
            "-0",
            "01",
            "1.5",
            "1.",
            ".5",
            "1e9",
            "1E+",
            "1e-2",
            "-",
            "true",
            "false",
            "null",
            "nul",
            "truer",
            " ",
            "\n",
            "\t",
            "\r",
            "\u{a0}",
            "\"longer than eight\"",
        ]);
        prop_oneof![prop::collection::vec(token, 0..12).prop_map(|tokens| tokens.concat()), any::<String>(),]
    }

    proptest! {
        #[test]
        fn what_is_json_is_what_serde_json_takes_for_it(text in nearly_json()) {
            let (ours, theirs) = (split(&text), serde_json::from_str::<IgnoredAny>(&text));
            prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{:?}", text);
        }

        #[test]
        fn a_byte_changed_in_json_is_judged_like_serde_json(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let text = r#"{"entry":[{"id":"1","n":-12.5e+3,"s":"\u00e9 \\ longer é text","x":[true,false,null,{}, [] ]}],"z":0}"#;
            let mut bytes = text.as_bytes().to_vec();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let Ok(text) = String::from_utf8(bytes) else { return Ok(()) };
            let (ours, theirs) = (split(&text), serde_json::from_str::<IgnoredAny>(&text));
            prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{:?}", text);
        }
    }
}
