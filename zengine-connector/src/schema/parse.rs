//! Reading a configuration as its type, with errors that do not repeat it.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::MAX_NAME;
use crate::error::{Error, ErrorKind, json_fact};

/// Parses by reference, so that the secrets in the JSON stay where they can be wiped.
pub(crate) fn parse<T: DeserializeOwned>(config: &Value) -> Result<T, Error> {
    T::deserialize(config).map_err(|error| {
        let failed = Error::new(ErrorKind::ConfigInvalid, "the configuration does not parse");
        // The names of a configuration's fields are safe to report, unlike those of a message.
        let text = error.to_string();
        let unknown = text.strip_prefix("unknown field `").and_then(|rest| rest.split_once('`'));
        match unknown.map(|(name, _)| ("field", name.chars().take(MAX_NAME).collect())).or_else(|| json_fact(&error)) {
            Some((key, value)) => failed.with_context(key, value),
            None => failed,
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Settings {
        id: String,
        port: u16,
    }

    #[test]
    fn an_error_says_what_is_missing_or_expected_and_never_what_was_there() {
        for (config, key, fact) in [
            (json!({ "id": "x" }), "missing", "port"),
            (json!({ "id": "x", "port": 1, "prot": "canary" }), "field", "prot"),
            (json!({ "id": "x", "port": "canary, expected canary" }), "expected", "u16"),
            (json!({ "id": "x", "port": 70_000 }), "expected", "u16"),
            (json!(["canary"]), "expected", "struct Settings with 2 elements"),
        ] {
            let error = parse::<Settings>(&config).unwrap_err();
            assert_eq!(error.context(key), Some(fact), "{error}");
            assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
        }
    }

    #[test]
    fn a_long_name_is_cut() {
        let error = parse::<Settings>(&json!({ "n".repeat(10 * MAX_NAME): 1 })).unwrap_err();
        assert_eq!(error.context("field"), Some(&*"n".repeat(MAX_NAME)));
    }
}
