//! Faults that a test queues in an emulator.

mod json;
mod queue;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use serde_json::Value;

pub(super) use self::json::FaultSpec;
pub(super) use self::queue::{Faults, Target};

/// Something that goes wrong at the provider, once unless told otherwise.
///
/// A fault waits in the emulator's queue until a request fits it. Faults are tried in the order in which they were queued.
/// Unless a method below says otherwise, a fault fits every request that sends something (for Meta, `POST …/messages`).
///
/// A fault whose message is *accepted* only plays on a request that the provider would accept; a faulty request gets its
/// ordinary refusal and uses the fault up.
///
/// | what happens | fault |
/// |---|---|
/// | an error answer | [`throttle`](Self::throttle), [`code`](Self::code), [`error`](Self::error), [`unavailable`](Self::unavailable), [`html`](Self::html), [`redirect`](Self::redirect), [`raw`](Self::raw) |
/// | a success that is none | [`error_in_200`](Self::error_in_200), [`without_id`](Self::without_id), [`change`](Self::change), [`remove`](Self::remove), [`wrong_hash`](Self::wrong_hash), [`oversize`](Self::oversize) |
/// | it takes long | [`slow`](Self::slow), [`drip`](Self::drip), [`hang`](Self::hang), [`hang_after_accepting`](Self::hang_after_accepting), [`stall_body`](Self::stall_body) |
/// | the connection breaks | [`reset_before_reading`](Self::reset_before_reading), [`reset_after_reading`](Self::reset_after_reading), [`reset_after_accepting`](Self::reset_after_accepting), [`cut_body`](Self::cut_body), [`wrong_length`](Self::wrong_length), [`garbage`](Self::garbage) |
/// | later, by webhook | [`undeliverable`](Self::undeliverable) |
/// | nothing, which takes a place in a script | [`pass`](Self::pass) |
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
#[must_use = "a fault does nothing until an emulator is told to play it"]
pub struct Fault {
    pub(super) action: FaultAction,
    pub(super) headers: Vec<(String, String)>,
    times: Option<u32>,
    probability: f64,
    scope: Scope,
    number: Option<String>,
    path: Option<String>,
    /// Members that the body must have, by JSON pointer.
    members: Vec<(String, Value)>,
    when: Option<Condition>,
}

type Condition = Arc<dyn Fn(&Value) -> bool + Send + Sync>;

/// What the emulator does.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum FaultAction {
    /// Nothing.
    Pass,
    /// Answers this instead of its own answer.
    Respond { response: FaultResponse, accepted: bool },
    /// Answers as usual, but only after a while; the message is accepted at once.
    Slow(Duration),
    /// Accepts, then answers in small pieces with a pause before each.
    Drip { pieces: u32, pause: Duration },
    /// Never answers.
    Hang { accepted: bool },
    /// Accepts, then answers with half of the body and never ends it.
    Stall,
    /// Accepts, then cuts the answer in the middle of its body.
    CutBody,
    /// Accepts, then announces a length that is off by this much.
    Length(i64),
    /// Answers with bytes that are no HTTP.
    Garbage { accepted: bool },
    /// Resets the connection, before or after it has read the body.
    Reset { body_read: bool, accepted: bool },
    /// Accepts, and changes a member of the answer, or takes it away.
    Change { pointer: String, value: Option<Value> },
    /// Accepts, and leaves the message's id out of the answer.
    WithoutId,
    /// Accepts, and appends this many bytes to the answer.
    Oversize(u64),
    /// Accepts, then reports by webhook that the message failed.
    Undeliverable(i64),
}

