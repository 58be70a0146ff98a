//! The credentials of a call: the token, and the digest of the token under the app secret.

use std::fmt;

use http::HeaderValue;
use zengine_connector::{Secret, verify::HmacSha256};

/// A token with its `appsecret_proof`.
pub(crate) struct Credentials {
    token: Secret<String>,
    proof: Option<Secret<String>>,
}

impl Credentials {
    /// A token, with the proof if there is an app secret.
    pub(crate) fn new(token: Secret<String>, app_secret: Option<&Secret<String>>) -> Self {
        let proof = app_secret.map(|secret| Secret::new(HmacSha256::hex().sign(token.expose().as_bytes(), &secret.to_bytes())));
        Self { token, proof }
    }

    pub(crate) fn token(&self) -> &Secret<String> {
        &self.token
    }

    pub(crate) fn proof(&self) -> Option<&Secret<String>> {
        self.proof.as_ref()
    }

    /// The header of the token, marked so that no client prints it. `None` only for a token that is not a header value.
    pub(crate) fn bearer(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", self.token.expose())).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(***)")
    }
}
