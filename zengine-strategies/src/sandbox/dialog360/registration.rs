//! The registration of webhooks, of a number and of an account.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use serde_json::{Value, json};

use crate::sandbox::webhooks::Callback;

/// Time until the webhook of an account is in use, in milliseconds.
pub(super) const PENDING_MS: u64 = 20_000;

/// A registered address with the headers of its webhooks.
#[derive(Clone, Default)]
pub(super) struct Registration {
    pub(super) url: String,
    pub(super) headers: BTreeMap<String, String>,
}

redacted!(Registration { headers: |it| it.headers.len() });

impl Registration {
    /// Reads a registration with these further members. The error is the provider's text.
    pub(super) fn read(body: &Value, more: &[&str]) -> Result<Self, String> {
        let members = body.as_object().ok_or("The request must be a JSON object.")?;
        if let Some(name) = members.keys().find(|name| !["url", "headers"].contains(&name.as_str()) && !more.contains(&name.as_str())) {
            return Err(format!("Unknown field {name}."));
        }
        let url = body.get("url").and_then(Value::as_str).ok_or("The field url is required.")?;
        let uri: Uri = url.parse().map_err(|_| "The field url is no URL.")?;
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        if uri.scheme_str() != Some("https") || authority.is_empty() {
            return Err("The field url must begin with https://.".to_owned());
        }
        if authority.contains([':', '@', '_']) {
            return Err("The field url must not contain a port, a user or an underscore in its host.".to_owned());
        }
        let mut headers = BTreeMap::new();
        match body.get("headers") {
            None => {}
            Some(Value::Object(given)) => {
                for (name, value) in given {
                    let value = value.as_str().filter(|value| HeaderValue::from_str(value).is_ok());
                    let value = value.filter(|_| HeaderName::try_from(name).is_ok() && !name.contains('_'));
                    headers.insert(name.clone(), value.ok_or("The field headers has a header that is not allowed.")?.to_owned());
                }
            }
            Some(_) => return Err("The field headers must be an object.".to_owned()),
        }
        Ok(Self { url: url.to_owned(), headers })
    }

    pub(super) fn shown(&self) -> Value {
        json!({"url": self.url, "headers": self.headers})
    }

    /// The address to which its webhooks are posted: the path of its address, on the host of `stand_in`, since the emulator speaks no TLS.
    pub(super) fn callback(&self, stand_in: &str) -> Option<Callback> {
        let (registered, host): (Uri, Uri) = (self.url.parse().ok()?, stand_in.parse().ok()?);
        let path = registered.path_and_query().map_or("/", |path| path.as_str());
        Some(Callback { headers: self.header_map(), ..Callback::new(format!("http://{}{path}", host.authority()?)) })
    }

    pub(super) fn header_map(&self) -> HeaderMap {
        let pair = |(name, value): (&String, &String)| Some((HeaderName::try_from(name).ok()?, HeaderValue::from_str(value).ok()?));
        self.headers.iter().filter_map(pair).collect()
    }
}

/// The webhook of a number.
#[derive(Clone, Debug)]
pub(super) enum Own {
    /// The emulator's callback, until another is registered or a new key clears it.
    AtStart,
    Cleared,
    Set(Registration),
}

/// The webhook of an account, and the one that replaces it at a time, with whether it replaces those of the numbers too.
#[derive(Clone, Debug, Default)]
pub(super) struct OfAccount {
    pub(super) current: Option<Registration>,
    pub(super) next: Option<(u64, Registration, bool)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_pages_forbid_is_refused() {
        let read = |body: Value| Registration::read(&body, &[]);
        let registered = read(json!({"url": "https://hooks.example.org/a?b=1", "headers": {"X-Key": "v"}})).unwrap();
        let callback = registered.callback("http://127.0.0.1:81/other").unwrap();
        assert_eq!((callback.url.as_str(), callback.headers["x-key"].to_str().unwrap()), ("http://127.0.0.1:81/a?b=1", "v"));
        for url in ["http://example.org/", "https://example.org:443/", "https://a_b.example.org/", "https://u@example.org/", "/hook", ""] {
            assert!(read(json!({"url": url})).is_err(), "{url}");
        }
        for headers in [json!({"X_Key": "v"}), json!({"X-Key": 1}), json!({"X Key": "v"}), json!({"X-Key": "a\nb"}), json!([])] {
            assert!(read(json!({"url": "https://example.org/", "headers": headers})).is_err(), "{headers}");
        }
        assert!(read(json!({"url": "https://example.org/", "override_all": true})).is_err());
    }
}
