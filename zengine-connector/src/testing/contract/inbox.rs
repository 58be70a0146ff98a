//! A host with a recording inbound handler that can fail on demand.

use std::{collections::HashSet, sync::Arc, time::Duration};

use bytes::Bytes;
use serde_json::Value;

use super::{
    Expected, Sample,
    attempt::ATTEMPT_TIME,
    host::{TestHost, printed},
    kit::{Kit, SharedKit, TENANTS},
};
use crate::{
    message::{Content, ElementError, Event, EventSource, InboundEvent},
    orchestrator::{Ack, EngineLookup, HandlerContext, HandlerError, OrchestratorBuilder, Received},
    strategy::{InboundRequest, RawPayload, RoutedEvent, Step},
    sync::Mutex,
};

/// A host that receives.
pub(crate) struct Inbox {
    pub(crate) host: TestHost,
    seen: Arc<Mutex<Vec<InboundEvent>>>,
    failing: Arc<Mutex<Option<Sample>>>,
    answering: Arc<Mutex<Option<Answering>>>,
    /// The conversations of sample events that are open, by tenant and sample. `None` if the case opens its own.
    open: Mutex<Option<HashSet<(usize, usize)>>>,
}

/// The replies of a handler, and the time after which it makes them.
#[derive(Clone)]
struct Answering(Duration, &'static [&'static str]);

impl Inbox {
    pub(crate) fn new(kit: &SharedKit) -> Self {
        Self::with(kit, |builder| builder)
    }

    /// The same with other settings.
    pub(crate) fn with(kit: &SharedKit, settings: impl FnOnce(OrchestratorBuilder) -> OrchestratorBuilder) -> Self {
        let (seen, failing) = (Arc::<Mutex<Vec<InboundEvent>>>::default(), Arc::<Mutex<Option<Sample>>>::default());
        let (keep, fail) = (Arc::clone(&seen), Arc::clone(&failing));
        let answering = Arc::<Mutex<Option<Answering>>>::default();
        let answers = Arc::clone(&answering);
        let handler = move |event: InboundEvent, cx: HandlerContext| {
            let json = serde_json::to_string(&event).unwrap();
            let fails = fail.lock().as_ref().is_some_and(|sample| sample.is_in(&json));
            keep.lock().push(event);
            let answering = answers.lock().clone();
            async move {
                if let Some(Answering(after, texts)) = answering {
                    cx.orchestrator().engine.clock.sleep(after).await;
                    for (n, text) in (0..).zip(texts) {
                        drop(cx.reply(n, Content::text(*text)).await);
                    }
                }
                if fails { Err(HandlerError::from("injected by the kit")) } else { Ok(()) }
            }
        };
        Self {
            host: TestHost::with(kit, |builder| settings(builder.on_inbound(handler))),
            seen,
            failing,
            answering,
            open: Mutex::new(Some(HashSet::new())),
        }
    }

    pub(crate) fn kit(&self) -> &Kit {
        &self.host.kit
    }

    /// Leaves conversations closed: the case opens its own.
    pub(crate) fn without_conversations(self) -> Self {
        *self.open.lock() = None;
        self
    }

    /// Opens the conversations that events in a request may belong to, of every tenant. One that cannot be opened is left: the case is about
    /// a broken host.
    pub(crate) async fn open_for(&self, request: &InboundRequest) {
        let script = self.kit().outbound.as_ref().and_then(|outbound| outbound.conversations.as_ref());
        let Some(script) = script.filter(|script| script.for_inbound) else { return };
        let samples = samples_in(&String::from_utf8_lossy(request.body()));
        // A large batch is the first tenant's.
        let tenants = if samples.len() > 20 { 1 } else { TENANTS };
        for (tenant, n) in (0..tenants).flat_map(|tenant| samples.iter().map(move |n| (tenant, *n))) {
            let is_new = self.open.lock().as_mut().is_some_and(|open| open.insert((tenant, n)));
            if is_new && self.host.bind(tenant).await.is_ok() {
                let message = (script.message)(&Sample::new(n), &Sample::new(n));
                drop(self.host.attempt_json(tenant, &message, &format!("opens-{n}"), 1, ATTEMPT_TIME).await);
            }
        }
    }

    /// The provider's events that the handler received so far, in order, stored or not.
    pub(crate) fn seen(&self) -> Vec<InboundEvent> {
        self.of(EventSource::Provider)
    }

