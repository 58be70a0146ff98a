//! Faults of requests, queued by a test.

mod json;
mod queue;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use serde_json::Value;

pub(super) use self::json::FaultSpec;
pub(super) use self::queue::{Faults, Target};

/// A fault at the provider; it applies once by default.
///
/// Waits in the emulator's queue until a request matches; faults are tried in the order of the queue. Unless a method below
/// changes that, a fault matches every request that sends a message (for Meta, `POST …/messages`).
///
/// A fault that *accepts* the message applies only to requests that the provider would accept; an invalid request gets its
/// ordinary refusal and consumes the fault.
///
/// | effect | fault |
/// |---|---|
/// | an error response | [`throttle`](Self::throttle), [`code`](Self::code), [`error`](Self::error), [`unavailable`](Self::unavailable), [`html`](Self::html), [`redirect`](Self::redirect), [`raw`](Self::raw) |
/// | a broken success response | [`error_in_200`](Self::error_in_200), [`without_id`](Self::without_id), [`change`](Self::change), [`remove`](Self::remove), [`wrong_hash`](Self::wrong_hash), [`oversize`](Self::oversize) |
/// | a slow response or none | [`slow`](Self::slow), [`drip`](Self::drip), [`hang`](Self::hang), [`hang_after_accepting`](Self::hang_after_accepting), [`stall_body`](Self::stall_body) |
/// | a broken connection | [`reset_before_reading`](Self::reset_before_reading), [`reset_after_reading`](Self::reset_after_reading), [`reset_after_accepting`](Self::reset_after_accepting), [`cut_body`](Self::cut_body), [`wrong_length`](Self::wrong_length), [`garbage`](Self::garbage) |
/// | a failure reported later by webhook | [`undeliverable`](Self::undeliverable) |
/// | none: an ordinary request in a script | [`pass`](Self::pass) |
///
/// ```
/// use std::time::Duration;
/// use zengine_strategies::sandbox::Fault;
///
/// let busy = Fault::throttle().times(2).with_header("retry-after", "1").for_number("100200300");
/// let lost = Fault::hang_after_accepting();
/// let slow = Fault::slow(Duration::from_millis(300)).when(|body| body["type"] == "template");
/// let background = Fault::error(131_000, 500).forever().with_probability(0.05);
/// # drop((busy, lost, slow, background));
/// ```
#[derive(Clone)]
#[must_use = "a fault has no effect until it is queued in an emulator"]
pub struct Fault {
    pub(super) action: FaultAction,
    pub(super) headers: Vec<(String, String)>,
    times: Option<u32>,
    probability: f64,
    scope: Scope,
    number: Option<String>,
    path: Option<String>,
    /// Required members of the body, by JSON pointer.
    members: Vec<(String, Value)>,
    when: Option<Condition>,
}

type Condition = Arc<dyn Fn(&Value) -> bool + Send + Sync>;

/// The effect on a request.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum FaultAction {
    /// No effect.
    Pass,
    /// Sends this response instead of the provider's.
    Respond { response: FaultResponse, accepted: bool },
    /// Accepts at once, then responds after a delay.
    Slow(Duration),
    /// Accepts, then responds in small pieces with a pause before each.
    Drip { pieces: u32, pause: Duration },
    /// Never responds.
    Hang { accepted: bool },
    /// Accepts, then sends half of the body and stalls.
    Stall,
    /// Accepts, then ends the response in the middle of its body.
    CutBody,
    /// Accepts, then announces a length that is off by this many bytes.
    Length(i64),
    /// Responds with bytes that are not HTTP.
    Garbage { accepted: bool },
    /// Resets the connection, before or after reading the body.
    Reset { body_read: bool, accepted: bool },
    /// Accepts, and changes or removes a member of the response.
    Change { pointer: String, value: Option<Value> },
    /// Accepts, and omits the message's id from the response.
    WithoutId,
    /// Accepts, and appends this many bytes to the response.
    Oversize(u64),
    /// Accepts, then reports by webhook that the message failed.
    Undeliverable(i64),
}

/// A response in the provider's format, or raw.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum FaultResponse {
    /// The provider's usual "too many requests".
    Throttle,
    /// The provider's error body with this code; without a status, the code's usual one.
    Code {
        code: i64,
        status: Option<u16>,
    },
    Raw {
        status: u16,
        content_type: String,
        body: String,
    },
}

#[derive(Debug, Clone, PartialEq)]
enum Scope {
    Sends,
    Edge(String),
    All,
}

impl Fault {
    fn new(action: FaultAction) -> Self {
        Self {
            action,
            headers: Vec::new(),
            times: Some(1),
            probability: 1.0,
            scope: Scope::Sends,
            number: None,
            path: None,
            members: Vec::new(),
            when: None,
        }
    }

    fn respond(response: FaultResponse, accepted: bool) -> Self {
        Self::new(FaultAction::Respond { response, accepted })
    }

    /// Lets a request through unchanged. For scripts, such as one that fails the third request but not the first two.
    pub fn pass() -> Self {
        Self::new(FaultAction::Pass)
    }

