//! A template as the provider has it.

use serde::{Deserialize, Serialize};
use zengine_connector::{message::RawJson, schemars::JsonSchema};

use super::component::Component;
use super::status::TemplateStatus;

/// The ids of a template. A partner's hub has ids of its own, which Meta's calls do not take, and the other way round.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(crate = "zengine_connector::schemars")]
#[serde(default)]
#[non_exhaustive]
pub struct TemplateId {
    /// Meta's: digits. Webhooks, edits and the deletion of one language name it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meta: Option<String>,
    /// The hub's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hub: Option<String>,
}

impl TemplateId {
    /// An id by its form: Meta's has digits only.
    pub fn of(id: impl Into<String>) -> Self {
        let id = id.into();
        let is_meta = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
        if is_meta { Self { meta: Some(id), hub: None } } else { Self { meta: None, hub: Some(id).filter(|id| !id.is_empty()) } }
    }
}

/// The quality that the provider sees in a template.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(crate = "zengine_connector::schemars")]
#[non_exhaustive]
pub struct TemplateQuality {
    /// `green`, `yellow`, `red` or `unknown`.
    pub score: String,
    /// The time of the rating, in milliseconds UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_ms: Option<i64>,
}

impl TemplateQuality {
    pub(super) fn new(score: &str) -> Self {
        Self { score: score.to_ascii_lowercase(), at_ms: None }
    }
}

/// A template as the provider has it. Its key is the name with the language; every other member may be missing from an answer.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(crate = "zengine_connector::schemars")]
#[serde(default)]
#[non_exhaustive]
pub struct TemplateRecord {
    /// The ids that are known.
    pub id: TemplateId,
    /// The name.
    pub name: String,
    /// The language's code, with `_`: webhooks write `en-US`.
    pub language: Option<String>,
    /// The status. One without is not sendable.
    pub status: Option<TemplateStatus>,
    /// The category, in upper case. Old templates have words that cannot be written any more.
    pub category: Option<String>,
    /// The category before the provider changed it.
    pub previous_category: Option<String>,
    /// The category that the provider takes for the right one.
    pub correct_category: Option<String>,
    /// The category that a webhook has announced.
    pub pending_category: Option<String>,
    /// The category's part.
    pub sub_category: Option<String>,
    /// The provider's word for the reason of a rejection, such as `INVALID_FORMAT`.
    pub rejected_reason: Option<String>,
    /// The provider's advice on a rejection, for people.
    pub recommendation: Option<String>,
    /// The quality.
    pub quality: Option<TemplateQuality>,
    /// `POSITIONAL` or `NAMED`.
    pub parameter_format: Option<String>,
    /// The time in which a message must be delivered, in seconds; -1 is 30 days.
    pub message_send_ttl_seconds: Option<i64>,
    /// The namespace, which old on-premise sends name.
    pub namespace: Option<String>,
    /// The components. `None` if the answer has none that can be read, which is not the same as an empty list.
    pub components: Option<Vec<Component>>,
    /// The provider's JSON, in full.
    pub raw: Option<RawJson>,
}

redacted!(TemplateRecord { id, name, language, status, category, rejected_reason, components });

impl TemplateRecord {
    /// Whether a message may use it now.
    pub fn is_sendable(&self) -> bool {
        self.status.as_ref().is_some_and(TemplateStatus::is_sendable)
    }

    /// Whether it is rejected and the answer does not say why, as the answer to a creation: read the template once more for the reason.
    pub fn lacks_reason(&self) -> bool {
        self.status == Some(TemplateStatus::Rejected) && self.rejected_reason.is_none()
    }

    /// Whether it is the template of this name and language.
    pub fn is_of(&self, name: &str, language: &str) -> bool {
        self.name == name && self.language.as_deref().is_some_and(|own| same_language(own, language))
    }
}

/// Whether two codes name one language: webhooks write `en-US` for `en_US`.
pub(super) fn same_language(one: &str, other: &str) -> bool {
    let letters = |code: &str| code.bytes().map(|byte| if byte == b'-' { b'_' } else { byte.to_ascii_lowercase() }).collect::<Vec<_>>();
    one == other || letters(one) == letters(other)
}
