//! One component of a template.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use zengine_connector::schemars::JsonSchema;

open_words! {
    /// The kind of a component.
    pub enum ComponentKind {
        /// A title: a text, a file or a place.
        Header = "HEADER",
        /// The text. The one component that every template has.
        Body = "BODY",
        /// Small print.
        Footer = "FOOTER",
        /// The buttons.
        Buttons = "BUTTONS",
        /// Cards beside each other.
        Carousel = "CAROUSEL",
        /// An offer that ends.
        LimitedTimeOffer = "LIMITED_TIME_OFFER",
        /// The question whether the business may call.
        CallPermissionRequest = "CALL_PERMISSION_REQUEST",
    } else Other
}

impl ComponentKind {
    pub(super) fn of(component: &Value) -> Self {
        word(component, "type").as_str().into()
    }
}

/// One component of a template: its kind, and the provider's JSON exactly as it was given.
///
/// ```
/// use serde_json::json;
/// use zengine_strategies::whatsapp_meta_cloud::templates::{Component, ComponentKind};
///
/// let footer = Component::from_json(json!({"type": "footer", "text": "Acme"}));
/// assert_eq!((footer.kind(), &footer.as_json()["text"]), (ComponentKind::Footer, &json!("Acme")));
/// ```
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(crate = "zengine_connector::schemars", with = "ComponentForm")]
pub struct Component(Value);

redacted!(Component { kind: |it| it.kind() });

/// One component of a template. Members that are not listed are passed through.
#[derive(JsonSchema)]
#[schemars(crate = "zengine_connector::schemars", rename = "Component")]
#[allow(dead_code, reason = "only its schema is used")]
struct ComponentForm {
    /// `HEADER`, `BODY`, `FOOTER`, `BUTTONS`, `CAROUSEL`, `LIMITED_TIME_OFFER` or `CALL_PERMISSION_REQUEST`.
    r#type: String,
    /// Of a header: `TEXT`, `IMAGE`, `VIDEO`, `GIF`, `DOCUMENT` or `LOCATION`.
    format: Option<String>,
    /// The text, with `{{1}}` or `{{name}}` for variables. Absent from the body of an authentication template.
    text: Option<String>,
    /// Samples of the variables, or of the file of a header, for the reviewers.
    example: Option<Map<String, Value>>,
    /// The buttons, of which each has a `type`.
    buttons: Option<Vec<Map<String, Value>>>,
    /// The cards of a carousel, of which each has `components`.
    cards: Option<Vec<Map<String, Value>>>,
    /// Of an authentication template's body: whether it warns against sharing the code.
    add_security_recommendation: Option<bool>,
    /// Of an authentication template's footer, in minutes: 1 to 90.
    code_expiration_minutes: Option<u64>,
    /// The `text` of an offer, and `has_expiration`.
    limited_time_offer: Option<Map<String, Value>>,
}

impl Component {
    /// A component from the provider's JSON.
    pub fn from_json(json: Value) -> Self {
        Self(json)
    }

    /// The kind.
    pub fn kind(&self) -> ComponentKind {
        ComponentKind::of(&self.0)
    }

    /// The provider's JSON.
    pub fn as_json(&self) -> &Value {
        &self.0
    }

    pub(super) fn json_mut(&mut self) -> &mut Value {
        &mut self.0
    }
}

/// A member that is a word, trimmed and in upper case; empty if it is anything else.
pub(super) fn word(value: &Value, member: &str) -> String {
    value.get(member).and_then(Value::as_str).unwrap_or_default().trim().to_ascii_uppercase()
}

/// The elements of a member that is an array.
pub(super) fn items<'v>(value: &'v Value, member: &str) -> &'v [Value] {
    value.get(member).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
