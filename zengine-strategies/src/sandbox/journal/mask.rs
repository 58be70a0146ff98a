//! Masks secrets in the output of an emulator.

use std::collections::HashSet;
use std::sync::Mutex;

use serde_json::Value;
use zengine_connector::http::encode;

use crate::sandbox::lock;
use crate::sandbox::text::decoded;

const MASK: &str = "***";

/// JSON members and form fields that hold secrets at any provider.
const KEYS: &[&str] = &["access_token", "api_key", "client_secret", "password", "refresh_token"];

/// Secret fields in queries and forms only: in JSON, members of this name may be harmless.
const FIELDS: &[&str] = &["code"];

/// The known secrets of one emulator: names of the provider's own members, and values.
#[derive(Default)]
pub(in crate::sandbox) struct Mask {
    names: &'static [&'static str],
    values: Mutex<HashSet<String>>,
}

redacted!(Mask {});

impl Mask {
    /// A mask that also knows the provider's names of secret members.
    pub(in crate::sandbox) fn new(names: &'static [&'static str]) -> Self {
        Self { names, values: Mutex::default() }
    }

    fn is_name(&self, name: &str) -> bool {
        KEYS.contains(&name) || self.names.contains(&name)
    }

    /// Masks this text from now on wherever it is a whole value.
    pub(in crate::sandbox) fn add_secret(&self, secret: &str) {
        if !secret.is_empty() {
            lock(&self.values).insert(secret.to_owned());
        }
    }

    fn is_secret(&self, text: &str) -> bool {
        lock(&self.values).contains(text)
    }

    /// Masks secret members by name, and values that are known secrets.
    pub(super) fn json(&self, value: &mut Value) {
        match value {
            Value::Object(members) => {
                for (key, member) in members {
                    if self.is_name(key) && !member.is_null() && !member.is_object() && !member.is_array() {
                        *member = MASK.into();
                    } else {
                        self.json(member);
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.json(item)),
            Value::String(text) if self.is_secret(text) => MASK.clone_into(text),
            _ => {}
        }
    }

    /// Masks a body: JSON by its members, other text by its fields if it looks like a form.
    pub(super) fn body(&self, value: &mut Value) {
        match value {
            Value::String(text) if text.contains('=') && !text.contains(char::is_whitespace) => *text = self.fields(text),
            value => self.json(value),
        }
    }

    /// Masks a query or a form body.
    pub(in crate::sandbox) fn fields(&self, query: &str) -> String {
        let masked = |pair: &str| {
            let Some((name, value)) = pair.split_once('=') else { return pair.to_owned() };
            let (plain, key) = (decoded(value), decoded(name));
            let secret = self.is_name(&key) || FIELDS.contains(&key.as_str()) || self.is_secret(&plain);
            format!("{name}={}", if secret { MASK } else { value })
        };
        query.split('&').map(masked).collect::<Vec<_>>().join("&")
    }

    /// An address without its query, with known secrets in its path masked.
    pub(in crate::sandbox) fn address(&self, url: &str) -> String {
        let path = url.split(['?', '#']).next().unwrap_or_default();
        let segments: Vec<_> =
            path.split('/').map(|segment| if self.is_secret(&decoded(segment)) { encode(MASK) } else { segment.to_owned() }).collect();
        segments.join("/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn secrets_are_masked_by_name_and_by_value() {
        let mask = Mask::new(&["pin", "exchange_token", "verify_token"]);
        mask.add_secret("canary");
        let mut body =
            json!({"access_token": "x", "pin": 123, "data": [{"any": "canary", "code": "en_US"}], "pinned": true, "token": {"a": 1}});
        mask.body(&mut body);
        assert_eq!(
            body,
            json!({"access_token": "***", "pin": "***", "data": [{"any": "***", "code": "en_US"}], "pinned": true, "token": {"a": 1}})
        );
        assert_eq!(
            mask.fields("client_secret=a%20b&code=1&x=canary&y=%63anary&flag&plain=1"),
            "client_secret=***&code=***&x=***&y=***&flag&plain=1"
        );
        let mut form = Value::from("grant_type=a&exchange_token=b");
        mask.body(&mut form);
        assert_eq!(form, "grant_type=a&exchange_token=***");
        assert_eq!(mask.address("http://127.0.0.1:1/canary/hook?verify_token=x"), "http://127.0.0.1:1/%2A%2A%2A/hook");
    }
}
