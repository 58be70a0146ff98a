//! Mentions of a person in what a store keeps.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use crate::message::{Identity, IdentityKind};

/// A person to look for, under every name that means the same.
pub(super) struct Person(Vec<Identity>);

impl Person {
    pub(super) fn new(id: &Identity) -> Self {
        // WhatsApp's id of a phone account is its number without the plus sign.
        let twin = match id.kind() {
            IdentityKind::Phone => Identity::new(IdentityKind::WaId, id.value()).ok(),
            IdentityKind::WaId => Identity::phone(&format!("+{}", id.value())).ok(),
            _ => None,
        };
        Self(std::iter::once(id.clone()).chain(twin).collect())
    }

    /// Returns `true` if JSON names the person: as an identity, or anywhere as a whole text.
    pub(super) fn is_in(&self, json: &Value) -> bool {
        match json {
            Value::String(text) => self.is_text(text),
            Value::Number(number) => self.is_text(&number.to_string()),
            Value::Array(items) => items.iter().any(|item| self.is_in(item)),
            Value::Object(members) => {
                let identity = || serde_json::from_value::<Identity>(json.clone()).is_ok_and(|id| self.0.contains(&id));
                let bytes = |text: &Value| STANDARD.decode(text.as_str().unwrap_or_default()).is_ok_and(|raw| self.is_in_bytes(&raw));
                (members.contains_key("kind") && identity())
                    || members.get("raw_base64").is_some_and(bytes)
                    || members.values().any(|value| self.is_in(value))
            }
            Value::Null | Value::Bool(_) => false,
        }
    }

    /// Returns `true` if a key names the person, whole or as one of its parts.
    pub(super) fn is_in_key(&self, key: &str) -> bool {
        let is_value = |text: &str| self.0.iter().any(|id| id.value() == text || id.spelling() == text);
        let ends = |(n, _)| is_value(&key[n + 1..]);
        is_value(key) || key.match_indices(['/', '|']).any(ends) || key.split(['/', '|']).any(|part| is_value(part) || self.is_text(part))
    }

    /// Returns `true` if a whole text is a name of the person in any spelling.
    fn is_text(&self, text: &str) -> bool {
        let spelled = |id: &Identity| is_telling(id.kind()) && Identity::new(id.kind(), text).is_ok_and(|it| it.value() == id.value());
        self.0.iter().any(spelled) || (text.contains(':') && Identity::guess(text).is_ok_and(|it| self.0.contains(&it)))
    }

    /// Returns `true` if bytes that are no JSON hold a telling name of the person, alone among others.
    fn is_in_bytes(&self, raw: &[u8]) -> bool {
        let telling = self.0.iter().filter(|id| is_telling(id.kind()));
        telling.into_iter().any(|id| {
            let value = id.value().trim_start_matches('+');
            holds(raw, value.as_bytes()) || holds(raw, value.replace('@', "%40").as_bytes())
        })
    }
}

/// Whether a text alone tells that it is a name of this kind. A visitor's `7` is also a count.
const fn is_telling(kind: IdentityKind) -> bool {
    matches!(kind, IdentityKind::Phone | IdentityKind::WaId | IdentityKind::Email | IdentityKind::Bsuid | IdentityKind::ParentBsuid)
}

/// Returns `true` if bytes hold a value that is no part of a longer number or address.
fn holds(raw: &[u8], value: &[u8]) -> bool {
    let goes_on = |byte: Option<&u8>| {
        byte.is_some_and(|byte| if value[0].is_ascii_digit() { byte.is_ascii_digit() } else { byte.is_ascii_alphanumeric() })
    };
    memchr::memmem::find_iter(raw, value).any(|n| !goes_on(n.checked_sub(1).and_then(|n| raw.get(n))) && !goes_on(raw.get(n + value.len())))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn phone() -> Person {
        Person::new(&Identity::phone("+1 (555) 123-0001").unwrap())
    }

    #[test]
    fn a_person_is_found_in_every_spelling_that_the_model_treats_as_equal() {
        for named in [
            json!({ "to": { "ids": [{ "kind": "phone", "value": "+15551230001" }] } }),
            json!({ "to": "+1 555 123 0001" }),
            json!({ "to": "tel:+15551230001" }),
            json!({ "from": [{ "kind": "wa_id", "value": "15551230001" }] }),
            json!({ "raw": { "messages": [{ "from": "15551230001" }] } }),
            json!({ "number": 15_551_230_001_u64 }),
            json!({ "raw_base64": STANDARD.encode("From=%2B15551230001&Body=hi") }),
        ] {
            assert!(phone().is_in(&named), "{named}");
        }
        let ana = Person::new(&Identity::email("ana@example.org").unwrap());
        for named in
            [json!(["ana@EXAMPLE.org"]), json!("mailto:ana@example.org"), json!({ "raw_base64": STANDARD.encode("f=ana%40example.org") })]
        {
            assert!(ana.is_in(&named), "{named}");
        }
    }

    #[test]
    fn another_person_is_not_found() {
        for other in [
            json!({ "to": { "kind": "phone", "value": "+15551230002" } }),
            json!({ "body": "call +15551230001 instead" }),
            json!({ "raw_base64": STANDARD.encode("From=%2B155512300012") }),
            json!({ "n": 1, "none": null, "yes": true }),
        ] {
            assert!(!phone().is_in(&other), "{other}");
        }
        let ana = Person::new(&Identity::email("ana@example.org").unwrap());
        assert!(!ana.is_in(&json!("Ana@example.org")), "the local part has its case");
        assert!(!ana.is_in(&json!({ "raw_base64": STANDARD.encode("joana@example.org") })));
    }

    #[test]
    fn an_id_that_tells_nothing_by_itself_is_found_as_an_identity_only() {
        let visitor = Person::new(&Identity::opaque("chat", "7").unwrap());
        assert!(visitor.is_in(&json!({ "kind": "opaque", "value": "7", "ns": "chat" })));
        assert!(visitor.is_in(&json!("opaque:chat:7")));
        for other in [json!({ "n": 7, "s": "7" }), json!({ "kind": "opaque", "value": "7", "ns": "mail" })] {
            assert!(!visitor.is_in(&other), "{other}");
        }
        assert!(visitor.is_in_key("core:outbox/7") && !visitor.is_in_key("core:outbox/17"));
        assert!(phone().is_in_key("window/+15551230001") && phone().is_in_key("15551230001"));
        let chat = Person::new(&Identity::opaque("chat", "a/b").unwrap());
        assert!(chat.is_in_key("core:outbox/a/b"));
    }
}