/// An answer in the emulator's own words, or raw.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum FaultResponse {
    /// The provider's usual "too many requests".
    Throttle,
    /// The provider's error body with this code; without a status, the one that usually goes with the code.
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

    /// Does nothing: the request goes its usual way. For scripts, where the third request is to fail and not the first.
    pub fn pass() -> Self {
        Self::new(FaultAction::Pass)
    }

    /// Refuses because of too many requests, as the provider words it (Meta: code 130429 at HTTP 400).
    pub fn throttle() -> Self {
        Self::respond(FaultResponse::Throttle, false)
    }

    /// Refuses with a provider error code at a chosen HTTP status.
    pub fn error(code: i64, status: u16) -> Self {
        Self::respond(FaultResponse::Code { code, status: Some(status) }, false)
    }

    /// Refuses with a provider error code at the HTTP status that usually goes with it.
    pub fn code(code: i64) -> Self {
        Self::respond(FaultResponse::Code { code, status: None }, false)
    }

    /// Answers 200 with the provider's error body; the message is not accepted.
    pub fn error_in_200(code: i64) -> Self {
        Self::error(code, 200)
    }

    /// Answers with an HTML page, as a proxy in front of the provider does.
    pub fn html(status: u16) -> Self {
        Self::raw(status, "text/html", "<html><body><h1>Sorry, something went wrong.</h1></body></html>")
    }

    /// Answers 302 with this `Location`; fits only what [`on_edge`](Self::on_edge) or its kin say, else sends.
    pub fn redirect(location: impl Into<String>) -> Self {
        Self::raw(302, "text/html", "").with_header("location", location)
    }

    /// Answers with these bytes.
    pub fn raw(status: u16, content_type: impl Into<String>, body: impl Into<String>) -> Self {
        Self::respond(FaultResponse::Raw { status, content_type: content_type.into(), body: body.into() }, false)
    }

    /// Answers 503 after the body was read; the message is not accepted. The client cannot know that.
    pub fn unavailable() -> Self {
        Self::raw(503, "text/plain", "upstream connect error")
    }

    /// Answers 503 although the message is accepted and will be delivered.
    pub fn unavailable_after_accepting() -> Self {
        Self::unavailable().accepting()
    }

    /// Accepts at once and answers as usual after `delay`.
    pub fn slow(delay: Duration) -> Self {
        Self::new(FaultAction::Slow(delay))
    }

    /// Accepts at once and answers in `pieces` pieces, with a pause before each.
    pub fn drip(pieces: u32, pause: Duration) -> Self {
        Self::new(FaultAction::Drip { pieces: pieces.max(1), pause })
    }

    /// Reads the request and never answers; the message is not accepted.
    pub fn hang() -> Self {
        Self::new(FaultAction::Hang { accepted: false })
    }

    /// Accepts the message and never answers.
    pub fn hang_after_accepting() -> Self {
        Self::new(FaultAction::Hang { accepted: true })
    }

    /// Accepts the message and cuts the answer in the middle of its body.
    pub fn cut_body() -> Self {
        Self::new(FaultAction::CutBody)
    }

    /// Accepts the message, answers with head and half of the body, and then falls silent on an open connection.
    pub fn stall_body() -> Self {
        Self::new(FaultAction::Stall)
    }

    /// Accepts the message and answers whole, but with a `Content-Length` that is off by `by` bytes, and closes the connection.
    pub fn wrong_length(by: i64) -> Self {
        Self::new(FaultAction::Length(by))
    }

    /// Reads the request, then answers with bytes that are no HTTP; the message is not accepted.
    pub fn garbage() -> Self {
        Self::new(FaultAction::Garbage { accepted: false })
    }

    /// Accepts the message, but puts `value` at this JSON pointer of the answer.
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

    /// Accepts the message, but leaves the member at this JSON pointer out of the answer.
    pub fn remove(pointer: impl Into<String>) -> Self {
        Self::new(FaultAction::Change { pointer: pointer.into(), value: None })
    }

    /// Accepts the message and answers with success, but without the message's id.
    pub fn without_id() -> Self {
        Self::new(FaultAction::WithoutId)
    }

    /// Announces media with a digest that is not the file's. Fits look-ups of media (edge `media_url`).
    pub fn wrong_hash() -> Self {
        Self::change("/sha256", "0".repeat(64)).on_edge("media_url")
    }

    /// Sends this many bytes more than the file has, without announcing a length. Fits downloads (edge `media_download`).
    pub fn oversize(bytes: u64) -> Self {
        Self::new(FaultAction::Oversize(bytes)).on_edge("media_download")
    }

    /// Resets the connection before the body is read. A condition on the body makes it [`reset_after_reading`](Self::reset_after_reading).
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

    /// Accepts the message; its status webhooks then say that it failed with this code.
    pub fn undeliverable(code: i64) -> Self {
        Self::new(FaultAction::Undeliverable(code))
    }

    /// Lets the message be accepted (and delivered) behind the answer of this fault.
    pub fn accepting(mut self) -> Self {
        match &mut self.action {
            FaultAction::Respond { accepted, .. } | FaultAction::Hang { accepted } | FaultAction::Garbage { accepted } => *accepted = true,
            FaultAction::Reset { body_read, accepted } => (*body_read, *accepted) = (true, true),
            _ => {}
        }
        self
    }

    /// Adds a header to the answer of this fault.
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Plays it on this many requests.
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Plays it on every request that fits, until the faults are cleared.
    pub fn forever(mut self) -> Self {
        self.times = None;
        self
    }

    /// Plays it with this probability (0 to 1) on each request that fits. The draws follow from the emulator's seed.
    pub fn with_probability(mut self, probability: f64) -> Self {
        self.probability = probability;
        self
    }

    /// Fits only requests of this sending number or account.
    pub fn for_number(mut self, phone_number_id: impl Into<String>) -> Self {
        self.number = Some(phone_number_id.into());
        self
    }

    /// Fits requests of this kind instead of sends. The module of each emulator lists its kinds: `media_upload`, `oauth`, ….
    pub fn on_edge(mut self, edge: impl Into<String>) -> Self {
        self.scope = Scope::Edge(edge.into());
        self
    }

    /// Fits any kind of request whose path contains `part`.
    pub fn on_path(mut self, part: impl Into<String>) -> Self {
        self.scope = Scope::All;
        self.path = Some(part.into());
        self
    }

    /// Fits any kind of request.
    pub fn on_any_request(mut self) -> Self {
        self.scope = Scope::All;
        self
    }

    /// Fits only requests whose JSON body fulfils the condition. It runs inside the emulator and must not call it.
    pub fn when(mut self, condition: impl Fn(&Value) -> bool + Send + Sync + 'static) -> Self {
        self.when = Some(Arc::new(condition));
        self
    }

    /// Fits only requests whose JSON body has this value at this JSON pointer.
    pub fn when_member(mut self, pointer: impl Into<String>, value: impl Into<Value>) -> Self {
        self.members.push((pointer.into(), value.into()));
        self
    }

    /// The name under which the journal lists it.
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

    /// Whether the message is accepted behind the fault.
    pub(super) fn accepts(&self) -> bool {
        match &self.action {
            FaultAction::Respond { accepted, .. }
            | FaultAction::Hang { accepted }
            | FaultAction::Garbage { accepted }
            | FaultAction::Reset { accepted, .. } => *accepted,
            _ => true,
        }
    }

    /// Whether what is known before the body fits.
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

    /// Whether the body fits.
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
