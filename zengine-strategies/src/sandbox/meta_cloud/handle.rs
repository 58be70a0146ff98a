//! The Meta emulator's own part of the handle.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use super::route::Meta;
use super::settings::Settings;
use super::signature;
use super::state::State;
use super::tokens::Signup;
use crate::sandbox::emulator::Emulator;
use crate::sandbox::provider::ms;
use crate::sandbox::waba::Inbound;
use crate::sandbox::waba::shared::Rules;
use crate::sandbox::waba::templates::{Template, TemplateUpdate};
use crate::sandbox::waba::updates::Update;
use crate::sandbox::waba::{Number, files};
use crate::sandbox::webhooks::{Signature, WebhookFormat, Webhooks};
use crate::sandbox::{Delivery, InProcess, lock};
use zengine_connector::http::encode;

/// A running emulator of the Cloud API. Dropping it stops the emulator.
pub type MetaCloud = Emulator<Meta>;

impl Emulator<Meta> {
    /// Starts an emulator on 127.0.0.1, on its own thread; works inside and outside of any async runtime.
    ///
    /// # Errors
    ///
    /// The port is taken, the journal cannot be opened, or the thread cannot be started.
    pub fn start(settings: Settings) -> io::Result<Self> {
        Self::launch(settings)
    }

    /// Creates an emulator without a port, as an HTTP client.
    ///
    /// # Errors
    ///
    /// The journal cannot be opened.
    pub fn in_process(settings: Settings) -> io::Result<InProcess<Meta>> {
        InProcess::launch(settings)
    }

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

    /// Adds a template, against which sends are checked.
    pub fn add_template(&self, template: Template) {
        self.state().shared.templates.add(template, &self.state().shared.ids);
    }

    /// Sets the status of a template (`APPROVED`, `REJECTED`, `PAUSED`, `DISABLED`, …), with an optional reason, and sends the
    /// webhook. Returns `None` if there is no such template.
    pub async fn set_template_status(&self, name: &str, language: &str, status: &str, reason: Option<&str>) -> Option<Delivery> {
        let (status, reason) = (status.to_owned(), reason.map(str::to_owned));
        self.change_template(name, language, move |template| template.set_status(&status, reason.as_deref())).await
    }

    /// Sets the quality of a template (`GREEN`, `YELLOW`, `RED`, `UNKNOWN`) and sends the webhook.
    pub async fn set_template_quality(&self, name: &str, language: &str, quality: &str) -> Option<Delivery> {
        let quality = quality.to_owned();
        self.change_template(name, language, move |template| template.set_quality(&quality)).await
    }

    /// Sets the category of a template (`UTILITY`, `MARKETING`, `AUTHENTICATION`) and sends the webhook.
    pub async fn set_template_category(&self, name: &str, language: &str, category: &str) -> Option<Delivery> {
        let category = category.to_owned();
        self.change_template(name, language, move |template| template.set_category(&category)).await
    }

    async fn change_template(
        &self,
        name: &str,
        language: &str,
        change: impl FnOnce(&mut Template) -> TemplateUpdate + Send + 'static,
    ) -> Option<Delivery> {
        let (meta, name, language) = (Arc::clone(&self.handler.provider), name.to_owned(), language.to_owned());
        self.run(async move { meta.change_template(&name, &language, change).await }).await.flatten()
    }

    /// Sets a field of a number's node, for health look-ups: `quality_rating`, `status`, `health_status`, ….
    pub fn set_node_field(&self, phone_number_id: &str, field: &str, value: impl Into<Value>) {
        self.state().accounts.change(phone_number_id, |record| record.node.insert(field.to_owned(), value.into()));
    }

    /// Stores a file as if a number had received it; returns its media id, valid for seven days.
    pub fn add_media(&self, phone_number_id: &str, mime: &str, bytes: impl Into<Bytes>) -> String {
        files::receive(&self.state().shared, phone_number_id, mime, bytes.into())
    }

    /// Returns the number of stored files.
    pub fn media_count(&self) -> usize {
        lock(&self.state().shared.media).len()
    }

    // Limits.

    /// Sets the maximum messages per second of one number (130429); `None` removes the limit.
    pub fn set_throughput(&self, per_second: Option<u32>) {
        self.state().shared.set_rules(Rules { throughput: per_second, ..self.state().shared.rules() });
    }

    /// Sets the maximum management calls per hour of one account (80008); `None` removes the limit.
    pub fn set_management_limit(&self, per_hour: Option<u32>) {
        self.state().shared.set_rules(Rules { management_limit: per_hour, ..self.state().shared.rules() });
    }