    /// Refuses with the provider's "too many requests" (Meta: code 130429 at HTTP 400).
    pub fn throttle() -> Self {
        Self::respond(FaultResponse::Throttle, false)
    }

    /// Refuses with a provider error code and this HTTP status.
    pub fn error(code: i64, status: u16) -> Self {
        Self::respond(FaultResponse::Code { code, status: Some(status) }, false)
    }

    /// Refuses with a provider error code and its usual HTTP status.
    pub fn code(code: i64) -> Self {
        Self::respond(FaultResponse::Code { code, status: None }, false)
    }

    /// Responds 200 with the provider's error body; the message is not accepted.
    pub fn error_in_200(code: i64) -> Self {
        Self::error(code, 200)
    }

    /// Responds with an HTML page, as a proxy in front of the provider does.
    pub fn html(status: u16) -> Self {
        Self::raw(status, "text/html", "<html><body><h1>Sorry, something went wrong.</h1></body></html>")
    }

    /// Responds 302 with this `Location`.
    pub fn redirect(location: impl Into<String>) -> Self {
        Self::raw(302, "text/html", "").with_header("location", location)
    }

    /// Responds with these bytes.
    pub fn raw(status: u16, content_type: impl Into<String>, body: impl Into<String>) -> Self {
        Self::respond(FaultResponse::Raw { status, content_type: content_type.into(), body: body.into() }, false)
    }

    /// Responds 503 after reading the body; the message is not accepted. The client cannot tell.
    pub fn unavailable() -> Self {
        Self::raw(503, "text/plain", "upstream connect error")
    }

    /// Responds 503 although the message is accepted and will be delivered.
    pub fn unavailable_after_accepting() -> Self {
        Self::unavailable().accepting()
    }

    /// Accepts at once and responds as usual after `delay`.
    pub fn slow(delay: Duration) -> Self {
        Self::new(FaultAction::Slow(delay))
    }

    /// Accepts at once and responds in `pieces` pieces, at least 1, with a pause before each.
    pub fn drip(pieces: u32, pause: Duration) -> Self {
        Self::new(FaultAction::Drip { pieces: pieces.max(1), pause })
    }

    /// Reads the request and never responds; the message is not accepted.
    pub fn hang() -> Self {
        Self::new(FaultAction::Hang { accepted: false })
    }

    /// Accepts the message and never responds.
    pub fn hang_after_accepting() -> Self {
        Self::new(FaultAction::Hang { accepted: true })
    }

    /// Accepts the message and ends the response in the middle of its body.
    pub fn cut_body() -> Self {
        Self::new(FaultAction::CutBody)
    }

    /// Accepts the message, sends the head and half of the body, then stalls with the connection open.
    pub fn stall_body() -> Self {
        Self::new(FaultAction::Stall)
    }

    /// Accepts the message and responds with a `Content-Length` that is off by `by` bytes, then closes the connection.
    pub fn wrong_length(by: i64) -> Self {
        Self::new(FaultAction::Length(by))
    }

    /// Reads the request, then responds with bytes that are not HTTP; the message is not accepted.
    pub fn garbage() -> Self {
        Self::new(FaultAction::Garbage { accepted: false })
    }

    /// Accepts the message, and sets `value` at this JSON pointer of the response.
    ///
    /// ```
    /// use zengine_strategies::sandbox::Fault;
    ///
    /// let held = Fault::change("/messages/0/message_status", "held_for_quality_assessment");
    /// # drop(held);
    /// ```
    pub fn change(pointer: impl Into<String>, value: impl Into<Value>) -> Self {
        Self::new(FaultAction::Change { pointer: pointer.into(), value: Some(value.into()) })
    }

    /// Accepts the message, and removes the member at this JSON pointer from the response.
    pub fn remove(pointer: impl Into<String>) -> Self {
        Self::new(FaultAction::Change { pointer: pointer.into(), value: None })
    }

    /// Accepts the message and responds with success, but without the message's id.
    pub fn without_id() -> Self {
        Self::new(FaultAction::WithoutId)
    }

    /// Announces media with a wrong digest. Matches look-ups of media (edge `media_url`).
    pub fn wrong_hash() -> Self {
        Self::change("/sha256", "0".repeat(64)).on_edge("media_url")
    }

    /// Sends this many bytes more than the file has, without announcing a length. Matches downloads (edge `media_download`).
    pub fn oversize(bytes: u64) -> Self {
        Self::new(FaultAction::Oversize(bytes)).on_edge("media_download")
    }

    /// Resets the connection before reading the body. A condition on the body makes it [`reset_after_reading`](Self::reset_after_reading).
    pub fn reset_before_reading() -> Self {
        Self::new(FaultAction::Reset { body_read: false, accepted: false })
    }

    /// Reads the request, then resets the connection; the message is not accepted.
    pub fn reset_after_reading() -> Self {
        Self::new(FaultAction::Reset { body_read: true, accepted: false })
    }

    /// Accepts the message, then resets the connection.
    pub fn reset_after_accepting() -> Self {
        Self::new(FaultAction::Reset { body_read: true, accepted: true })
    }

