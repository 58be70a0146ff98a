//! Faults that a test queues in an emulator.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Method;
use serde_json::Value;

use super::{lock, random::Random};

/// Something that goes wrong at the provider, once unless told otherwise.
///
/// A fault waits in the emulator's queue until a request fits it. Faults are tried in the order in which they were queued.
/// Unless a method below says otherwise, a fault fits every request that sends something (for Meta, `POST …/messages`).
///
/// A fault whose message is *accepted* only plays on a request that the provider would accept; a faulty request gets its
/// ordinary refusal and uses the fault up.
///
/// ```
/// use std::time::Duration;
/// use zengine_strategies::sandbox::Fault;
///
/// let busy = Fault::throttle().times(2).with_header("retry-after", "1").for_number("100200300");
/// let lost = Fault::hang_after_accepting();
/// let slow = Fault::slow(Duration::from_millis(300)).when(|body| body["type"] == "template");
/// let weather = Fault::error(131_000, 500).forever().with_probability(0.05);
/// # drop((busy, lost, slow, weather));
/// ```
#[derive(Clone)]
#[must_use = "a fault does nothing until an emulator is told to play it"]
pub struct Fault {
    pub(super) action: Action,
    pub(super) headers: Vec<(String, String)>,
    times: Option<u32>,
    probability: f64,
    scope: Scope,
    number: Option<String>,
    path: Option<String>,
    when: Option<Condition>,
}

type Condition = Arc<dyn Fn(&Value) -> bool + Send + Sync>;

/// What the emulator does.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Action {
    /// Answers this instead of its own answer.
    Answer { answer: Answer, accepted: bool },
    /// Answers as usual, but only after a while; the message is accepted at once.
    Slow(Duration),
    /// Never answers.
    Hang { accepted: bool },
    /// Accepts, then cuts the answer in the middle of its body.
    CutBody,
    /// Resets the connection, before or after it has read the body.
    Reset { body_read: bool, accepted: bool },
    /// Accepts, then reports by webhook that the message failed.
    Undeliverable(i64),
}

/// An answer in the emulator's own words, or raw.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
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

#[derive(Debug, Clone, Copy, PartialEq)]
enum Scope {
    Sends,
    All,
}

/// What is known of a request before its body was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) method: &'a Method,
    pub(super) path: &'a str,
    pub(super) number: Option<&'a str>,
    pub(super) sends: bool,
}

impl Fault {
    fn new(action: Action) -> Self {
        Self { action, headers: Vec::new(), times: Some(1), probability: 1.0, scope: Scope::Sends, number: None, path: None, when: None }
    }

    fn answer(answer: Answer, accepted: bool) -> Self {
        Self::new(Action::Answer { answer, accepted })
    }

    /// Refuses because of too many requests, as the provider words it (Meta: code 130429 at HTTP 400).
    pub fn throttle() -> Self {
        Self::answer(Answer::Throttle, false)
    }

    /// Refuses with a provider error code at a chosen HTTP status.
    pub fn error(code: i64, status: u16) -> Self {
        Self::answer(Answer::Code { code, status: Some(status) }, false)
    }

    /// Refuses with a provider error code at the HTTP status that usually goes with it.
    pub fn code(code: i64) -> Self {
        Self::answer(Answer::Code { code, status: None }, false)
    }

    /// Answers with an HTML page, as a proxy in front of the provider does.
    pub fn html(status: u16) -> Self {
        Self::raw(status, "text/html", "<html><body><h1>Sorry, something went wrong.</h1></body></html>")
    }

    /// Answers with these bytes.
    pub fn raw(status: u16, content_type: impl Into<String>, body: impl Into<String>) -> Self {
        Self::answer(Answer::Raw { status, content_type: content_type.into(), body: body.into() }, false)
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
        Self::new(Action::Slow(delay))
    }

    /// Reads the request and never answers; the message is not accepted.
    pub fn hang() -> Self {
        Self::new(Action::Hang { accepted: false })
    }

    /// Accepts the message and never answers.
    pub fn hang_after_accepting() -> Self {
        Self::new(Action::Hang { accepted: true })
    }

    /// Accepts the message and cuts the answer in the middle of its body.
    pub fn cut_body() -> Self {
        Self::new(Action::CutBody)
    }

    /// Resets the connection before the body is read. A condition on the body makes it [`reset_after_reading`](Self::reset_after_reading).
    pub fn reset_before_reading() -> Self {
        Self::new(Action::Reset { body_read: false, accepted: false })
    }

    /// Reads the request, then resets the connection; the message is not accepted.
    pub fn reset_after_reading() -> Self {
        Self::new(Action::Reset { body_read: true, accepted: false })
    }

    /// Accepts the message, then resets the connection.
    pub fn reset_after_accepting() -> Self {
        Self::new(Action::Reset { body_read: true, accepted: true })
    }

    /// Accepts the message; its status webhooks then say that it failed with this code.
    pub fn undeliverable(code: i64) -> Self {
        Self::new(Action::Undeliverable(code))
    }

