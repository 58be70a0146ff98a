//! The part of a JSON error that is safe to report: the expected form, never the input.

use std::error::Error;

/// The beginnings of serde's texts that quote content and end in what the type wants. `there are no fields` says nothing of the kind.
const QUOTING: [&str; 5] = ["invalid type: ", "invalid value: ", "invalid length ", "unknown variant `", "unknown field `"];

/// The text of an error and of its causes, for a log line. What serde quotes of its input is left out, also where another error
/// repeats it.
pub(crate) fn described(error: &(dyn Error + 'static)) -> String {
    let chain: Vec<_> = std::iter::successors(Some(error), |&error| error.source()).take(9).collect();
    let of_json = chain.iter().filter_map(|error| error.downcast_ref::<serde_json::Error>());
    let masks: Vec<_> = of_json.map(|error| (error.to_string(), masked(error))).collect();
    let texts = chain.iter().map(|error| {
        let text = error.to_string();
        let known = masks.iter().any(|(said, _)| text.contains(said));
        // An error that hides one of JSON, as `#[error(transparent)]` does: its words may be those of a type that quotes its input.
        match placed(&text).filter(|place| !known && !is_of_serde(&text, place)) {
            Some(place) => format!("parse error{place}"),
            None => unquoted(&masks.iter().fold(text, |text, (said, mask)| text.replace(said, mask))),
        }
    });
    texts.collect::<Vec<_>>().join(": ")
}

/// The place in the input at the end of a text.
fn placed(text: &str) -> Option<&str> {
    let place = &text[text.rfind(" at line ")?..];
    let (line, column) = place.strip_prefix(" at line ")?.split_once(" column ")?;
    [line, column].iter().all(|number| number.parse::<u64>().is_ok()).then_some(place)
}

/// Whether a text begins as serde's own do, so that what it quotes of the input is known.
fn is_of_serde(text: &str, place: &str) -> bool {
    let is_name = |name: &str| name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let missing = text.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix(place)?.strip_suffix('`'));
    missing.is_some_and(is_name) || QUOTING.iter().any(|form| text.starts_with(form))
}

fn masked(error: &serde_json::Error) -> String {
    if error.is_data() && json_fact(error).is_none() {
        return "JSON of another form".to_owned();
    }
    unquoted(&error.to_string())
}

/// A text without what serde quotes in it.
fn unquoted(text: &str) -> String {
    let Some(at) = QUOTING.iter().filter_map(|form| Some(text.find(form)? + form.len())).min() else { return text.to_owned() };
    let (before, quoted) = text.split_at(at);
    let expected = quoted.rfind(", expected ").filter(|_| !quoted.contains(", there are no "));
    format!("{before}…{}", expected.map_or("", |at| &quoted[at..]))
}

/// A context value, under one of [`CONTEXT_KEYS`](super::CONTEXT_KEYS), about JSON of another form; `None` if serde's text could
/// hold content of the input.
pub(crate) fn json_fact(error: &serde_json::Error) -> Option<(&'static str, String)> {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let text = text.strip_suffix(&place).unwrap_or(&text);
    if let Some(field) = text.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        return Some(("missing", short(field)));
    }
    if QUOTING.iter().any(|form| text.starts_with(form)) && !text.contains(", there are no ") {
        return text.rsplit_once(", expected ").map(|(_, expected)| ("expected", short(expected)));
    }
    // An error of ours, from a type that checks itself: literal and facts only.
    let ours = text.strip_prefix(super::ErrorKind::MessageInvalid.as_str())?.strip_prefix(" (permanent): ")?;
    Some(("expected", short(ours)))
}

