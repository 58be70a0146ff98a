//! The credentials of a call: the token, and the digest of the token under the app secret.

use http::HeaderValue;
use zengine_connector::Secret;
use zengine_connector::verify::{HmacSha256, constant_time_eq};

/// A token with its `appsecret_proof`.
pub(crate) struct Credentials {
    token: Secret<String>,
    proof: Option<Secret<String>>,
    bearer: Option<HeaderValue>,
}

impl Credentials {
    /// A token, with the proof if there is an app secret.
    pub(crate) fn new(token: Secret<String>, app_secret: Option<&Secret<String>>) -> Self {
        let proof = app_secret.map(|secret| Secret::new(HmacSha256::hex().sign(token.expose().as_bytes(), &secret.to_bytes())));
        // Made once: every further copy of the token would stay in memory. Marked so that no client prints it.
        let line = Secret::new(format!("Bearer {}", token.expose()));
        let bearer = HeaderValue::from_str(line.expose()).ok().map(|mut bearer| {
            bearer.set_sensitive(true);
            bearer
        });
        Self { token, proof, bearer }
    }

    pub(crate) fn token(&self) -> &Secret<String> {
        &self.token
    }

    pub(crate) fn proof(&self) -> Option<&Secret<String>> {
        self.proof.as_ref()
    }

    /// The header of the token; a clone shares its bytes. `None` only for a token that is not a header value.
    pub(crate) fn bearer(&self) -> Option<HeaderValue> {
        self.bearer.clone()
    }

    /// Whether this is the token, compared in constant time.
    pub(crate) fn is(&self, token: &str) -> bool {
        constant_time_eq(self.token.expose().as_bytes(), token.as_bytes())
    }
}

redacted!(Credentials {});
