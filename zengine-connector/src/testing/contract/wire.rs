//! The pretended network: an HTTP client that answers from the fixture's script and keeps what left.

use std::{
    collections::VecDeque,
    fmt::{self, Write as _},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
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

/// One call as the provider sees it.
#[derive(Debug)]
pub struct Call<'a> {
    request: &'a http::Request<Bytes>,
    n: usize,
}

impl Call<'_> {
    /// The request.
    pub fn request(&self) -> &http::Request<Bytes> {
        self.request
    }

    /// How many calls there were before, from 0: good for ids that differ.
    pub fn n(&self) -> usize {
        self.n
    }

    /// The path of the request.
    pub fn path(&self) -> &str {
        self.request.uri().path()
    }

    /// The body as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(self.request.body()).unwrap_or_default()
    }
}

/// One call as the kit keeps it.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) request: http::Request<Bytes>,
    /// What the provider answered, where it acted on the request.
    pub(crate) accepted: Option<http::Response<Bytes>>,
    /// It is the call that sends.
    pub(crate) sends: bool,
}

impl Made {
    /// Everything of the request that another end could read.
    pub(crate) fn printed(&self) -> String {
        let mut text = format!("{} {}\n", self.request.method(), self.request.uri());
        for (name, value) in self.request.headers() {
            let _ = writeln!(text, "{name}: {}", String::from_utf8_lossy(value.as_bytes()));
        }
        text.push_str(&String::from_utf8_lossy(self.request.body()));
        text
    }
}

#[derive(Default)]
struct State {
    /// Troubles in line for calls that send.
    line: VecDeque<WireFault>,
    /// The trouble of every call that sends and has none in line.
    always: Option<WireFault>,
    /// The trouble of the n-th call, whatever it is.
    nth: Option<(usize, WireFault)>,
    calls: usize,
    made: Vec<Made>,
}

/// What a strategy gets from the kit in place of the world. A clone is another handle to the same.
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

    /// The clock, for a strategy that takes one.
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock) as _
    }

    /// The next calls that send meet these troubles, one each.
    pub(crate) fn next(&self, faults: impl IntoIterator<Item = WireFault>) {
        self.state.lock().line.extend(faults);
    }

    /// Every call that sends meets this trouble, until [`heal`](Self::heal).
    pub(crate) fn always(&self, fault: WireFault) {
        self.state.lock().always = Some(fault);
    }

    /// The n-th call from the start, from 0, meets this trouble, whatever it is for.
    pub(crate) fn nth(&self, n: usize, fault: WireFault) {
        self.state.lock().nth = Some((n, fault));
    }

    /// No trouble any more.
    pub(crate) fn heal(&self) {
        let mut state = self.state.lock();
        state.line.clear();
        state.always = None;
        state.nth = None;
    }

    /// Every call that left, in order.
    pub(crate) fn made(&self) -> Vec<Made> {
        self.state.lock().made.clone()
    }

    /// How many calls were made, those counted that never left.
    pub(crate) fn calls(&self) -> usize {
        self.state.lock().calls
    }

    /// The calls that send, those that left.
    pub(crate) fn sends(&self) -> Vec<Made> {
        self.made().into_iter().filter(|made| made.sends).collect()
    }

    /// The calls that send and that the provider acted on: the messages people got.
    pub(crate) fn effects(&self) -> Vec<Made> {
        self.sends().into_iter().filter(|made| made.accepted.is_some()).collect()
    }

    /// The trouble of a call, and whether it is one that sends.
    fn trouble(&self, request: &http::Request<Bytes>) -> (Option<WireFault>, bool, usize) {
        let sends = self.kit.sends(request);
        let mut state = self.state.lock();
        let n = state.calls;
        state.calls += 1;
        let fault = match &state.nth {
            Some((at, fault)) if *at == n => Some(fault.clone()),
            _ if sends => state.line.pop_front().or_else(|| state.always.clone()),
            _ => None,
        };
        (fault, sends, n)
    }

    fn keep(&self, request: http::Request<Bytes>, accepted: Option<http::Response<Bytes>>, sends: bool) {
        self.state.lock().made.push(Made { request, accepted, sends });
    }
}

#[async_trait]
impl HttpClient for Wire {
    async fn call(&self, request: http::Request<Bytes>, options: CallOptions) -> Result<http::Response<Bytes>, HttpError> {
        let (fault, sends, n) = self.trouble(&request);
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
        let answer = acts.then(|| self.kit.answer(&Call { request: &request, n }));
        self.keep(request, answer.clone(), sends);
        // Others get their turn, as they would while a request is under way.
        self.clock.sleep(Duration::from_millis(1)).await;
        let Some(fault) = fault else { return Ok(answer.expect("the provider acted")) };
        match (fault, answer) {
            (WireFault::Answer(response), _) => Ok(response),
            (WireFault::Scrambled(kind, body), Some(answer)) => {
                let (mut parts, _) = answer.into_parts();
                // Ids may stand in headers, too.
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
