//! An error that a provider reports about a message, an account or a conversation.

use serde::{Deserialize, Serialize};

use super::RawJson;
use crate::error::{ErrorKind, ProviderDetails};

/// An error that a provider reports, with its kind.
#[derive(Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct ProviderError {
    /// The kind of error. The word of a newer release reads as [`ErrorKind::Unexpected`].
    #[schemars(with = "String")]
    #[serde(deserialize_with = "crate::error::known_kind")]
    pub kind: ErrorKind,
    /// The provider's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The provider's finer code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subcode: Option<String>,
    /// The provider's id of the failed call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// The HTTP status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<u16>,
    /// The provider's title of the error; may name a recipient, so it is masked in `Debug`, as are the next two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The provider's sentence about the error, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The fault in detail, such as the invalid field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<String>,
    /// The provider's JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<RawJson>,
}

impl ProviderError {
    /// An error of a class, with the provider's code.
    pub fn new(kind: ErrorKind, code: Option<String>) -> Self {
        Self { kind, code, subcode: None, trace_id: None, http: None, title: None, message: None, details: None, raw: None }
    }

    /// Adds the provider's own words, each cut to [`ProviderDetails::MAX`] characters.
    #[must_use = "returns the error with the words"]
    pub fn with_provider_details(self, details: ProviderDetails) -> Self {
        let ProviderDetails { subcode, title, message, details, trace_id } = details.cut();
        Self { subcode, trace_id, title, message, details, ..self }
    }

    /// The provider's own words: personal data, for people and not for logs.
    pub fn provider_details(&self) -> ProviderDetails {
        ProviderDetails {
            subcode: self.subcode.clone(),
            title: self.title.clone(),
            message: self.message.clone(),
            details: self.details.clone(),
            trace_id: self.trace_id.clone(),
        }
    }
}

debug_fields!(ProviderError { kind, code });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_providers_words_are_bounded_and_printed_nowhere() {
        let words = || Some("canary ".repeat(1_000));
        let details = ProviderDetails { subcode: words(), title: words(), message: words(), details: words(), trace_id: words() };
        let error = ProviderError::new(ErrorKind::Template, Some("132000".to_owned())).with_provider_details(details);
        let kept = error.provider_details();
        for text in [kept.subcode, kept.title, kept.message, kept.details, kept.trace_id] {
            assert_eq!(text.map(|text| text.chars().count()), Some(ProviderDetails::MAX));
        }
        assert!(!format!("{error:?}").contains("canary"));
    }
}
