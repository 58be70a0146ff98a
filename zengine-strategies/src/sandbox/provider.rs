//! What makes an emulator one of a certain provider: everything else is common.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Response};
use serde_json::{Value, json};

use super::clock::Clock;
use super::control::{ControlCall, ControlError};
use super::faults::Faults;
use super::journal::Journal;
use super::webhooks::{Plan, WebhookSender};

/// What is common to all emulators, and what a provider's part needs of it.
pub(super) struct Engine {
    pub(super) address: SocketAddr,
    pub(super) clock: Clock,
    pub(super) journal: Arc<Journal>,
    pub(super) faults: Faults,
    pub(super) webhooks: Arc<WebhookSender>,
}

impl Engine {
    /// Where the emulator listens, without a slash at the end.
    pub(super) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// What a path means to a provider.
#[derive(Debug)]
pub struct RequestRoute {
    /// The kind of request, as faults and the journal name it.
    pub(super) edge: &'static str,
    /// The sending number or account, where the path names one that exists.
    pub(super) number: Option<String>,
    /// Whether a POST here sends a message.
    pub(super) sends: bool,
    /// Longest body that is read, in bytes.
    pub(super) limit: usize,
    /// Whether the body is a file, which the journal does not show.
    pub(super) is_file: bool,
}

/// One request, read.
#[derive(Debug)]
pub struct ProviderRequest<'a> {
    pub(super) head: &'a Parts,
    pub(super) body: &'a Bytes,
    /// The body as JSON; text where it is none, null where it is empty.
    pub(super) json: &'a Value,
}

/// An answer, and the message that was accepted with it.
#[derive(Debug)]
pub struct ProviderResponse<A> {
    pub(super) response: Response<Bytes>,
    /// The message and its id.
    pub(super) accepted: Option<(String, A)>,
}

/// What an emulator refuses by itself, in the words of its provider.
#[derive(Debug, Clone, Copy)]
pub enum Refusal {
    TooLong,
    /// The journal cannot be written, so nothing may be accepted.
    JournalFailed,
    Throttled,
    Code {
        code: i64,
        status: Option<u16>,
    },
}

/// The provider's part of an emulator.
pub trait Provider: Send + Sync + 'static {
    /// What is remembered of an accepted message until its webhooks have been sent.
    type Accepted: Send;

    /// The name of the strategy that talks to it.
    const NAME: &'static str;
    /// Where the id of a message stands in the answer, as JSON pointer.
    const ID: &'static str;

    /// Reads a path.
    fn route(&self, method: &Method, path: &str) -> RequestRoute;

    /// Answers a request as the provider does.
    fn answer(&self, request: ProviderRequest<'_>) -> impl Future<Output = ProviderResponse<Self::Accepted>> + Send;

    /// Words a refusal.
    fn refuse(&self, refusal: Refusal) -> Response<Bytes>;

    /// Sends the webhooks that follow an accepted message, in the background; with a code, those of a failure.
    fn follow(&self, accepted: (String, Self::Accepted), failure: Option<i64>);

    /// How webhooks are delivered after a reset.
    fn plan(&self) -> Plan;

    /// Answers a control call of this provider's own; `None` if there is no such call.
    fn control(&self, call: &ControlCall<'_>) -> impl Future<Output = Option<Result<Value, ControlError>>> + Send;

    /// What the control call `state` shows.
    fn state(&self) -> Value;

    /// Goes back to the state of the start.
    fn reset(&self);

    /// Its own control calls, for the index: method and path, and what they do.
    fn calls(&self) -> &'static [(&'static str, &'static str)];
}

/// Milliseconds as a control call shows durations.
pub(super) fn millis(duration: Duration) -> Value {
    json!(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}