    /// The events that the strategy raised and the handler received so far.
    pub(crate) fn raised(&self) -> Vec<InboundEvent> {
        self.of(EventSource::Local)
    }

    fn of(&self, source: EventSource) -> Vec<InboundEvent> {
        self.seen.lock().iter().filter(|event| event.source == source).cloned().collect()
    }

    /// Makes the handler fail on events of this sample.
    pub(crate) fn fail_on(&self, sample: Option<usize>) {
        *self.failing.lock() = sample.map(Sample::new);
    }

    /// Makes the handler reply after a time.
    pub(crate) fn answer(&self, after: Duration, texts: &'static [&'static str]) {
        *self.answering.lock() = Some(Answering(after, texts));
    }

    /// The contents of all dead letters.
    pub(crate) async fn letters(&self) -> Vec<Value> {
        let letters = self.host.stores.dead_letters().list(None, 10_000).await.unwrap().letters;
        let keys = self.host.stores.keys();
        letters.iter().map(|letter| serde_json::from_slice(&letter.open(&*keys).unwrap()).unwrap()).collect()
    }

    /// The body in JSON that delivers elements to a tenant.
    pub(crate) fn body(&self, tenant: usize, elements: Vec<Value>) -> String {
        self.kit().body(tenant, elements).to_string()
    }

    /// The body in JSON that delivers one sample message to a tenant.
    pub(crate) fn sample_body(&self, tenant: usize, sample: usize) -> String {
        self.body(tenant, vec![self.kit().element(sample)])
    }

    /// Delivers a sample event.
    pub(crate) async fn sample(&self, tenant: usize, sample: usize) -> Received {
        self.request(self.host.sample(tenant, sample)).await
    }

    /// Delivers an expected event. `None` if the provider has no such event.
    pub(crate) async fn event(&self, sample: &Sample, expected: &Expected<'_>) -> Option<Received> {
        let request = self.kit().event(0, sample, expected, self.host.now_ms())?;
        Some(self.request(request).await)
    }

    /// Delivers sample events in one signed request.
    pub(crate) async fn samples(&self, tenant: usize, samples: &[usize]) -> Received {
        match samples {
            [sample] => self.sample(tenant, *sample).await,
            several => self.elements(tenant, several.iter().map(|sample| self.kit().element(*sample)).collect()).await,
        }
    }

    /// Delivers elements in one signed request.
    pub(crate) async fn elements(&self, tenant: usize, elements: Vec<Value>) -> Received {
        self.bytes(tenant, self.body(tenant, elements)).await
    }

    /// Delivers exact bytes in a signed request of JSON.
    pub(crate) async fn bytes(&self, tenant: usize, body: impl Into<Bytes>) -> Received {
        self.request(self.host.request(tenant, body).expect("any bytes are a body")).await
    }

    /// A signed request of a sample event at another time, in milliseconds from now.
    pub(crate) fn signed_at(&self, tenant: usize, sample: usize, from_now_ms: i64) -> http::Request<Bytes> {
        self.kit().sample_event(tenant, &Sample::new(sample), self.host.now_ms() + from_now_ms)
    }

    /// Delivers a request. Checks that the response repeats nothing secret or personal.
    pub(crate) async fn request(&self, request: http::Request<Bytes>) -> Received {
        self.receive(InboundRequest::http(request)).await
    }

    /// Delivers any inbound request.
    pub(crate) async fn receive(&self, request: InboundRequest) -> Received {
        self.receive_within(request, 999).await
    }

    /// Delivers any inbound request, which may take some milliseconds of simulated time.
    pub(crate) async fn receive_within(&self, request: InboundRequest, max_ms: u64) -> Received {
        self.open_for(&request).await;
        self.kit().assert_clean("the Debug of a request", &format!("{request:?}"));
        let before_ms = self.host.now_ms();
        let received = self.host.orchestrator.receive(self.kit().name.as_str(), request).await.expect("the strategy receives");
        let took_ms = self.host.now_ms() - before_ms;
        assert!(took_ms.unsigned_abs() <= max_ms, "a request took {took_ms} ms of simulated time: neither verify nor normalize may sleep");
        self.kit().assert_clean("the answer's Debug", &format!("{received:?}"));
        self.kit().assert_clean("the answer's body", &String::from_utf8_lossy(received.response.body()));
        for value in received.response.headers().values() {
            self.kit().assert_clean("a header of the answer", &String::from_utf8_lossy(value.as_bytes()));
        }
        received
    }

    /// Delivers a request and checks its refusal: 4xx, nothing stored, no call.
    pub(crate) async fn assert_refused(&self, request: http::Request<Bytes>, what: &str) -> http::Response<Bytes> {
        let request = InboundRequest::http(request);
        self.open_for(&request).await;
        let before = (self.seen().len(), self.letters().await.len(), self.host.wire.calls());
        let received = self.receive(request).await;
        let status = received.response.status();
        assert!(!status.is_success(), "{what} was let in: answered with {status}");
        assert!(status.is_client_error(), "{what} was answered with {status}: refuse it with a 4xx, or it will be delivered again");
        assert_eq!(received.ack, Ack::Refused, "{what} was answered with {status} and not refused");
        let after = (self.seen().len(), self.letters().await.len(), self.host.wire.calls());
        assert_eq!(before.0, after.0, "{what} was refused, and the handler ran all the same");
        assert_eq!(before.1, after.1, "{what} was refused, and something of it was stored: anyone could fill the store");
        assert_eq!(before.2, after.2, "{what} was refused, but the provider was called: anyone could trigger calls");
        received.response
    }

    /// The result of `verify` and `normalize` for a request, without the rest of the pipeline.
    pub(crate) async fn normalized(&self, request: http::Request<Bytes>) -> Option<Vec<Result<RoutedEvent, ElementError>>> {
        let payload = self.payload(request).await?;
        Some(self.normalize(&payload))
    }

    /// The payload that `verify` admits for a request.
    pub(crate) async fn payload(&self, request: http::Request<Bytes>) -> Option<RawPayload> {
        let engine = &self.host.orchestrator.engine;
        let entry = engine.registry.entry(self.kit().name.as_str()).expect("the strategy is registered");
        let half = entry.inbound.as_ref().expect("the strategy receives");
        let request = InboundRequest::http(request);
        let lookup = Arc::new(EngineLookup { engine: Arc::clone(engine), entry: Arc::clone(entry) });
        match half.verify(&request, lookup).await {
            Ok(verified) => match verified.step {
                Step::Events(payload) => Some(payload),
                _ => None,
            },
            Err(error) => {
                self.kit().assert_clean("a refusal", &printed(&error));
                None
            }
        }
    }

    /// The result of `normalize` for a payload.
    ///
    /// # Panics
    /// Panics if `normalize` does, with its message.
    pub(crate) fn normalize(&self, payload: &RawPayload) -> Vec<Result<RoutedEvent, ElementError>> {
        let entry = self.host.orchestrator.engine.registry.entry(self.kit().name.as_str()).expect("the strategy is registered");
        let half = entry.inbound.as_ref().expect("the strategy receives");
        let read = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| half.normalize(payload)));
        read.unwrap_or_else(|panic| {
            panic!(
                "normalize panicked: {}\nover {}",
                super::host::panic_text(&*panic),
                String::from_utf8_lossy(&payload.body()[..payload.body().len().min(500)])
            )
        })
    }
}

