//! Requests without secrets and credentials, for files and failures; elements that cannot be read.

use bytes::Bytes;
use serde_json::{Value, json};

use super::kit::Kit;
use crate::strategy::{InboundRequest, Origin};

/// Maximum characters of one value that a failure shows.
const SHOWN: usize = 200;

impl Kit {
    /// A request in the form of pairs: a JSON body as JSON, secrets and credentials masked.
    pub(crate) fn shown(&self, parts: (&http::Method, &http::Uri, &http::HeaderMap), body: &[u8]) -> Value {
        let (method, uri, headers) = parts;
        let header = |name: &str, value: &http::HeaderValue| {
            let value = self.masked(&String::from_utf8_lossy(value.as_bytes()));
            match (name, value.split_once(' ')) {
                ("authorization" | "proxy-authorization", Some((scheme, _))) => format!("{scheme} ***"),
                ("authorization" | "proxy-authorization", None) => "***".to_owned(),
                _ => value,
            }
        };
        let headers: serde_json::Map<_, _> =
            headers.iter().map(|(name, value)| (name.to_string(), header(name.as_str(), value).into())).collect();
        json!({ "method": method.as_str(), "url": self.masked(&uri.to_string()), "headers": headers, "body": self.masked_body(body) })
    }

    /// An inbound request for the message of a failure: masked, and long values cut.
    pub(crate) fn shown_inbound(&self, request: &InboundRequest) -> String {
        let mut shown = match request.origin() {
            Origin::Http { parts, .. } => self.shown((&parts.method, &parts.uri, &parts.headers), request.body()),
            Origin::Trusted { source, .. } => json!({ "source": source, "body": self.masked_body(request.body()) }),
        };
        cut(&mut shown);
        shown.to_string()
    }
}

fn cut(value: &mut Value) {
    match value {
        Value::String(text) if text.chars().count() > SHOWN => {
            let kept: String = text.chars().take(SHOWN).collect();
            *text = format!("{kept}… ({} bytes)", text.len());
        }
        Value::Array(items) => items.iter_mut().for_each(cut),
        Value::Object(members) => members.values_mut().for_each(cut),
        _ => {}
    }
}

/// Elements that cannot be read.
pub(crate) fn bad_elements(kit: &Kit) -> Vec<Value> {
    let own = &kit.inbound().poison;
    if own.is_empty() { vec![json!(7), json!("kit"), json!([])] } else { own.clone() }
}

/// A request without its credentials: headers that authenticate it, and secrets in its address.
pub(crate) fn unsigned(kit: &Kit, request: &http::Request<Bytes>) -> http::Request<Bytes> {
    let mut changed = request.clone();
    for header in &kit.inbound().signatures {
        changed.headers_mut().remove(*header);
    }
    if let Ok(uri) = kit.masked(&request.uri().to_string()).replace("***", "0").parse() {
        *changed.uri_mut() = uri;
    }
    changed
}
