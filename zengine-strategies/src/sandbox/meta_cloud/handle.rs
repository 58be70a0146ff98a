//! The handle of a running emulator.

use std::fmt;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use super::courier::{Courier, Delivery, Signed};
use super::inbound::Inbound;
use super::media;
use super::payload::{Change, envelope, value_of};
use super::route::Desk;
use super::settings::{Number, Settings, Webhooks};
use super::signature::{on_the_wire, signature};
use super::state::State;
use super::templates::Template;
use crate::sandbox::server::{Request, Server};
use crate::sandbox::{Fault, Journal, clock, lock};

/// A running emulator of the Cloud API. It stops when this is dropped.
pub struct MetaCloud {
    desk: Desk,
    server: Server,
}

impl MetaCloud {
    /// Starts an emulator on 127.0.0.1, on a thread of its own; works inside and outside of any async runtime.
    ///
    /// # Errors
    ///
    /// The port is taken, the journal cannot be opened, or the thread cannot be started.
    pub fn start(settings: Settings) -> io::Result<Self> {
        let state = Arc::new(State::new(&settings)?);
        let courier = Arc::new(Courier::new(settings.app_secret, settings.callback, settings.webhooks));
        let desk = Desk { state, courier };
        let desks = desk.clone();
        let server = Server::start(settings.port, Arc::new(move |request: Request| Box::pin(desks.clone().handle(request))))?;
        Ok(Self { desk, server })
    }

    /// Returns the address to use instead of `https://graph.facebook.com`, without a slash at the end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// Returns the secret that signs webhooks.
    pub fn app_secret(&self) -> &str {
        &self.desk.state.app_secret
    }

    /// Returns the token that the handshake carries.
    pub fn verify_token(&self) -> &str {
        &self.desk.state.verify_token
    }

    /// Returns the journal of requests.
    pub fn journal(&self) -> &Journal {
        &self.desk.state.journal
    }

    /// Stops it and waits for its thread. Webhooks that are still to come are lost; see [`settle`](Self::settle).
    pub fn shutdown(self) {
        drop(self);
    }

    // Numbers, templates, media, health.

    /// Adds a phone number, or replaces the one with the same id.
    pub fn add_number(&self, number: Number) {
        self.desk.state.add_number(number);
    }

    /// Adds a template that sends are checked against.
    pub fn add_template(&self, template: Template) {
        self.desk.state.add_template(template);
    }

    /// Replaces the access token of a number; requests with the old one then get error 190.
    pub fn set_token(&self, phone_number_id: &str, token: impl Into<String>) {
        self.desk.state.set_token(phone_number_id, token.into());
    }

    /// Sets a field of a number's node, for health look-ups: `quality_rating`, `status`, `health_status`, ….
    pub fn set_node_field(&self, phone_number_id: &str, field: &str, value: impl Into<Value>) {
        self.desk.state.set_node_field(phone_number_id, field, value.into());
    }

    /// Stores a file as if it had been uploaded or received by a number; returns its media id.
    pub fn add_media(&self, phone_number_id: &str, mime: &str, bytes: impl Into<Bytes>) -> String {
        media::store(&self.desk.state, phone_number_id, mime, bytes.into())
    }

    // Faults.

    /// Plays a fault on the next request that fits it, behind the faults that wait already.
    pub fn fail_next(&self, fault: Fault) {
        self.desk.state.faults.push(fault);
    }

    /// Plays a fault on every request that fits it, until [`clear_faults`](Self::clear_faults).
    pub fn fail_always(&self, fault: Fault) {
        self.fail_next(fault.forever());
    }

    /// Forgets all faults.
    pub fn clear_faults(&self) {
        self.desk.state.faults.clear();
    }

    /// Counts the faults that wait.
    pub fn waiting_faults(&self) -> usize {
        self.desk.state.faults.len()
    }

    /// Closes the port, so that connecting is refused. Idle connections are closed too.
    ///
    /// # Errors
    ///
    /// The emulator has stopped.
    pub async fn refuse_connections(&self) -> io::Result<()> {
        self.server.refuse().await
    }