/// The samples whose words a text holds. Of a text with escapes, those of most cases.
fn samples_in(text: &str) -> Vec<usize> {
    if text.contains("\\u") {
        return (0..20).collect();
    }
    let number = |rest: &str| {
        rest.split(|c: char| !c.is_ascii_alphanumeric()).find(|word| word.len() == 5 && word.parse::<usize>().is_ok())?.parse().ok()
    };
    let found: HashSet<usize> = text.match_indices("canary-").filter_map(|(at, word)| number(&text[at + word.len()..])).collect();
    found.into_iter().collect()
}

/// Checks that a request was admitted: its events are stored or dead letters, and it is not redelivered.
pub(crate) fn assert_accepted(received: &Received, what: &str) {
    let status = received.response.status();
    assert!(
        status.is_success() && received.ack == Ack::Done,
        "{what} was answered with {status}, {} accepted, {} poisoned, {} unstored: it will be delivered again",
        received.accepted,
        received.poisoned,
        received.unstored
    );
}

/// The content of a message.
pub(crate) fn content(event: &Event) -> Option<&Content> {
    match event {
        Event::Message { content } => Some(content),
        _ => None,
    }
}

/// The body of a text message.
pub(crate) fn words(event: &Event) -> Option<&str> {
    match content(event)? {
        Content::Text(text) => Some(&text.body),
        _ => None,
    }
}