    /// Lets the message be accepted (and delivered) behind the answer of this fault.
    pub fn accepting(mut self) -> Self {
        match &mut self.action {
            Action::Answer { accepted, .. } | Action::Hang { accepted } => *accepted = true,
            Action::Reset { body_read, accepted } => (*body_read, *accepted) = (true, true),
            Action::Slow(_) | Action::CutBody | Action::Undeliverable(_) => {}
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

    /// The name under which the journal lists it.
    pub(super) fn name(&self) -> String {
        match &self.action {
            Action::Answer { answer: Answer::Throttle, .. } => "throttle".to_owned(),
            Action::Answer { answer: Answer::Code { code, .. }, .. } => format!("error {code}"),
            Action::Answer { answer: Answer::Raw { status, .. }, .. } => format!("http {status}"),
            Action::Slow(_) => "slow".to_owned(),
            Action::Hang { .. } => "hang".to_owned(),
            Action::CutBody => "cut body".to_owned(),
            Action::Reset { .. } => "reset".to_owned(),
            Action::Undeliverable(code) => format!("undeliverable {code}"),
        }
    }

    /// Whether the message is accepted behind the fault.
    pub(super) fn accepts(&self) -> bool {
        match &self.action {
            Action::Answer { accepted, .. } | Action::Hang { accepted } | Action::Reset { accepted, .. } => *accepted,
            Action::Slow(_) | Action::CutBody | Action::Undeliverable(_) => true,
        }
    }

    fn fits(&self, target: Target<'_>) -> bool {
        (self.scope == Scope::All || (target.sends && target.method == Method::POST))
            && self.number.as_deref().is_none_or(|number| target.number == Some(number))
            && self.path.as_deref().is_none_or(|part| target.path.contains(part))
    }

    fn comes_before_the_body(&self) -> bool {
        matches!(self.action, Action::Reset { body_read: false, .. }) && self.when.is_none()
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Fault")
            .field("action", &self.action)
            .field("times", &self.times)
            .field("probability", &self.probability)
            .field("number", &self.number)
            .field("path", &self.path)
            .field("conditional", &self.when.is_some())
            .finish_non_exhaustive()
    }
}

/// The queue of an emulator.
#[derive(Debug)]
pub(super) struct Faults {
    inner: Mutex<(VecDeque<Fault>, Random)>,
}

impl Faults {
    pub(super) fn new(seed: u64) -> Self {
        Self { inner: Mutex::new((VecDeque::new(), Random::new(seed))) }
    }

    pub(super) fn push(&self, fault: Fault) {
        if fault.times != Some(0) {
            lock(&self.inner).0.push_back(fault);
        }
    }

    pub(super) fn clear(&self) {
        lock(&self.inner).0.clear();
    }

    pub(super) fn len(&self) -> usize {
        lock(&self.inner).0.len()
    }

    /// Takes the fault that is to be played before the body is read, if the next one that fits is of that kind.
    pub(super) fn take_before_body(&self, target: Target<'_>) -> Option<Fault> {
        let (queue, random) = &mut *lock(&self.inner);
        let at = queue.iter().position(|fault| fault.fits(target))?;
        if !queue[at].comes_before_the_body() || random.fraction() >= queue[at].probability {
            return None;
        }
        Some(take(queue, at))
    }

    /// Takes the first fault that fits the whole request.
    pub(super) fn take(&self, target: Target<'_>, body: &Value) -> Option<Fault> {
        let (queue, random) = &mut *lock(&self.inner);
        let at = queue.iter().position(|fault| {
            !fault.comes_before_the_body()
                && fault.fits(target)
                && fault.when.as_ref().is_none_or(|condition| condition(body))
                && random.fraction() < fault.probability
        })?;
        Some(take(queue, at))
    }
}

fn take(queue: &mut VecDeque<Fault>, at: usize) -> Fault {
    let fault = queue[at].clone();
    match queue[at].times.as_mut() {
        Some(left) if *left <= 1 => drop(queue.remove(at)),
        Some(left) => *left -= 1,
        None => {}
    }
    fault
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn send(number: &str) -> Target<'_> {
        Target { method: &Method::POST, path: "/v26.0/1/messages", number: Some(number), sends: true }
    }

    #[test]
    fn a_fault_plays_as_often_as_it_was_told_and_in_its_order() {
        let faults = Faults::new(1);
        faults.push(Fault::throttle().times(2));
        faults.push(Fault::hang());
        let names: Vec<_> = (0..4).map(|_| faults.take(send("1"), &Value::Null).map(|fault| fault.name())).collect();
        assert_eq!(names, [Some("throttle".into()), Some("throttle".into()), Some("hang".into()), None]);
    }

    #[test]
    fn a_fault_waits_for_a_request_that_fits() {
        let faults = Faults::new(1);
        faults.push(Fault::code(2).for_number("2").when(|body| body["type"] == "text"));
        assert!(faults.take(send("1"), &json!({"type": "text"})).is_none());
        assert!(faults.take(send("2"), &json!({"type": "image"})).is_none());
        let health = Target { method: &Method::GET, path: "/v26.0/2", number: Some("2"), sends: false };
        assert!(faults.take(health, &json!({"type": "text"})).is_none());
        assert!(faults.take(send("2"), &json!({"type": "text"})).is_some());
        assert_eq!(faults.len(), 0);
    }

    #[test]
    fn a_probable_fault_follows_from_the_seed() {
        let played = |seed| {
            let faults = Faults::new(seed);
            faults.push(Fault::throttle().forever().with_probability(0.3));
            (0..200).map(|_| faults.take(send("1"), &Value::Null).is_some()).collect::<Vec<_>>()
        };
        assert_eq!(played(5), played(5));
        assert_ne!(played(5), played(6));
        let hits = played(5).into_iter().filter(|hit| *hit).count();
        assert!((30..90).contains(&hits), "{hits} of 200 at 0.3");
    }

    #[test]
    fn only_an_unconditional_reset_plays_before_the_body() {
        let faults = Faults::new(1);
        faults.push(Fault::throttle());
        faults.push(Fault::reset_before_reading());
        assert!(faults.take_before_body(send("1")).is_none(), "the throttle comes first");
        assert_eq!(faults.take(send("1"), &Value::Null).map(|fault| fault.name()), Some("throttle".into()));
        assert_eq!(faults.take_before_body(send("1")).map(|fault| fault.name()), Some("reset".into()));
    }
}
