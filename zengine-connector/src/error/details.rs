//! The provider's own words about a refused call.

use serde::{Deserialize, Serialize};

/// The provider's own words about a refused call.
///
/// They may name a recipient or quote the message. Read them explicitly: no `Debug`, no error text and no log holds them, and a
/// dead letter keeps them encrypted. [`trace_id`](Self::trace_id) alone is no personal data.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ProviderDetails {
    /// The provider's finer code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subcode: Option<String>,
    /// The title of the error, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The sentence about the error, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The fault in detail, such as the invalid field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<String>,
    /// The provider's id of the call. An error, its `Debug` and log lines may name it as `provider_request_id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}

debug_value!(ProviderDetails, |_it| "***");

impl ProviderDetails {
    /// Maximum length of each text, in characters; the rest is cut off.
    pub const MAX: usize = 1_024;

    /// The same with every text cut to [`MAX`](Self::MAX).
    pub(crate) fn cut(self) -> Self {
        let cut = |text: Option<String>| text.map(|text| text.chars().take(Self::MAX).collect());
        Self {
            subcode: cut(self.subcode),
            title: cut(self.title),
            message: cut(self.message),
            details: cut(self.details),
            trace_id: cut(self.trace_id),
        }
    }
}