    /// Opens the port again, at the same address.
    ///
    /// # Errors
    ///
    /// The port has been taken by another program, or the emulator has stopped.
    pub async fn accept_connections(&self) -> io::Result<()> {
        self.server.accept().await
    }

    // Webhooks.

    /// Sets the http address that webhooks go to.
    pub fn set_callback(&self, url: impl Into<String>) {
        self.desk.courier.set_callback(Some(url.into()));
    }

    /// Sets what webhooks are sent from now on, and how.
    pub fn set_webhooks(&self, webhooks: Webhooks) {
        self.desk.courier.set_plan(webhooks);
    }

    /// Does the handshake with the callback: GET with the verify token and a challenge, which must come back unchanged.
    ///
    /// # Errors
    ///
    /// See [`HandshakeError`].
    pub async fn verify_callback(&self) -> Result<(), HandshakeError> {
        self.verify_callback_with(self.verify_token()).await
    }

    /// Does the handshake with another verify token, to see it refused.
    ///
    /// # Errors
    ///
    /// See [`HandshakeError`].
    pub async fn verify_callback_with(&self, verify_token: &str) -> Result<(), HandshakeError> {
        let callback = self.desk.courier.callback().ok_or(HandshakeError::NoCallback)?;
        let challenge = self.desk.state.ids.digits();
        let joint = if callback.contains('?') { '&' } else { '?' };
        let url = format!("{callback}{joint}hub.mode=subscribe&hub.challenge={challenge}&hub.verify_token={}", encoded(verify_token));
        let courier = Arc::clone(&self.desk.courier);
        match self.run(async move { courier.get(url).await }).await.flatten() {
            None => Err(HandshakeError::NoAnswer),
            Some((200, body)) if body == challenge.as_bytes() => Ok(()),
            Some((200, _)) => Err(HandshakeError::WrongChallenge),
            Some((status, _)) => Err(HandshakeError::Refused(status)),
        }
    }

    /// Sends a person's message to a number, and opens the customer service window. Waits until it is delivered or given up.
    pub async fn send_inbound(&self, phone_number_id: &str, message: impl Into<Inbound>) -> Delivery {
        self.send_inbound_batch([(phone_number_id, message.into())]).await
    }