    /// Accepts the message; its status webhooks then report a failure with this code.
    pub fn undeliverable(code: i64) -> Self {
        Self::new(FaultAction::Undeliverable(code))
    }

    /// Accepts (and delivers) the message despite the fault's response.
    pub fn accepting(mut self) -> Self {
        match &mut self.action {
            FaultAction::Respond { accepted, .. } | FaultAction::Hang { accepted } | FaultAction::Garbage { accepted } => *accepted = true,
            FaultAction::Reset { body_read, accepted } => (*body_read, *accepted) = (true, true),
            _ => {}
        }
        self
    }

    /// Adds a header to the fault's response.
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Applies the fault to this many requests. Defaults to 1.
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Applies the fault to every matching request until the faults are cleared.
    pub fn forever(mut self) -> Self {
        self.times = None;
        self
    }

    /// Applies the fault to each matching request with this probability, 0 to 1. The emulator's seed determines the draws.
    pub fn with_probability(mut self, probability: f64) -> Self {
        self.probability = probability;
        self
    }

    /// Matches only requests of this sending number or account.
    pub fn for_number(mut self, phone_number_id: impl Into<String>) -> Self {
        self.number = Some(phone_number_id.into());
        self
    }

    /// Matches requests of this kind instead of sends: `media_upload`, `oauth`, …. Each emulator's documentation lists its kinds.
    pub fn on_edge(mut self, edge: impl Into<String>) -> Self {
        self.scope = Scope::Edge(edge.into());
        self
    }

    /// Matches any kind of request whose path contains `part`.
    pub fn on_path(mut self, part: impl Into<String>) -> Self {
        self.scope = Scope::All;
        self.path = Some(part.into());
        self
    }

    /// Matches any kind of request.
    pub fn on_any_request(mut self) -> Self {
        self.scope = Scope::All;
        self
    }

    /// Matches only requests whose JSON body satisfies the condition. It runs inside the emulator: you must not call the emulator from it.
    pub fn when(mut self, condition: impl Fn(&Value) -> bool + Send + Sync + 'static) -> Self {
        self.when = Some(Arc::new(condition));
        self
    }

    /// Matches only requests whose JSON body has this value at this JSON pointer.
    pub fn when_member(mut self, pointer: impl Into<String>, value: impl Into<Value>) -> Self {
        self.members.push((pointer.into(), value.into()));
        self
    }

    /// The name in the journal.
    pub(super) fn name(&self) -> String {
        match &self.action {
            FaultAction::Pass => "pass".to_owned(),
            FaultAction::Respond { response: FaultResponse::Throttle, .. } => "throttle".to_owned(),
            FaultAction::Respond { response: FaultResponse::Code { code, .. }, .. } => format!("error {code}"),
            FaultAction::Respond { response: FaultResponse::Raw { status, .. }, .. } => format!("http {status}"),
            FaultAction::Slow(_) => "slow".to_owned(),
            FaultAction::Drip { .. } => "drip".to_owned(),
            FaultAction::Hang { .. } => "hang".to_owned(),
            FaultAction::Stall => "stall".to_owned(),
            FaultAction::CutBody => "cut body".to_owned(),
            FaultAction::Length(_) => "wrong length".to_owned(),
            FaultAction::Garbage { .. } => "garbage".to_owned(),
            FaultAction::Reset { .. } => "reset".to_owned(),
            FaultAction::Change { pointer, .. } => format!("change {pointer}"),
            FaultAction::WithoutId => "no id".to_owned(),
            FaultAction::Oversize(_) => "oversize".to_owned(),
            FaultAction::Undeliverable(code) => format!("undeliverable {code}"),
        }
    }

    /// Whether the message is accepted despite the fault.
    pub(super) fn accepts(&self) -> bool {
        match &self.action {
            FaultAction::Respond { accepted, .. }
            | FaultAction::Hang { accepted }
            | FaultAction::Garbage { accepted }
            | FaultAction::Reset { accepted, .. } => *accepted,
            _ => true,
        }
    }

    /// Whether the properties before the body match.
    fn fits(&self, target: Target<'_>) -> bool {
        let scope = match &self.scope {
            Scope::Sends => target.sends && target.method == Method::POST,
            Scope::Edge(edge) => target.edge == edge,
            Scope::All => true,
        };
        scope
            && self.number.as_deref().is_none_or(|number| target.number == Some(number))
            && self.path.as_deref().is_none_or(|part| target.path.contains(part))
    }

    /// Whether the body matches.
    fn agrees(&self, body: &Value) -> bool {
        self.members.iter().all(|(pointer, value)| body.pointer(pointer) == Some(value))
            && self.when.as_ref().is_none_or(|condition| condition(body))
    }

    fn plays_before_body(&self) -> bool {
        matches!(self.action, FaultAction::Reset { body_read: false, .. }) && self.when.is_none() && self.members.is_empty()
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Fault")
            .field("name", &self.name())
            .field("times", &self.times)
            .field("probability", &self.probability)
            .field("number", &self.number)
            .field("path", &self.path)
            .field("conditional", &self.when.is_some())
            .finish_non_exhaustive()
    }
}
