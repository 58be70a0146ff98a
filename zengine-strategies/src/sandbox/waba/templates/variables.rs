//! The variables of a template.

use serde_json::Value;

use super::builder::Template;

/// The variable of the header.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::sandbox) enum Format {
    None,
    Text,
    Media(String),
}

/// The variables of a template.
#[derive(Debug)]
pub(in crate::sandbox) struct Variables {
    pub(in crate::sandbox) header: Format,
    /// The names of the body's variables; numbers if they are positional.
    pub(in crate::sandbox) body: Vec<String>,
    /// The `sub_type` of every button, and whether it needs a parameter; `None` if the buttons are not known.
    pub(in crate::sandbox) buttons: Option<Vec<(&'static str, bool)>>,
}

impl Variables {
    pub(in crate::sandbox) fn of(template: &Template) -> Self {
        let header = match template.component("HEADER") {
            Some(header) => match header["format"].as_str().unwrap_or("TEXT") {
                "TEXT" if variables(header["text"].as_str().unwrap_or_default()).is_empty() => Format::None,
                "TEXT" => Format::Text,
                format => Format::Media(format.to_owned()),
            },
            None => Format::None,
        };
        let text = template.component("BODY").and_then(|body| body["text"].as_str());
        let body = match text {
            Some(text) => variables(text),
            // Meta generates the body of an authentication template, with one variable: the code.
            None if template.category == "AUTHENTICATION" => vec!["1".to_owned()],
            None => Vec::new(),
        };
        let buttons = template.buttons_known.then(|| {
            let buttons = template.component("BUTTONS").and_then(|buttons| buttons["buttons"].as_array());
            buttons.into_iter().flatten().map(button).collect()
        });
        Self { header, body, buttons }
    }
}

/// The `sub_type` of a button in a message, and whether the button needs a parameter.
fn button(button: &Value) -> (&'static str, bool) {
    match button["type"].as_str().unwrap_or_default() {
        "URL" => ("url", !variables(button["url"].as_str().unwrap_or_default()).is_empty()),
        "COPY_CODE" => ("copy_code", true),
        // The code of a one-time password is sent like the end of an address.
        "OTP" => ("url", true),
        "PHONE_NUMBER" => ("phone_number", false),
        "FLOW" => ("flow", false),
        "CATALOG" => ("catalog", false),
        "MPM" => ("mpm", true),
        "VOICE_CALL" => ("voice_call", false),
        "ORDER_DETAILS" => ("order_details", true),
        "REQUEST_CONTACT_INFO" => ("request_contact_info", false),
        "CALL_PERMISSION_REQUEST" => ("call_permission_request", false),
        _ => ("quick_reply", false),
    }
}

/// The distinct names between `{{` and `}}`, in order.
pub(in crate::sandbox) fn variables(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some((_, behind)) = rest.split_once("{{") {
        let Some((name, after)) = behind.split_once("}}") else { break };
        let name = name.trim();
        if !found.iter().any(|known| known == name) {
            found.push(name.to_owned());
        }
        rest = after;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_found_once_each() {
        assert_eq!(variables("Hi {{1}}, {{ 2 }} and {{1}} {{"), ["1", "2"]);
        assert_eq!(variables("{{first_name}}"), ["first_name"]);
        assert!(variables("{1} }}{{").is_empty());
    }
}
