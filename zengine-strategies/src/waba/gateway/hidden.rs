//! The secrets of a call, noted on its answer: a provider may quote them in its words, which hosts show and dead letters keep.

use zengine_connector::Secret;
use zengine_connector::error::ProviderDetails;

use super::{Access, Payload};

/// Minimum length of a value in the call that counts as a secret, in bytes: a shorter one, such as `true`, stands in any text.
const SHORTEST: usize = 8;

/// The secrets of a call.
#[derive(Clone)]
pub(crate) struct Hidden {
    access: Access,
    /// Values in the address or the body: other tokens, and the headers that a webhook registers.
    others: Vec<Secret<String>>,
}

redacted!(Hidden {});

impl Hidden {
    /// The secrets of a call with this access, address and body.
    pub(super) fn of(access: &Access, url: &str, payload: &Payload<'_>) -> Self {
        let query = url.split(['?', '&']).skip(1).filter_map(|pair| pair.split_once('='));
        let fields = if let Payload::Form(fields) = payload { *fields } else { &[] };
        let named = query.chain(fields.iter().copied()).filter(|(name, _)| is_secret(name)).map(|(_, value)| value);
        let headers = if let Payload::Json(body) = payload { body.get("headers").and_then(|headers| headers.as_object()) } else { None };
        let headers = headers.into_iter().flat_map(|headers| headers.values()).filter_map(|value| value.as_str());
        let others = named.chain(headers).filter(|value| value.len() >= SHORTEST).map(|value| Secret::new(value.to_owned()));
        Self { access: access.clone(), others: others.collect() }
    }

    /// Replaces every secret in a text.
    pub(crate) fn scrub(&self, text: &mut Option<String>) {
        let Some(text) = text else { return };
        let own = match &self.access {
            Access::Nothing => None,
            Access::Bearer(credentials) => Some(credentials.token().expose().as_str()),
            Access::Key(_, key) => std::str::from_utf8(key.as_bytes()).ok(),
        };
        // Of an app's own token, `id|secret`, the secret alone too; of a header, `Bearer …`, the token alone.
        let others = self.others.iter().map(|secret| secret.expose().as_str());
        for secret in own.into_iter().chain(others) {
            let part = secret.rsplit(['|', ' ']).next().filter(|part| part.len() >= SHORTEST);
            for secret in std::iter::once(secret).chain(part).filter(|secret| !secret.is_empty()) {
                *text = text.replace(secret, "***");
            }
        }
    }

    /// The same details without secrets.
    pub(crate) fn scrubbed(&self, mut details: ProviderDetails) -> ProviderDetails {
        let ProviderDetails { subcode, title, message, details: more, trace_id, .. } = &mut details;
        for text in [subcode, title, message, more, trace_id] {
            self.scrub(text);
        }
        details
    }
}

/// Whether a parameter of this name is a secret, such as `client_secret`, `input_token`, `appsecret_proof` or a signup's `code`.
fn is_secret(name: &str) -> bool {
    name == "code" || ["secret", "token", "proof"].iter().any(|word| name.contains(word))
}
