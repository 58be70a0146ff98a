//! The comparison form: the parts of a template that count, spelled one way.
//!
//! Samples, handles, the texts that the provider writes itself and defaults that it fills in do not count. The order of components does
//! not count either, but that of buttons does: messages address them by number.

use serde_json::{Map, Value, json};

use super::component::{Component, ComponentKind, items, word};
use super::definition::TemplateDefinition;
use super::record::TemplateRecord;
use super::view::{OneTimeCode, code_button, one_time_code};

/// Pointers to the parts of the content in which a template differs from its definition. Components stand under their kinds.
pub(super) fn changed(wanted: &TemplateDefinition, record: &TemplateRecord) -> Vec<String> {
    let mut changed = vec![];
    if wanted.library_template_name.is_none() {
        let (own, has) = (&wanted.components, record.components.as_deref().unwrap_or_default());
        let codes = wanted.is_authentication().then(|| {
            let mut own = one_time_code(own).unwrap_or_default();
            own.security_recommendation = own.security_recommendation.or(Some(false));
            (own, one_time_code(has).unwrap_or_default())
        });
        let json = |components: &[Component], code| form(components.iter().map(Component::as_json), code);
        let (own, has) = (json(own, codes.as_ref().map(|codes| &codes.0)), json(has, codes.as_ref().map(|codes| &codes.1)));
        difference(&own, &has, "/components", &mut changed);
    }
    let lifetime = |seconds| if seconds == -1 { 2_592_000 } else { seconds };
    if let (Some(own), Some(has)) = (wanted.message_send_ttl_seconds, record.message_send_ttl_seconds)
        && lifetime(own) != lifetime(has)
    {
        changed.push("/message_send_ttl_seconds".to_owned());
    }
    changed
}

/// Components by their kinds. With a code, the texts of body, footer and button are the provider's.
fn form<'v>(components: impl Iterator<Item = &'v Value>, code: Option<&OneTimeCode>) -> Value {
    let mut form = Map::new();
    for component in components {
        let kind = ComponentKind::of(component);
        let part = match (&kind, code) {
            (ComponentKind::Body, Some(code)) => json!({"add_security_recommendation": code.security_recommendation}),
            (ComponentKind::Footer, Some(code)) => json!({"code_expiration_minutes": code.expiration_minutes}),
            (ComponentKind::Header, _) => {
                let format = Some(word(component, "format")).filter(|format| !format.is_empty());
                json!({"format": format.as_deref().unwrap_or("TEXT"), "text": text(component)})
            }
            (ComponentKind::Body | ComponentKind::Footer, _) => json!({"text": text(component)}),
            (ComponentKind::Buttons, _) => items(component, "buttons").iter().map(button).collect(),
            (ComponentKind::Carousel, _) => items(component, "cards").iter().map(form_of_card).collect(),
            _ => members(component),
        };
        if part.as_array().is_none_or(|list| !list.is_empty()) {
            form.insert(kind.as_str().to_owned(), part);
        }
    }
    Value::Object(form)
}

/// A card. One within a card is not looked into.
fn form_of_card(card: &Value) -> Value {
    form(items(card, "components").iter().filter(|part| ComponentKind::of(part) != ComponentKind::Carousel), None)
}

fn button(button: &Value) -> Value {
    if let Some(code) = code_button(button) {
        let apps = Some(code.apps).filter(|apps| !apps.is_empty());
        return json!({"type": "OTP", "otp_type": code.kind, "supported_apps": apps});
    }
    match word(button, "type").as_str() {
        // Its label is the provider's, its code a sample.
        "COPY_CODE" => json!({"type": "COPY_CODE"}),
        "PHONE_NUMBER" => {
            let digits = button.get("phone_number").and_then(Value::as_str).unwrap_or_default().chars().filter(char::is_ascii_digit);
            json!({"type": "PHONE_NUMBER", "text": text(button), "phone_number": digits.collect::<String>()})
        }
        _ => members(button),
    }
}

/// All members but samples.
fn members(part: &Value) -> Value {
    let members = part.as_object().into_iter().flatten().filter(|(name, _)| *name != "example");
    let spelled = members.map(|(name, value)| match value {
        Value::String(_) if ["type", "format", "flow_action"].contains(&name.as_str()) => (name.clone(), word(part, name).into()),
        Value::String(text) => (name.clone(), plain(text).into()),
        Value::Number(number) => (name.clone(), number.to_string().into()),
        _ => (name.clone(), value.clone()),
    });
    spelled.collect()
}

fn text(part: &Value) -> Option<String> {
    part.get("text").and_then(Value::as_str).map(plain)
}

/// A text without the space around it, and with the line ends of the provider.
fn plain(text: &str) -> String {
    text.replace("\r\n", "\n").trim().to_owned()
}

/// Notes the places in which two forms differ. A member that only one has counts if no default stands for it.
fn difference(own: &Value, has: &Value, at: &str, changed: &mut Vec<String>) {
    match (own, has) {
        (Value::Object(own), Value::Object(has)) => {
            let names = own.keys().chain(has.keys().filter(|name| !own.contains_key(*name)));
            for name in names {
                let at = format!("{at}/{name}");
                match (own.get(name).unwrap_or(&Value::Null), has.get(name).unwrap_or(&Value::Null)) {
                    (Value::Null, Value::Null) => {}
                    (Value::Null, _) | (_, Value::Null) if !must_be_there(name) => {}
                    (own, has) => difference(own, has, &at, changed),
                }
            }
        }
        // The elements of a list have no names: the whole of it has changed.
        (Value::Array(own), Value::Array(has)) => {
            let mut inner = vec![];
            own.iter().zip(has).for_each(|(own, has)| difference(own, has, at, &mut inner));
            if own.len() != has.len() || !inner.is_empty() {
                changed.push(at.to_owned());
            }
        }
        _ if own != has => changed.push(at.to_owned()),
        _ => {}
    }
}

/// Whether a member counts even if one side lacks it: a component, which is in capitals, or a content without a default.
fn must_be_there(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_') || ["text", "url", "phone_number"].contains(&name)
}
