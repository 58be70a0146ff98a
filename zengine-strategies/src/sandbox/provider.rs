//! The provider's part of an emulator, and the engine common to all.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::Value;

use super::clock::Clock;
use super::control::Call;
use super::faults::{FaultQueue, RequestFaultKind};
use super::journal::Journal;
use super::webhooks::{WebhookFormat, WebhookSender, Webhooks};

/// The parts common to all emulators.
pub struct Engine {
    pub(super) address: SocketAddr,
    pub(super) clock: Clock,
    pub(super) journal: Arc<Journal>,
    pub(super) faults: FaultQueue<RequestFaultKind>,
    pub(super) webhooks: Arc<WebhookSender>,
}

impl Engine {
    /// The emulator's address, without a trailing slash.
    pub(super) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }
}

redacted!(Engine { address });

/// The provider's meaning of a request's head.
#[derive(Debug)]
pub struct RequestRoute {
    /// The kind of request in faults and the journal.
    pub(super) edge: &'static str,
    /// The sending number or account, if the request names an existing one.
    pub(super) sender: Option<String>,
    /// Whether a POST here sends a message.
    pub(super) sends: bool,
    /// Maximum length of the body, in bytes.
    pub(super) limit: usize,
    /// Whether the body is a file, which the journal omits.
    pub(super) is_file: bool,
}

/// A request with its body.
#[derive(Debug)]
pub struct ProviderRequest<'a> {
    pub(super) head: &'a Parts,
    pub(super) body: &'a Bytes,
    /// The body as JSON; text if it is not JSON, null if it is empty.
    pub(super) json: &'a Value,
}

/// The provider's response, and the message that it accepted.
#[derive(Debug)]
pub struct ProviderResponse<A> {
    pub(super) response: Response<Bytes>,
    /// The id of the accepted message, and the message.
    pub(super) accepted: Option<(String, A)>,
}

/// A refusal by the engine, in the provider's format.
#[derive(Debug, Clone, Copy)]
pub enum Refusal<'a> {
    TooLong,
    /// The journal cannot be written, so no message may be accepted.
    JournalFailed,
    Throttled,
    Code {
        code: &'a str,
        status: Option<u16>,
    },
}

/// Start options of every emulator.
#[derive(Debug)]
pub struct StartOptions {
    pub(super) port: u16,
    pub(super) seed: u64,
    pub(super) journal: Option<PathBuf>,
    pub(super) webhooks: Webhooks,
}

/// The provider's part of an emulator.
pub trait Provider: Send + Sync + Sized + 'static {
    /// Its settings.
    type Settings;
    /// Its state, which also formats its webhooks.
    type State: WebhookFormat;
    /// The data of an accepted message for its webhooks.
    type Accepted: Send;

    /// The name of the strategy for this provider.
    const NAME: &'static str;
    /// JSON pointer to a message's id in a response.
    const ID: &'static str;
    /// JSON pointer to the code in an error response.
    const CODE: &'static str;
    /// Members and fields that hold secrets, beside the usual names; the journal masks them.
    const SECRETS: &'static [&'static str];
    /// The provider's own control calls.
    const CALLS: &'static [Call<Self>];

    /// Returns the start options of its settings.
    fn options(settings: &Self::Settings) -> StartOptions;

    /// Creates the state of a start.
    fn open(settings: Self::Settings, clock: &Clock, journal: &Arc<Journal>) -> Self::State;

    /// Creates the provider's part from its state and the engine.
    fn new(state: Arc<Self::State>, engine: Arc<Engine>) -> Self;

    /// Returns the meaning of a request by its head: method, path, and the credentials that name a sender.
    fn route(&self, head: &Parts) -> RequestRoute;

    /// Responds to a request as the provider does.
    fn answer(&self, request: ProviderRequest<'_>) -> impl Future<Output = ProviderResponse<Self::Accepted>> + Send;

    /// Formats a refusal.
    fn refuse(&self, refusal: Refusal<'_>) -> Response<Bytes>;

    /// Whether an error code has the provider's form, for faults in control calls.
    fn is_code(code: &str) -> bool;

    /// Sends the webhooks of an accepted message in the background; with a code, those of a failed message.
    fn follow(&self, accepted: (String, Self::Accepted), failure: Option<&str>);

    /// The provider's part of the control call `state`.
    fn state(&self) -> Value;

    /// Restores the initial state.
    fn reset(&self);
}

/// A duration in milliseconds, as in JSON and in times.
pub(super) fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A response; an invalid status is 500, and an invalid content type is left out.
pub(super) fn page(status: u16, content_type: &str, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    add_header(&mut response, "content-type", content_type);
    response
}

/// Sets a header, if it is valid.
pub(super) fn add_header(response: &mut Response<Bytes>, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
        response.headers_mut().insert(name, value);
    }
}
