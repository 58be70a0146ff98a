//! The parts of a record that the provider spells in several ways.

use serde_json::Value;

use super::component::{Component, ComponentKind, items, word};
use super::definition::TemplateDefinition;
use super::record::TemplateRecord;
use crate::waba::wire::{id, text};

/// The one-time code of an authentication template.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct OneTimeCode {
    /// `COPY_CODE`, `ONE_TAP` or `ZERO_TAP`; `None` if the answer does not say.
    pub kind: Option<String>,
    /// The minutes until the code expires.
    pub expiration_minutes: Option<u64>,
    /// Whether the message warns against sharing the code; `None` if the answer does not say.
    pub security_recommendation: Option<bool>,
    /// The apps that may read it, each with package name and signature hash; empty if the answer names none.
    pub apps: Vec<(String, String)>,
}

impl TemplateRecord {
    /// The one-time code, if it has one: written as a button of its own, and read back as a URL button of the provider's site.
    pub fn one_time_code(&self) -> Option<OneTimeCode> {
        one_time_code(self.components.as_deref()?)
    }

    /// The samples of the body's positional variables: nested, flat or a bare text.
    pub fn body_samples(&self) -> Vec<String> {
        let body = self.part(&ComponentKind::Body).and_then(|body| body.pointer("/example/body_text"));
        let first = body.map(|samples| samples.get(0).filter(|inner| inner.is_array()).unwrap_or(samples));
        let list = first.map_or(&[][..], |list| list.as_array().map_or(std::slice::from_ref(list), Vec::as_slice));
        list.iter().filter_map(id).collect()
    }

    /// The address of the header's sample file. It is temporary, and no handle: an edit needs a fresh upload.
    pub fn header_sample_url(&self) -> Option<&str> {
        let handle = self.part(&ComponentKind::Header)?.pointer("/example/header_handle/0")?.as_str()?;
        is_address(handle).then_some(handle)
    }

    /// The definition that would make this template, for a file: one-time codes as they are written, without the addresses of samples.
    /// `None` without a language, a category or components.
    pub fn to_definition(&self) -> Option<TemplateDefinition> {
        let mut made = TemplateDefinition::new(&self.name, self.language.clone()?, self.category.clone()?);
        made.components.clone_from(self.components.as_ref()?);
        made.parameter_format.clone_from(&self.parameter_format);
        made.message_send_ttl_seconds = self.message_send_ttl_seconds;
        made.components.iter_mut().map(Component::json_mut).for_each(forget_addresses);
        if let Some(code) = made.is_authentication().then(|| one_time_code(&made.components)).flatten() {
            made.components.iter_mut().for_each(|part| as_written(part, &code));
        }
        Some(made)
    }

    fn part(&self, kind: &ComponentKind) -> Option<&Value> {
        self.components.iter().flatten().map(Component::as_json).find(|part| ComponentKind::of(part) == *kind)
    }
}

pub(super) fn is_address(handle: &str) -> bool {
    handle.starts_with("https://") || handle.starts_with("http://")
}

/// The one-time code of components, in either spelling.
pub(super) fn one_time_code(components: &[Component]) -> Option<OneTimeCode> {
    let parts = || components.iter().map(Component::as_json);
    let mut code = parts().flat_map(|part| items(part, "buttons")).find_map(code_button)?;
    let member = |name: &str| parts().find_map(|part| part.get(name));
    code.expiration_minutes = member("code_expiration_minutes").and_then(Value::as_u64).or(code.expiration_minutes);
    code.security_recommendation = member("add_security_recommendation").and_then(Value::as_bool);
    Some(code)
}

/// The code of one button, if it is its button.
pub(super) fn code_button(button: &Value) -> Option<OneTimeCode> {
    if word(button, "type") == "OTP" {
        // An older form names one app in the button itself.
        let apps = items(button, "supported_apps").iter().chain(button.get("package_name").map(|_| button));
        let apps = apps.filter_map(|app| Some((text(app, "package_name")?, text(app, "signature_hash")?)));
        let kind = Some(word(button, "otp_type")).filter(|kind| !kind.is_empty());
        return Some(OneTimeCode { kind, apps: apps.collect(), ..OneTimeCode::default() });
    }
    let (_, query) = button.get("url")?.as_str()?.split_once("://www.whatsapp.com/otp/code/")?;
    let query = query.trim_start_matches('?');
    let value = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let app = value("package_name").zip(value("signature_hash")).map(|(name, hash)| (name.to_owned(), unescaped(hash)));
    Some(OneTimeCode {
        kind: value("otp_type").map(str::to_ascii_uppercase),
        expiration_minutes: value("code_expiration_minutes").and_then(|minutes| minutes.parse().ok()),
        security_recommendation: None,
        apps: app.into_iter().collect(),
    })
}

/// The characters of a signature hash that an address escapes.
fn unescaped(hash: &str) -> String {
    [("%2B", "+"), ("%2F", "/"), ("%3D", "="), ("%2b", "+"), ("%2f", "/"), ("%3d", "=")]
        .into_iter()
        .fold(hash.to_owned(), |hash, (from, to)| hash.replace(from, to))
}

fn forget_addresses(part: &mut Value) {
    for card in part.get_mut("cards").and_then(Value::as_array_mut).into_iter().flatten() {
        card.get_mut("components").and_then(Value::as_array_mut).into_iter().flatten().for_each(forget_addresses);
    }
    let is_read_back = |handle: &Value| handle.as_str().is_some_and(is_address);
    if part.pointer("/example/header_handle/0").is_some_and(is_read_back)
        && let Some(members) = part.as_object_mut()
    {
        members.remove("example");
    }
}

/// A component of an authentication template as it is written: its texts are the provider's.
fn as_written(part: &mut Component, code: &OneTimeCode) {
    let made = match part.kind() {
        ComponentKind::Body => {
            serde_json::json!({"type": "BODY", "add_security_recommendation": code.security_recommendation.unwrap_or(false)})
        }
        ComponentKind::Footer => match code.expiration_minutes {
            Some(minutes) => serde_json::json!({"type": "FOOTER", "code_expiration_minutes": minutes}),
            None => return,
        },
        ComponentKind::Buttons => {
            let mut button = serde_json::json!({"type": "OTP", "otp_type": code.kind.as_deref().unwrap_or("COPY_CODE")});
            if !code.apps.is_empty() {
                let app = |(name, hash): &(String, String)| serde_json::json!({"package_name": name, "signature_hash": hash});
                button["supported_apps"] = code.apps.iter().map(app).collect();
            }
            // The provider made the template only because they were accepted.
            if code.kind.as_deref() == Some("ZERO_TAP") {
                button["zero_tap_terms_accepted"] = true.into();
            }
            serde_json::json!({"type": "BUTTONS", "buttons": [button]})
        }
        _ => return,
    };
    *part = Component::from_json(made);
}
