//! The simulated network: an HTTP client that answers from the fixture's script and records requests.

use std::{
    collections::VecDeque,
    fmt::{self, Write as _},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::Value;

use super::{fault::WireFault, kit::Kit};
use crate::{
    error::Reach,
    http::{CallOptions, HttpCause, HttpClient, HttpError},
    runtime::Clock,
    sync::Mutex,
    testing::SimClock,
};

/// One call to the provider.
#[derive(Debug)]
pub struct Call<'a> {
    request: &'a http::Request<Bytes>,
    n: usize,
    accepted: Vec<http::Request<Bytes>>,
}

impl Call<'_> {
    /// The request.
    pub fn request(&self) -> &http::Request<Bytes> {
        self.request
    }

    /// The index of the call, from 0. Use it for unique ids.
    pub fn n(&self) -> usize {
        self.n
    }

    /// The earlier requests that the provider acted on, in order, to look a message up.
    pub fn accepted(&self) -> &[http::Request<Bytes>] {
        &self.accepted
    }

    /// The path of the request.
    pub fn path(&self) -> &str {
        self.request.uri().path()
    }

    /// The body as JSON; null if it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(self.request.body()).unwrap_or_default()
    }
}

/// One recorded call.
#[derive(Clone, Debug)]
pub(crate) struct RecordedCall {
    pub(crate) request: http::Request<Bytes>,
    /// The provider's response, if it acted on the request.
    pub(crate) accepted: Option<http::Response<Bytes>>,
    /// Whether it is the call that sends.
    pub(crate) sends: bool,
}

impl RecordedCall {
    /// Everything of the request that the receiving end can read: as it is, with JSON and form escapes decoded, and headers in
    /// base64 decoded.
    pub(crate) fn printed(&self) -> String {
        let mut text = format!("{} {}\n", self.request.method(), self.request.uri());
        for (name, value) in self.request.headers() {
            let value = String::from_utf8_lossy(value.as_bytes());
            let _ = writeln!(text, "{name}: {value}");
            let decoded = value.split([' ', ',']).filter_map(|word| String::from_utf8(STANDARD.decode(word).ok()?).ok());
            decoded.for_each(|decoded| text = format!("{text}{decoded}\n"));
        }
        text.push_str(&String::from_utf8_lossy(self.request.body()));
        let escaped = percent_decoded(&text);
        text + &decoded(self.request.body()) + "\n" + &escaped
    }
}

/// A body as it is, and with JSON escapes decoded.
pub(crate) fn decoded(body: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(body).into_owned();
    let mut next = vec![serde_json::from_slice::<Value>(body).unwrap_or_default()];
    while let Some(value) = next.pop() {
        match value {
            Value::String(words) => {
                text.push('\n');
                text.push_str(&words);
                // A JSON string may hold JSON.
                next.extend(serde_json::from_str::<Value>(&words).ok().filter(|inner| inner.is_object() || inner.is_array()));
            }
            Value::Array(items) => next.extend(items),
            Value::Object(members) => next.extend(members.into_iter().map(|(_, member)| member)),
            _ => {}
        }
    }
    text
}

fn percent_decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (vec![], text.bytes());
    while let Some(byte) = rest.next() {
        let mut ahead = rest.clone();
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        match (byte, digit(ahead.next()), digit(ahead.next())) {
            (b'%', Some(high), Some(low)) => {
                bytes.extend(u8::try_from(16 * high + low));
                rest = ahead;
            }
            (b'+', ..) => bytes.push(b' '),
            (byte, ..) => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[derive(Default)]
struct State {
    /// Queued faults of calls that send.
    queue: VecDeque<WireFault>,
    /// The fault of every call that sends and has no queued one.
    always: Option<WireFault>,
    /// The fault of the n-th call of any kind.
    nth: Option<(usize, WireFault)>,
    /// The fault of every call that does not send, after one that did.
    others: Option<WireFault>,
    calls: usize,
    /// Calls fetch media.
    media: bool,
    recorded: Vec<RecordedCall>,
}

/// The simulated network and clock for a strategy under test. A clone shares them.
#[derive(Clone)]
pub struct Wire {
    kit: Arc<Kit>,
    clock: Arc<SimClock>,
    state: Arc<Mutex<State>>,
}

impl Wire {
    pub(crate) fn new(kit: Arc<Kit>, clock: Arc<SimClock>) -> Self {
        Self { kit, clock, state: Arc::default() }
    }

    /// The HTTP client to inject.
    pub fn http(&self) -> Arc<dyn HttpClient> {
        Arc::new(self.clone())
    }

    /// The simulated clock, for a strategy that takes one.
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock) as _
    }

    /// Queues faults for the next calls that send, one each.
    pub(crate) fn next(&self, faults: impl IntoIterator<Item = WireFault>) {
        self.state.lock().queue.extend(faults);
    }

    /// Sets the fault of every call that sends, until [`heal`](Self::heal).
    pub(crate) fn always(&self, fault: WireFault) {
        self.state.lock().always = Some(fault);
    }

    /// Sets the fault of the n-th call of any kind, counted from 0 at the start.
    pub(crate) fn nth(&self, n: usize, fault: WireFault) {
        self.state.lock().nth = Some((n, fault));
    }

    /// Sets the fault of every call that does not send, after one that did.
    pub(crate) fn after_sending(&self, fault: WireFault) {
        self.state.lock().others = Some(fault);
    }

    /// Answers all further calls as those that fetch media.
    pub(crate) fn answer_media(&self) {
        self.state.lock().media = true;
    }

    /// Removes every fault.
    pub(crate) fn heal(&self) {
        let mut state = self.state.lock();
        state.queue.clear();
        state.always = None;
        state.nth = None;
        state.others = None;
    }

    /// All calls that left, in order.
    pub(crate) fn recorded(&self) -> Vec<RecordedCall> {
        self.state.lock().recorded.clone()
    }

    /// The number of calls, including those that never left.
    pub(crate) fn calls(&self) -> usize {
        self.state.lock().calls
    }

    /// The calls that send and that left.
    pub(crate) fn sends(&self) -> Vec<RecordedCall> {
        self.recorded().into_iter().filter(|call| call.sends).collect()
    }

    /// The calls that send and that the provider acted on: the messages that recipients received.
    pub(crate) fn effects(&self) -> Vec<RecordedCall> {
        self.sends().into_iter().filter(|call| call.accepted.is_some()).collect()
    }

    /// The fault of a call, whether it is one that sends, and its index.
    fn next_fault(&self, request: &http::Request<Bytes>) -> (Option<WireFault>, bool, usize) {
        let sends = self.kit.sends(request);
        let mut state = self.state.lock();
        let n = state.calls;
        state.calls += 1;
        let fault = match &state.nth {
            Some((at, fault)) if *at == n => Some(fault.clone()),
            _ if sends => state.queue.pop_front().or_else(|| state.always.clone()),
            _ => state.others.clone().filter(|_| state.recorded.iter().any(|call| call.sends)),
        };
        (fault, sends, n)
    }

    fn keep(&self, request: http::Request<Bytes>, accepted: Option<http::Response<Bytes>>, sends: bool) {
        self.state.lock().recorded.push(RecordedCall { request, accepted, sends });
    }
}

