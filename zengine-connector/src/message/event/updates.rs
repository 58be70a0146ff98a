//! Changes of the tenant's objects at the provider, of presence and preferences, and calls.

use serde::{Deserialize, Serialize};

use crate::message::{ProviderError, RawJson};

// Their words are the provider's, and may name a person.
masked!(AccountUpdate, Call, Preference, Presence, TemplateUpdate);

/// A change of presence.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Presence {
    /// The presence, in the provider's word.
    pub state: String,
}

impl Presence {
    /// A presence in the provider's word.
    pub fn new(state: impl Into<String>) -> Self {
        Self { state: state.into() }
    }
}

/// A change of a template.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
#[non_exhaustive]
pub struct TemplateUpdate {
    /// The changed aspect: `status`, `quality`, `category`, `components`.
    pub aspect: String,
    /// The template's id at the provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template_id: Option<String>,
    /// The template's id at the partner that manages it, if the partner has ids of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hub_id: Option<String>,
    /// The id of the WhatsApp Business account that owns it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waba_id: Option<String>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its language.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The previous value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
    /// The new value, in the provider's word (`APPROVED`, `RED`, `MARKETING`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
    /// The reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The provider's advice on what to change in a template that it rejected, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recommendation: Option<String>,
    /// The provider's JSON, in full.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<RawJson>,
}

/// A change of an object that the tenant owns at the provider.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
#[non_exhaustive]
pub struct AccountUpdate {
    /// The subject, in the provider's word (`account_update`, `phone_number_quality_update`).
    pub field: String,
    /// The event, in the provider's word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// The reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Errors the provider names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ProviderError>,
    /// The provider's JSON, in full.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<RawJson>,
}

/// A spoken call.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
#[non_exhaustive]
pub struct Call {
    /// The provider's id of the call. In JSON `call_id`, since `id` is the envelope's.
    #[serde(rename = "call_id")]
    pub id: String,
    /// The event, in the provider's word (`connect`, `terminate`, `RINGING`).
    pub event: String,
    /// The direction, in the provider's word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<String>,
    /// The final status, in the provider's word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// The duration, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// The session description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<RawJson>,
    /// The reference the provider echoes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The provider's JSON, in full.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<RawJson>,
}

/// A person's choice about a kind of message.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Preference {
    /// The kind of message, in the provider's word (`marketing_messages`).
    pub scope: String,
    /// The provider's own word for the choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The provider's explanation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Preference {
    /// A choice about a kind of message.
    pub fn new(scope: impl Into<String>) -> Self {
        Self { scope: scope.into(), value: None, detail: None }
    }
}