fn short(text: &str) -> String {
    text.chars().take(256).collect()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::message::{Identity, OutboundMessage};

    fn of<T: std::fmt::Debug + for<'de> Deserialize<'de>>(json: &str) -> Option<(&'static str, String)> {
        json_fact(&serde_json::from_str::<T>(json).unwrap_err())
    }

    #[test]
    fn what_is_missing_and_what_was_expected_is_told() {
        assert_eq!(of::<OutboundMessage>("{}"), Some(("missing", "to".to_owned())));
        assert_eq!(of::<u32>("\"canary\""), Some(("expected", "u32".to_owned())));
        let (key, phone) = of::<Identity>(r#"{"kind":"phone","value":"15551230001"}"#).unwrap();
        assert_eq!(key, "expected");
        assert!(phone.starts_with("a phone number is + and 1 to 15 digits"), "{phone}");
        let (_, contents) = of::<OutboundMessage>(r#"{"to":"+1555","content":{"type":"canary"}}"#).unwrap();
        assert!(contents.starts_with("one of `text`"), "{contents}");
    }

    #[derive(Debug)]
    struct Wrapped(&'static str, Option<serde_json::Error>);

    impl std::fmt::Display for Wrapped {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            match &self.1 {
                Some(error) => write!(f, "{}: {error}", self.0),
                None => f.write_str(self.0),
            }
        }
    }

    impl Error for Wrapped {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(self.1.as_ref()?)
        }
    }

    /// A type that quotes its input.
    #[derive(Debug)]
    struct Choosy;

    impl<'de> Deserialize<'de> for Choosy {
        fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            Err(serde::de::Error::custom(format!("odd: {}", String::deserialize(from)?)))
        }
    }

    fn choosy() -> serde_json::Error {
        serde_json::from_str::<Vec<Choosy>>("[\"canary\"]").unwrap_err()
    }

    #[test]
    fn an_error_of_json_is_told_without_the_input_however_it_is_wrapped() {
        let number = || serde_json::from_str::<u32>("\"canary, expected canary\"").unwrap_err();
        let syntax = serde_json::from_str::<u32>("canary").unwrap_err();
        assert_eq!(described(&number()), "invalid type: …, expected u32 at line 1 column 25");
        assert_eq!(described(&syntax), "expected value at line 1 column 1");
        let (inner, outer) = ("JSON of another form", "row 7");
        assert_eq!(described(&Wrapped(outer, Some(choosy()))), format!("{outer}: {inner}: {inner}"));
        assert!(!described(&Wrapped(outer, Some(number()))).contains("canary"));
        let repeated = Wrapped("row 7: unknown field `canary`, there are no fields at line 1 column 3", None);
        assert_eq!(described(&repeated), "parse error at line 1 column 3");
        assert_eq!(described(&Wrapped("the disk is full", None)), "the disk is full");
    }

    #[derive(Debug)]
    struct Transparent(serde_json::Error);

    impl std::fmt::Display for Transparent {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            self.0.fmt(f)
        }
    }

    impl Error for Transparent {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.0.source()
        }
    }

    #[test]
    fn an_error_of_json_that_another_hides_is_known_by_its_text() {
        let of = |error| described(&Transparent(error));
        assert_eq!(of(choosy()), "parse error at line 1 column 10");
        assert_eq!(of(serde_json::from_str::<u32>("canary").unwrap_err()), "parse error at line 1 column 1");
        assert_eq!(of(serde_json::from_str::<u32>("\"canary\"").unwrap_err()), "invalid type: …, expected u32 at line 1 column 8");
        assert_eq!(of(serde_json::from_str::<OutboundMessage>("{}").unwrap_err()), "missing field `to` at line 1 column 2");
        assert_eq!(described(&Wrapped("the train stops at line 7", None)), "the train stops at line 7");
    }

    #[test]
    fn content_that_looks_like_a_sentence_of_serde_does_not_show_what_a_hidden_error_quotes() {
        for input in ["canary unknown field `x", "canary invalid type: x", "missing field `canary", "canary missing field `x`"] {
            let json = serde_json::to_string(&[input]).unwrap();
            let told = described(&Transparent(serde_json::from_str::<Vec<Choosy>>(&json).unwrap_err()));
            assert!(told.starts_with("parse error at line 1") && !told.contains("canary"), "{told}");
        }
        let told = described(&Wrapped("missing field `canary of a person` at line 1 column 2", None));
        assert_eq!(told, "parse error at line 1 column 2");
    }

    #[test]
    fn content_that_looks_like_a_sentence_of_serde_is_not_in_the_text() {
        let first = serde_json::from_str::<u32>("\"canary unknown field `x\"").unwrap_err();
        assert_eq!(described(&first), "invalid type: …, expected u32 at line 1 column 25");
        let listed = Wrapped("unknown field `a, expected canary`, there are no fields", None);
        assert_eq!(described(&listed), "unknown field `…");
    }

    #[test]
    fn content_that_looks_like_a_sentence_of_serde_is_not_told() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Strict {}

        let sentence = "a, expected canary";
        assert_eq!(of::<u32>(&format!("\"{sentence}\"")), Some(("expected", "u32".to_owned())));
        assert_eq!(of::<Strict>(&format!("{{\"{sentence}\":1}}")), None);
        assert_eq!(of::<u32>("canary"), None);
    }
}
