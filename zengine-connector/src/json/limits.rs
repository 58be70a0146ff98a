//! Bounds of untrusted JSON, and the reason why a body beyond them is not read.

/// Bounds of a JSON body, checked in one pass over its bytes, without parsing and without an allocation.
///
/// The core checks them before a strategy reads a body
/// ([`InboundSettings::json`](crate::orchestrator::InboundSettings::json)). Check them yourself where you read JSON before it is
/// authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Maximum size of the body, in bytes. Defaults to 4 MiB.
    pub body_bytes: usize,
    /// Maximum nesting of arrays and objects. Defaults to 64.
    pub json_depth: usize,
    /// Maximum number of array elements and object members, all of them together. Defaults to 500,000.
    pub json_items: usize,
    /// Maximum length of a member's name as it is written, in bytes. Defaults to 1,024.
    pub name_bytes: usize,
}

impl Limits {
    /// 4 MiB, 64 levels, half a million items, names of 1,024 bytes.
    pub const DEFAULT: Self = Self { body_bytes: 4 << 20, json_depth: 64, json_items: 500_000, name_bytes: 1024 };

    /// Checks a body. It does not check that the body is JSON; the parser does.
    ///
    /// # Errors
    /// [`Unread::TooLarge`] over the size, the number of items or the length of a name, [`Unread::TooDeep`] over the depth.
    pub fn check(&self, body: &[u8]) -> Result<(), Unread> {
        if body.len() > self.body_bytes {
            return Err(Unread::TooLarge);
        }
        scan(body, self)
    }
}

/// The reason why JSON is not read. Exhaustive by design.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unread {
    /// Not exactly one JSON value (RFC 8259).
    NotJson,
    /// Nested deeper than allowed.
    TooDeep,
    /// Of more bytes, more items or longer names than allowed.
    TooLarge,
}

impl Unread {
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::NotJson => "not JSON",
            Self::TooDeep => "the JSON is nested too deeply",
            Self::TooLarge => "the JSON is too large",
        }
    }
}

display!(Unread, |it| it.reason());

impl std::error::Error for Unread {}

/// Refuses JSON whose arrays and objects are nested deeper than allowed. A bare number has depth 0.
///
/// ```
/// use zengine_connector::json::check_depth;
///
/// assert!(check_depth(br#"{"a":["[[["]}"#, 2).is_ok());
/// assert!(check_depth(br#"{"a":[{}]}"#, 2).is_err());
/// ```
///
/// # Errors
/// [`Unread::TooDeep`].
pub fn check_depth(bytes: &[u8], max: usize) -> Result<(), Unread> {
    scan(bytes, &Limits { body_bytes: usize::MAX, json_depth: max, json_items: usize::MAX, name_bytes: usize::MAX })
}

fn scan(bytes: &[u8], limits: &Limits) -> Result<(), Unread> {
    let (mut depth, mut items, mut string, mut at) = (0_usize, 0_usize, 0_usize, 0);
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'"' => {
                let end = end_of_string(bytes, at);
                (string, at) = ((end - at).saturating_sub(1), end);
            }
            // Outside of strings, a colon follows a name.
            b':' if string > limits.name_bytes => return Err(Unread::TooLarge),
            b'[' | b'{' => {
                depth += 1;
                if depth > limits.json_depth {
                    return Err(Unread::TooDeep);
                }
                // The first item of a container has no comma; that an empty one counts as one more does no harm.
                items += 1;
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' => items += 1,
            _ => {}
        }
        if items > limits.json_items {
            return Err(Unread::TooLarge);
        }
    }
    Ok(())
}

/// The place after the quote that ends the string.
fn end_of_string(bytes: &[u8], mut at: usize) -> usize {
    while let Some(n) = memchr::memchr2(b'"', b'\\', bytes.get(at..).unwrap_or_default()) {
        if bytes[at + n] == b'"' {
            return at + n + 1;
        }
        at += n + 2;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn depth(value: &Value) -> usize {
        match value {
            Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
            Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
            _ => 0,
        }
    }

    fn items(value: &Value) -> usize {
        match value {
            Value::Array(all) => all.len().max(1) + all.iter().map(items).sum::<usize>(),
            Value::Object(members) => members.len().max(1) + members.values().map(items).sum::<usize>(),
            _ => 0,
        }
    }

    fn json() -> impl Strategy<Value = Value> {
        let text = r#"[a-z"\\\[\]{},:é]{0,20}"#;
        let leaf = prop_oneof![Just(Value::Null), any::<i64>().prop_map(Value::from), text.prop_map(Value::from)];
        leaf.prop_recursive(6, 60, 5, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::btree_map(text, inner, 0..5).prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    #[test]
    fn a_long_row_of_brackets_is_refused_at_once() {
        assert!(matches!(Limits::DEFAULT.check(&vec![b'['; 1 << 20]), Err(Unread::TooDeep)));
        assert!(matches!(Limits::DEFAULT.check(&vec![b' '; (4 << 20) + 1]), Err(Unread::TooLarge)));
        assert!(matches!(Limits { json_items: 1000, ..Limits::DEFAULT }.check(&vec![b','; 1001]), Err(Unread::TooLarge)));
    }

    #[test]
    fn a_name_is_bounded_and_a_text_is_not() {
        let short = Limits { name_bytes: 4, ..Limits::DEFAULT };
        let (name, longer) = (r#"{"1234" : "12345","a":["12345",{"b":1}]}"#, r#"{"a":1,"12345" :1}"#);
        assert_eq!((short.check(name.as_bytes()), short.check(longer.as_bytes())), (Ok(()), Err(Unread::TooLarge)));
        assert_eq!(short.check(br#"{"ab\"c":1}"#), Err(Unread::TooLarge));
        let most = |n| Limits::DEFAULT.check(format!("{{{:?}:1}}", "x".repeat(n)).as_bytes());
        assert_eq!((most(1024), most(1025)), (Ok(()), Err(Unread::TooLarge)));
        assert_eq!(short.check(br#"{"never closed"#), Ok(()), "the parser refuses it");
    }

    #[test]
    fn brackets_in_strings_do_not_count() {
        assert!(check_depth(br#"["[[[[[[\"[[[[[[\\"]"#, 1).is_ok());
        assert!(check_depth(br#"["\\",[]]"#, 1).is_err());
    }

    proptest! {
        #[test]
        fn the_scan_agrees_with_a_parser(value in json(), pretty in any::<bool>()) {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
            let (depth, items) = (depth(&value), items(&value));
            prop_assert!(check_depth(text.as_bytes(), depth).is_ok());
            prop_assert!(depth == 0 || check_depth(text.as_bytes(), depth - 1).is_err());
            let passes = |json_items| Limits { json_items, ..Limits::DEFAULT }.check(text.as_bytes()).is_ok();
            prop_assert!(passes(items));
            prop_assert!(items == 0 || !passes(items - 1));
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'"'), Just(b'\\'), Just(b'[')], 0..100)) {
            let _ = Limits { json_depth: 3, ..Limits::DEFAULT }.check(&bytes);
        }

        #[test]
        fn the_end_of_a_string_is_found_at_every_alignment(text in r#"[a-z"\\é]{0,40}"#, tail in "[a-z\"\\\\]{0,10}") {
            let quoted = serde_json::to_string(&text).unwrap();
            let all = format!("{quoted}{tail}");
            prop_assert_eq!(end_of_string(all.as_bytes(), 1), quoted.len());
        }
    }
}
