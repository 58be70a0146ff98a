//! The numbers and accounts that a body names, before it is authenticated.

use zengine_connector::ids::RouteKey;
use zengine_connector::json::{Document, Object, ValueRef, text_of};

/// Maximum keys that are looked up for a request.
const MAX_KEYS: usize = 8;
/// Longest id that is looked up, in bytes.
const MAX_ID: usize = 64;

/// The keys of a body's numbers, then of its accounts; none if it is not JSON. Nothing of it is trusted: they only say whose secrets are
/// compared.
pub(super) fn of(body: &[u8]) -> Vec<RouteKey> {
    let text = text_of(body);
    let Ok(document) = Document::read(text.trim_start_matches('\u{feff}')) else { return vec![] };
    let mut keys = Keys::default();
    let root = document.root();
    for item in root.elements().into_iter().flatten().chain([root]).filter_map(ValueRef::object) {
        keys.number(&item);
        keys.template(&item);
        for entry in item.elements("entry").filter_map(ValueRef::object) {
            keys.add(RouteKey::shared("waba_id", entry.text("id").unwrap_or_default()));
            for change in entry.elements("changes").filter_map(ValueRef::object) {
                if let Some(value) = change.object("value") {
                    keys.number(&value);
                }
            }
        }
    }
    keys.0.sort_by_key(|key| key.kind() != "phone_number_id");
    keys.0
}

#[derive(Default)]
struct Keys(Vec<RouteKey>);

impl Keys {
    fn add(&mut self, key: RouteKey) {
        let is_id = (1..=MAX_ID).contains(&key.value().len());
        if is_id && self.0.len() < MAX_KEYS && !self.0.contains(&key) {
            self.0.push(key);
        }
    }

    /// The number of a change's value, or of a value without an envelope.
    fn number(&mut self, value: &Object<'_>) {
        let metadata = value.object("metadata").unwrap_or_default();
        self.add(RouteKey::new("phone_number_id", metadata.text("phone_number_id").unwrap_or_default()));
    }

    /// The account of a partner's event about a template, or its channel.
    fn template(&mut self, event: &Object<'_>) {
        let data = event.object("data").unwrap_or_default();
        let kind = if data.get("template").is_some() { "waba_id" } else { "channel_id" };
        self.add(RouteKey::shared(kind, data.text("id").unwrap_or_default()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(body: &str) -> Vec<String> {
        of(body.as_bytes()).iter().map(|key| format!("{}={}", key.kind(), key.value())).collect()
    }

    #[test]
    fn numbers_come_before_accounts_and_each_once() {
        let change = |number: &str| format!(r#"{{"value":{{"metadata":{{"phone_number_id":"{number}"}}}}}}"#);
        let body = format!(r#"{{"entry":[{{"id":"9","changes":[{},{},{}]}}]}}"#, change("1"), change("2"), change("1"));
        assert_eq!(keys(&body), ["phone_number_id=1", "phone_number_id=2", "waba_id=9"]);
    }

    #[test]
    fn bare_values_and_partner_events_name_their_owner() {
        assert_eq!(keys(r#"{"metadata":{"phone_number_id":"1"},"messages":[]}"#), ["phone_number_id=1"]);
        assert_eq!(keys(r#"[{"event":"x","data":{"id":"9","template":{}}}]"#), ["waba_id=9"]);
        assert_eq!(keys(r#"{"event":"channel_live","data":{"id":"c1"}}"#), ["channel_id=c1"]);
    }

    #[test]
    fn what_names_nobody_gives_no_key_and_many_are_bounded() {
        for body in ["", "not json", "[]", "{}", r#"{"entry":[{"id":{}}]}"#, r#"{"statuses":[{"id":"1"}]}"#] {
            assert!(keys(body).is_empty(), "{body}");
        }
        let entries: Vec<_> = (0..100).map(|n| format!(r#"{{"id":"{n}"}}"#)).collect();
        assert_eq!(keys(&format!(r#"{{"entry":[{}]}}"#, entries.join(","))).len(), MAX_KEYS);
        assert!(keys(&format!(r#"{{"entry":[{{"id":"{}"}}]}}"#, "1".repeat(65))).is_empty());
    }
}