    /// Enforces or removes the limit per number and person (131056).
    pub fn set_pair_limit(&self, enforced: bool) {
        self.state().shared.set_rules(Rules { pair_limit: enforced, ..self.state().shared.rules() });
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

    /// Sets the http address of the callback.
    pub fn set_callback(&self, url: impl Into<String>) {
        self.state().shared.set_callback(Some(url.into()));
    }

    /// Sets the webhooks and their delivery from now on.
    pub fn set_webhooks(&self, webhooks: Webhooks) {
        self.handler.engine.webhooks.set(webhooks);
    }

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

    /// Sends a person's message to a number and opens the customer service window. Waits until it is delivered or given up,
    /// unless a [`WebhookFault`](crate::sandbox::WebhookFault) delays it.
    pub async fn send_inbound(&self, phone_number_id: &str, message: impl Into<Inbound>) -> Delivery {
        self.send_updates([Update::message(phone_number_id, message)]).await
    }

    /// Sends messages of several people to several numbers in one POST. Unknown numbers are left out; if none remains, nothing
    /// is posted and the delivery has 0 attempts.
    pub async fn send_inbound_batch<'a>(&self, messages: impl IntoIterator<Item = (&'a str, Inbound)>) -> Delivery {
        self.send_updates(messages.into_iter().map(|(number, message)| Update::message(number, message))).await
    }

    /// Sends messages, statuses and other fields of several numbers and accounts in one POST: one entry per account, one
    /// change per update. Updates for another callback are posted separately; the delivery is then that of the last POST.
    ///
    /// ```
    /// # use zengine_strategies::sandbox::meta_cloud::{Inbound, MetaCloud, Update};
    /// # async fn mixed(meta: &MetaCloud) {
    /// meta.send_updates([
    ///     Update::message("100200300", Inbound::text("15551230001", "Hi!")),
    ///     Update::status("100200300", "wamid.A", "delivered", "15551230002"),
    ///     Update::message("100200400", Inbound::text("15551230003", "Hello")),
    ///     Update::status("100200400", "wamid.B", "read", "15551230004"),
    /// ])
    /// .await;
    /// # }
    /// ```
    pub async fn send_updates(&self, updates: impl IntoIterator<Item = Update>) -> Delivery {
        let meta = Arc::clone(&self.handler.provider);
        let updates: Vec<_> = updates.into_iter().collect();
        self.run(async move { meta.send(updates).await }).await.unwrap_or_else(|| Delivery::held(self.now_ms(), None))
    }

    /// Sends a value of any webhook field, such as `account_update` or `smb_message_echoes`. For an existing number, absent
    /// `messaging_product` and `metadata` are added if the field has them.
    pub async fn send_field(&self, phone_number_id: &str, field: &str, value: impl Into<Value>) -> Delivery {
        self.send_updates([Update::field(phone_number_id, field, value)]).await
    }

    /// Posts these bytes unchanged, with a valid signature.
    pub async fn send_raw_webhook(&self, body: impl Into<Bytes>) -> Delivery {
        self.send_raw(body.into(), Signature::Valid).await
    }

    /// Posts these bytes with a signature by another secret.
    pub async fn send_wrongly_signed_webhook(&self, body: impl Into<Bytes>) -> Delivery {
        self.send_raw(body.into(), Signature::Wrong).await
    }

    /// Posts these bytes without a signature.
    pub async fn send_unsigned_webhook(&self, body: impl Into<Bytes>) -> Delivery {
        self.send_raw(body.into(), Signature::Absent).await
    }

    /// Returns the signed request that delivers a person's message, without sending it: for tests that hand it to a host in the
    /// same process. `None` if the emulator has no such number.
    pub fn inbound_request(&self, phone_number_id: &str, message: impl Into<Inbound>) -> Option<http::Request<Bytes>> {
        let (item, _) = Update::message(phone_number_id, message).item(self.state(), &self.base_url())?;
        let mut request = http::Request::new(self.state().encode(vec![item]));
        *request.method_mut() = http::Method::POST;
        *request.headers_mut() = self.state().headers(request.body(), Signature::Valid);
        Some(request)
    }

    /// Returns the value of `X-Hub-Signature-256` for a body.
    pub fn sign(&self, body: &[u8]) -> String {
        signature::sign(self.app_secret(), body)
    }

    async fn send_raw(&self, body: Bytes, signature: Signature) -> Delivery {
        let (meta, sent) = (Arc::clone(&self.handler.provider), body.clone());
        let delivered = self.run(async move { meta.send_raw(sent, signature).await }).await;
        delivered.unwrap_or_else(|| Delivery::held(self.now_ms(), None))
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
