//! The part of a JSON error that is safe to report: the expected form, never the input.

/// A context value, under one of [`CONTEXT_KEYS`](super::CONTEXT_KEYS), about JSON of another form; `None` if serde's text could
/// hold content of the input.
pub(crate) fn json_fact(error: &serde_json::Error) -> Option<(&'static str, String)> {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let text = text.strip_suffix(&place).unwrap_or(&text);
    if let Some(field) = text.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        return Some(("missing", short(field)));
    }
    // These forms end in what the type wants; content stands before it. `there are no fields` says nothing of the kind.
    let forms = ["invalid type: ", "invalid value: ", "invalid length ", "unknown variant `", "unknown field `"];
    if forms.iter().any(|form| text.starts_with(form)) && !text.contains(", there are no ") {
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