#[async_trait]
impl HttpClient for Wire {
    async fn call(&self, request: http::Request<Bytes>, options: CallOptions) -> Result<http::Response<Bytes>, HttpError> {
        let (fault, sends, n) = self.next_fault(&request);
        if let Some(fault) = &fault
            && !fault.leaves()
        {
            let cause = if matches!(fault, WireFault::Refused) { HttpCause::Connect } else { HttpCause::Timeout };
            if cause == HttpCause::Timeout {
                self.clock.sleep(options.timeout).await;
            }
            return Err(HttpError::new(cause, Reach::NotSent));
        }
        let acts = fault.as_ref().is_none_or(WireFault::acts);
        let answer = acts.then(|| {
            let media = self.state.lock().media;
            let recorded = self.recorded();
            let accepted = recorded.into_iter().filter(|call| call.accepted.is_some()).map(|call| call.request).collect();
            self.kit.answer(&Call { request: &request, n, accepted }, media)
        });
        self.keep(request, answer.clone(), sends);
        // Lets other tasks run, as they would during a real request.
        self.clock.sleep(Duration::from_millis(1)).await;
        let Some(fault) = fault else { return Ok(answer.expect("the provider acted")) };
        match (fault, answer) {
            (WireFault::Response(response), _) => Ok(response),
            (WireFault::Scrambled(kind, body), Some(answer)) => {
                let (mut parts, _) = answer.into_parts();
                // Headers may hold ids, too.
                parts.headers.clear();
                parts.headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
                Ok(http::Response::from_parts(parts, body))
            }
            (WireFault::Slow(time), Some(answer)) if time < options.timeout => {
                self.clock.sleep(time).await;
                Ok(answer)
            }
            (WireFault::Slow(_) | WireFault::Hang | WireFault::HangAfterAccepting, _) => {
                self.clock.sleep(options.timeout).await;
                Err(HttpError::new(HttpCause::Timeout, Reach::Maybe))
            }
            (WireFault::TooLarge, _) => Err(HttpError::new(HttpCause::TooLarge, Reach::Maybe)),
            _ => Err(HttpError::new(HttpCause::Broken, Reach::Maybe)),
        }
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").field("calls", &self.calls()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_read_as_the_provider_reads_it() {
        let request = http::Request::post("https://p.example/send?to=%2B1")
            .header("authorization", "Basic dXNlcjpwYXNz")
            .body(Bytes::from_static(b"text=%C3%A9+b%2Bc&odd=%zz%4"))
            .unwrap();
        let printed = RecordedCall { request, accepted: None, sends: true }.printed();
        for part in ["to=+1", "user:pass", "text=é b+c&odd=%zz%4", "text=%C3%A9"] {
            assert!(printed.contains(part), "{part}: {printed}");
        }
        let request = http::Request::post("/").body(Bytes::from_static(br#"{"a":"\u00e9","b":"{\"c\":\"\\u00e8\"}"}"#)).unwrap();
        let printed = RecordedCall { request, accepted: None, sends: true }.printed();
        assert!(printed.contains('é') && printed.contains('è'), "{printed}");
    }
}
