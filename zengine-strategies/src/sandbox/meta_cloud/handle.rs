//! The Meta emulator's own part of the handle.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::route::Meta;
use super::signature;
use super::state::State;
use super::tokens::Signup;
use crate::sandbox::emulator::Emulator;
use crate::sandbox::provider::ms;
use crate::sandbox::waba::Number;
use zengine_connector::http::encode;

/// A running emulator of the Cloud API. Dropping it stops the emulator.
pub type MetaCloud = Emulator<Meta>;

impl Emulator<Meta> {
    fn state(&self) -> &State {
        &self.handler.provider.state
    }

    /// Returns the id of the app.
    pub fn app_id(&self) -> &str {
        &self.state().settings.app_id
    }

    /// Returns the secret that signs webhooks.
    pub fn app_secret(&self) -> &str {
        &self.state().settings.app_secret
    }

    /// Returns the verify token of the handshake.
    pub fn verify_token(&self) -> &str {
        &self.state().settings.verify_token
    }

    // Numbers, templates, media, health.

    /// Adds a phone number, or replaces the one with the same id.
    pub fn add_number(&self, number: Number) {
        self.state().add_number(number);
    }

    /// Sets a field of a number's node, for health look-ups: `quality_rating`, `status`, `health_status`, ….
    pub fn set_node_field(&self, phone_number_id: &str, field: &str, value: impl Into<Value>) {
        self.state().accounts.change(phone_number_id, |record| record.node.insert(field.to_owned(), value.into()));
    }

    // Tokens.

    /// Replaces the access token of a number; requests with the old one fail with error 190.
    pub fn set_token(&self, phone_number_id: &str, token: impl Into<String>) {
        self.state().set_token(phone_number_id, token.into());
    }

    /// Issues a code of embedded signup. It can be exchanged once, within 30 seconds by the emulator's clock.
    pub fn issue_code(&self, signup: Signup) -> String {
        self.state().tokens.issue_code(&self.state().shared.ids, signup)
    }

    /// Invalidates a token: requests with it fail with error 190 and subcode 467, an invalidated session. Returns whether the
    /// token was known.
    pub fn revoke_token(&self, token: &str) -> bool {
        self.invalidate_token(token, 467)
    }

    /// Invalidates a token with this subcode: 458 app removed, 460 password changed, 463 expired, ….
    pub fn invalidate_token(&self, token: &str, subcode: i64) -> bool {
        self.state().tokens.invalidate(token, subcode)
    }

    /// Makes a token expire after this time of the emulator's clock. Returns whether the token was known.
    pub fn expire_token_in(&self, token: &str, time: Duration) -> bool {
        self.state().tokens.expire_in(token, ms(time))
    }

    /// Returns the last verification code sent to a number.
    pub fn verification_code(&self, phone_number_id: &str) -> Option<String> {
        self.state().accounts.record(phone_number_id)?.verification
    }

    // Webhooks.

    /// Performs the handshake with the callback: a GET with the verify token and a challenge, which the callback must return.
    ///
    /// # Errors
    ///
    /// See [`HandshakeError`].
    pub async fn verify_callback(&self) -> Result<(), HandshakeError> {
        self.verify_callback_with(self.verify_token()).await
    }

    /// Performs the handshake with another verify token, to test its refusal.
    ///
    /// # Errors
    ///
    /// See [`HandshakeError`].
    pub async fn verify_callback_with(&self, verify_token: &str) -> Result<(), HandshakeError> {
        let callback = self.state().shared.callback().ok_or(HandshakeError::NoCallback)?;
        let (meta, token) = (Arc::clone(&self.handler.provider), verify_token.to_owned());
        self.run(async move { meta.handshake(&callback, &token).await }).await.unwrap_or(Err(HandshakeError::NoAnswer))
    }

    /// Returns the value of `X-Hub-Signature-256` for a body.
    pub fn sign(&self, body: &[u8]) -> String {
        signature::sign(self.app_secret(), body)
    }
}

/// The error of a failed handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandshakeError {
    /// No callback address is set.
    NoCallback,
    /// The callback could not be reached, or did not respond in time.
    NoAnswer,
    /// The callback responded with this status instead of 200.
    Refused(u16),
    /// The callback responded 200 without the challenge.
    WrongChallenge,
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCallback => formatter.write_str("no callback address is set"),
            Self::NoAnswer => formatter.write_str("the callback did not answer"),
            Self::Refused(status) => write!(formatter, "the callback answered {status} instead of 200"),
            Self::WrongChallenge => formatter.write_str("the callback did not return the challenge"),
        }
    }
}

impl std::error::Error for HandshakeError {}

/// The address of a handshake.
pub(super) fn handshake_url(callback: &str, challenge: &str, verify_token: &str) -> String {
    let joint = if callback.contains('?') { '&' } else { '?' };
    format!("{callback}{joint}hub.mode=subscribe&hub.challenge={challenge}&hub.verify_token={}", encode(verify_token))
}