    /// Sends messages of several people to several numbers in one POST. Numbers that do not exist are left out; where none
    /// is left, nothing is posted and the delivery counts no attempt.
    pub async fn send_inbound_batch<'a>(&self, messages: impl IntoIterator<Item = (&'a str, Inbound)>) -> Delivery {
        let mut ids = Vec::new();
        let mut changes = Vec::new();
        for (id, message) in messages {
            if let Some(number) = self.desk.state.number(id) {
                changes.push(self.change(&number, message, &mut ids));
            }
        }
        if changes.is_empty() {
            return Delivery { at_ms: clock::now_ms(), attempts: 0, status: None, body: Bytes::new(), message_id: None };
        }
        let body = Bytes::from(on_the_wire(&envelope(changes)));
        self.deliver(body, Signed::Truly, ids.into_iter().next()).await
    }

    /// Sends a value of any webhook field, as Meta sends `account_update` or `smb_message_echoes`. For a number that exists,
    /// absent `messaging_product` and `metadata` are added where the field has them.
    pub async fn send_field(&self, phone_number_id: &str, field: &str, value: impl Into<Value>) -> Delivery {
        let mut value = value.into();
        let number = self.desk.state.number(phone_number_id);
        let has_metadata = ["messages", "calls", "history", "user_preferences", "automatic_events", "standby", "message_echoes"];
        if let (Some(number), Some(object)) = (&number, value.as_object_mut())
            && (has_metadata.contains(&field) || field.starts_with("smb_") || field.starts_with("group_"))
        {
            for (key, common) in value_of(number) {
                object.entry(key).or_insert(common);
            }
        }
        let waba_id = number.map_or_else(|| "0".to_owned(), |number| number.waba_id);
        let change = Change { waba_id, field: field.to_owned(), value };
        self.deliver(Bytes::from(on_the_wire(&envelope(vec![change]))), Signed::Truly, None).await
    }

    /// Posts these bytes as they are, with a true signature.
    pub async fn send_raw_webhook(&self, body: impl Into<Bytes>) -> Delivery {
        self.deliver(body.into(), Signed::Truly, None).await
    }

    /// Posts these bytes with a signature of another secret.
    pub async fn send_wrongly_signed_webhook(&self, body: impl Into<Bytes>) -> Delivery {
        self.deliver(body.into(), Signed::Wrongly, None).await
    }

    /// Posts these bytes without a signature.
    pub async fn send_unsigned_webhook(&self, body: impl Into<Bytes>) -> Delivery {
        self.deliver(body.into(), Signed::Not, None).await
    }

    /// Returns the bytes that Meta would post for a person's message, without posting them.
    pub fn inbound_body(&self, phone_number_id: &str, message: impl Into<Inbound>) -> Option<Bytes> {
        let number = self.desk.state.number(phone_number_id)?;
        let change = self.change(&number, message.into(), &mut Vec::new());
        Some(Bytes::from(on_the_wire(&envelope(vec![change]))))
    }

    /// Returns the value of `X-Hub-Signature-256` for a body.
    pub fn sign(&self, body: &[u8]) -> String {
        signature(self.app_secret(), body)
    }

    /// Returns the webhook POSTs that have ended, delivered or given up, oldest first; the newest 10,000.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.desk.courier.log()
    }

    /// Waits until all webhooks of the accepted messages are delivered or given up.
    pub async fn settle(&self) {
        self.desk.courier.settle().await;
    }

    /// One inbound message as a change; notes its id.
    fn change(&self, number: &Number, mut message: Inbound, ids: &mut Vec<String>) -> Change {
        let state = &self.desk.state;
        let sender = message.sender().to_owned();
        state.open_window(&number.id, &sender);
        if let Some(content) = message.content_mut()
            && let Some(file) = content.get("id").and_then(Value::as_str).and_then(|id| lock(&state.media).get(id).cloned())
            && let Some(id) = content.get("id").and_then(Value::as_str).map(str::to_owned)
        {
            content.entry("mime_type").or_insert_with(|| file.mime.as_str().into());
            content.entry("sha256").or_insert_with(|| file.sha256_base64().into());
            content.entry("url").or_insert_with(|| media::address(&self.base_url(), &id).into());
        }
        let contact = message.contact();
        let mut message = message.message;
        if let Some(object) = message.as_object_mut() {
            let id = object.entry("id").or_insert_with(|| state.ids.message(&sender, false).into());
            ids.extend(id.as_str().map(str::to_owned));
            object.entry("timestamp").or_insert_with(|| (clock::now_ms() / 1_000).to_string().into());
        }
        let mut value = value_of(number);
        if let Some(contact) = contact {
            value.insert("contacts".to_owned(), json!([contact]));
        }
        value.insert("messages".to_owned(), json!([message]));
        Change { waba_id: number.waba_id.clone(), field: "messages".to_owned(), value: value.into() }
    }

    async fn deliver(&self, body: Bytes, signed: Signed, message_id: Option<String>) -> Delivery {
        let (courier, sent, id) = (Arc::clone(&self.desk.courier), body.clone(), message_id.clone());
        let delivered = self.run(async move { courier.deliver(sent, signed, id).await }).await;
        delivered.unwrap_or(Delivery { at_ms: clock::now_ms(), attempts: 0, status: None, body, message_id })
    }

    /// Runs on the emulator's own runtime, so that the caller's may be any. `None` if the emulator has stopped.
    async fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Option<T> {
        self.server.runtime().spawn(work).await.ok()
    }
}

impl fmt::Debug for MetaCloud {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("MetaCloud").field("base_url", &self.base_url()).finish_non_exhaustive()
    }
}

/// Why a callback did not pass the handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandshakeError {
    /// No callback address is set.
    NoCallback,
    /// The callback could not be reached, or did not answer in time.
    NoAnswer,
    /// The callback answered with this status instead of 200.
    Refused(u16),
    /// The callback answered 200 with something else than the challenge.
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

/// Percent-encodes all but letters, digits and `-._~`.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&super::signature::hex(&[byte]).to_ascii_uppercase());
        }
    }
    out
}
