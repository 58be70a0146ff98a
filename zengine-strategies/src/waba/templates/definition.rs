//! A template as it is wanted, and its form on the wire.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use zengine_connector::schemars::JsonSchema;

use super::component::{Component, ComponentKind, items};
use super::variables::{self, Style};

/// The two forms in which a provider offers the management of templates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(crate = "zengine_connector::schemars")]
pub enum TemplateFamily {
    /// Whichever answers a list.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// 360dialog's older one, `/v1/configs/templates`: no edits, and a deletion removes every language.
    A,
    /// Meta's, `/message_templates`.
    B,
}

/// A template as you want it, in the provider's form. `name` and `language` together are its key, and cannot be changed later.
///
/// ```
/// use serde_json::json;
/// use zengine_strategies::whatsapp_meta_cloud::templates::{Component, TemplateDefinition, TemplateFamily};
///
/// let mut wanted = TemplateDefinition::new("parcel_ready", "en_US", "utility");
/// wanted.components = vec![Component::from_json(json!({"type": "BODY", "text": "Your parcel is here."}))];
/// assert!(wanted.check().is_empty());
/// assert_eq!(wanted.to_wire(TemplateFamily::B)["category"], "UTILITY");
/// ```
#[derive(Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(crate = "zengine_connector::schemars")]
#[non_exhaustive]
pub struct TemplateDefinition {
    /// The name: 1 to 512 of `a` to `z`, `0` to `9` and `_`.
    pub name: String,
    /// The language's code, such as `en_US`.
    pub language: String,
    /// `AUTHENTICATION`, `MARKETING` or `UTILITY`, in any case.
    pub category: String,
    /// The components. Empty for a template of the provider's library.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<Component>,
    /// `POSITIONAL` or `NAMED`. Read from the texts if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameter_format: Option<String>,
    /// Whether the provider may choose another category. It rejects a wrong one otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_category_change: Option<bool>,
    /// The time in which a message must be delivered, in seconds; -1 is 30 days. The range depends on the category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_send_ttl_seconds: Option<i64>,
    /// Whether clicks on its addresses are not counted. Read when it is created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cta_url_link_tracking_opted_out: Option<bool>,
    /// The form in which the message is shown. Read when it is created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_format: Option<String>,
    /// The category's part, such as `ORDER_DETAILS`. Read when it is created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_category: Option<String>,
    /// The template of the provider's library that this one copies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub library_template_name: Option<String>,
    /// Its buttons' addresses and numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub library_template_button_inputs: Option<Value>,
    /// Its body's options.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub library_template_body_inputs: Option<Value>,
    /// The apps that may read a one-time code, where they are not named in the button.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supported_apps: Option<Value>,
    /// Whether the terms of codes without a tap are accepted, where the button does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zero_tap_terms_accepted: Option<bool>,
    /// Members of newer releases of the provider, passed through.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

redacted!(TemplateDefinition { name, language, category, components });

impl TemplateDefinition {
    /// A template without components.
    pub fn new(name: impl Into<String>, language: impl Into<String>, category: impl Into<String>) -> Self {
        Self { name: name.into(), language: language.into(), category: category.into(), ..Self::default() }
    }

    /// The body of a request that creates it: the category in capitals, samples nested as the provider takes them, and the format of
    /// the variables, which family A refuses.
    pub fn to_wire(&self, family: TemplateFamily) -> Value {
        let mut sent = self.clone();
        sent.category = sent.category.trim().to_ascii_uppercase();
        sent.parameter_format = match (family, &self.parameter_format) {
            (TemplateFamily::A, _) => None,
            (_, Some(format)) => Some(format.trim().to_ascii_uppercase()),
            (_, None) => self.is_named().then(|| "NAMED".to_owned()),
        };
        nest_samples(&mut sent.components);
        serde_json::to_value(sent).unwrap_or_default()
    }

    /// Whether the texts have named variables.
    fn is_named(&self) -> bool {
        let cards = self.components.iter().flat_map(|part| items(part.as_json(), "cards")).flat_map(|card| items(card, "components"));
        let texts = self.components.iter().map(Component::as_json).chain(cards).filter_map(|part| part.get("text")?.as_str());
        texts.flat_map(variables::tokens).any(|token| token.style() == Some(Style::Named))
    }

    pub(super) fn is_authentication(&self) -> bool {
        self.category.trim().eq_ignore_ascii_case("AUTHENTICATION")
    }
}

/// A change of a template. The components replace all that it has.
///
/// The provider takes these three members and no others: [`check`](Self::check) reports those in `other`.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(crate = "zengine_connector::schemars")]
#[non_exhaustive]
pub struct TemplateChanges {
    /// Another category. An approved template keeps its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// All components.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub components: Option<Vec<Component>>,
    /// The time in which a message must be delivered, in seconds; -1 is 30 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_send_ttl_seconds: Option<i64>,
    /// Any other member.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

redacted!(TemplateChanges { category, components });

impl TemplateChanges {
    /// The body of a request that makes the change.
    pub fn to_wire(&self) -> Value {
        let mut sent = self.clone();
        sent.category = sent.category.map(|category| category.trim().to_ascii_uppercase());
        sent.components.iter_mut().for_each(|components| nest_samples(components));
        serde_json::to_value(sent).unwrap_or_default()
    }
}

/// Samples of a body in the nested form: the flat one, which a page of the provider prints, is refused for two variables.
fn nest_samples(components: &mut [Component]) {
    for component in components.iter_mut().map(Component::json_mut) {
        nest(component);
        for card in component.get_mut("cards").and_then(Value::as_array_mut).into_iter().flatten() {
            card.get_mut("components").and_then(Value::as_array_mut).into_iter().flatten().for_each(nest);
        }
    }
}

fn nest(component: &mut Value) {
    if ComponentKind::of(component) != ComponentKind::Body {
        return;
    }
    let Some(samples) = component.get_mut("example").and_then(|example| example.get_mut("body_text")) else { return };
    match samples {
        Value::String(_) => *samples = Value::from(vec![Value::from(vec![samples.take()])]),
        Value::Array(flat) if !flat.is_empty() && !flat.iter().any(Value::is_array) => *samples = Value::from(vec![samples.take()]),
        _ => {}
    }
}
