//! Stores in memory under faults, and processes over them.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use serde_json::json;
use zengine_connector::{
    Content, Delivered, Error, ErrorKind, HandlerContext, HandlerError, Identity, InboundEvent, Orchestrator, OrchestratorBuilder,
    OutboundMessage, Outcome, Reach, StrategyName, StrategyRegistry, TenantId,
    ids::RouteKey,
    orchestrator::{Ack, Received, ReplyTo},
    pipeline::DeferredReason,
    runtime::Clock,
    stage::Retry,
    store::{DomainEvent, Memory, SecretScope, TenantRow},
    strategy::InboundRequest,
    testing::{Faults, NoTasks, ProviderAnswer, ProviderKind, Recording, SimClock, StoreCall, StoreFault},
};

use crate::strategies::{Acme, AcmeChat, AcmeShelf, Element, text_of};

pub(crate) struct TestHost {
    pub(crate) clock: Arc<SimClock>,
    pub(crate) faults: Faults,
    pub(crate) memory: Memory,
    pub(crate) acme: Acme,
    pub(crate) handler: Arc<Handler>,
}

impl TestHost {
    /// The tenant `acme` uses every strategy; its path is `/acme`.
    pub(crate) fn new() -> Self {
        let memory = Memory::new();
        memory.put_tenant(&tenant(), &name("recording"), json!({}));
        for strategy in ["acme", "acme-chat", "acme-shelf"].map(name) {
            let config = json!({ "token": { "secret": "token" }, "second": { "secret": "second" } });
            memory.put_tenant(&tenant(), &strategy, TenantRow::new(config).with_routes([RouteKey::new("path", "/acme")]));
            for secret in ["token", "second"] {
                memory.put_secret(&SecretScope::shared(strategy.clone()), secret, "canary-secret");
            }
            memory.put_secret(&SecretScope::application(strategy.clone()), "app", "canary-secret");
        }
        let (clock, faults) = (Arc::new(SimClock::new()), Faults::new());
        Self { clock, faults, memory, acme: Acme::default(), handler: Arc::default() }
    }

    pub(crate) fn process(&self) -> Orchestrator {
        self.process_with(&Recording::new(), |builder| builder)
    }

    pub(crate) fn process_of<P: ProviderKind>(&self, provider: &Recording<P>) -> Orchestrator {
        self.process_with(provider, |builder| builder)
    }

    /// A process that is killed: no task ends what its callers leave.
    pub(crate) fn killed<P: ProviderKind>(&self, provider: &Recording<P>) -> Orchestrator {
        self.process_with(provider, |builder| builder.spawner(Arc::new(NoTasks)))
    }

    pub(crate) fn process_with<P: ProviderKind>(
        &self,
        provider: &Recording<P>,
        settings: impl FnOnce(OrchestratorBuilder) -> OrchestratorBuilder,
    ) -> Orchestrator {
        let registry = StrategyRegistry::builder().register(provider.clone()).register(self.acme.clone()).register(AcmeChat);
        let (memory, faults) = (&self.memory, &self.faults);
        let handler = Arc::clone(&self.handler);
        let builder = Orchestrator::builder()
            .registry(&registry.register(AcmeShelf).build().unwrap())
            .claims(faults.claims(memory.claims()))
            .dead_letters(faults.dead_letters(memory.dead_letters()))
            .events(faults.events(memory.events()))
            .epochs(faults.epochs(memory.epochs()))
            .sessions(faults.sessions(memory.sessions()))
            .directory(faults.directory(memory.directory()))
            .secrets(faults.secrets(memory.secrets()))
            .keys(memory.keys())
            .clock(Arc::clone(&self.clock) as _)
            .retry(Retry::none())
            .on_inbound(move |event, cx| handle(Arc::clone(&handler), event, cx));
        settings(builder).build().unwrap()
    }

    /// Makes every call of these kinds hang.
    pub(crate) fn hang(&self, calls: impl IntoIterator<Item = StoreCall>) {
        for call in calls {
            self.faults.always(call, StoreFault::Hang);
        }
    }

    /// Makes every call of this kind hang, except the first ones.
    pub(crate) fn hang_after(&self, passing: usize, call: StoreCall) {
        let mut made = 0;
        self.faults.decide(move |kind| {
            made += usize::from(kind == call);
            (kind == call && made > passing).then_some(StoreFault::Hang)
        });
    }

    pub(crate) async fn pass(&self, seconds: u64) {
        self.clock.advance(secs(seconds)).await;
    }

    pub(crate) async fn letters(&self) -> usize {
        self.memory.dead_letters().list(None, 1000).await.unwrap().letters.len()
    }

    /// The names of the events.
    pub(crate) fn events(&self) -> Vec<&'static str> {
        self.memory.published().iter().map(DomainEvent::name).collect()
    }

    /// How often the handler ran.
    pub(crate) fn handled(&self) -> usize {
        self.handler.events.lock().unwrap().len()
    }
}

/// The events that the handler got, and the outcomes of its replies.
#[derive(Default)]
pub(crate) struct Handler {
    pub(crate) events: Mutex<Vec<InboundEvent>>,
    pub(crate) reply_to: Mutex<Vec<ReplyTo>>,
    /// The outcomes of its replies.
    pub(crate) replies: Mutex<Vec<Outcome>>,
}

/// Does what the message says, else stores it.
async fn handle(handler: Arc<Handler>, event: InboundEvent, cx: HandlerContext) -> Result<(), HandlerError> {
    handler.reply_to.lock().unwrap().push(cx.reply_to().clone());
    handler.events.lock().unwrap().push(event.clone());
    match text_of(&event) {
        "later" => return Err("told to".into()),
        "poison" => return Err(HandlerError::Poison("told to")),
        "slow" => SimClock::new().advance(secs(100)).await,
        "slowly later" => {
            SimClock::new().advance(secs(10)).await;
            return Err("told to".into());
        }
        "reply" => {
            let outcome = cx.reply(0, Content::text("hi")).await.unwrap();
            handler.replies.lock().unwrap().push(outcome);
        }
        _ => {}
    }
    Ok(())
}

/// The result of a call that takes this much simulated time. One that takes longer waits for a port that never answers; one
/// that takes less never met it.
pub(crate) async fn takes<T>(time: Duration, call: impl Future<Output = T>) -> T {
    let clock = SimClock::new();
    let result = tokio::time::timeout(time + ms(100), call).await.expect("the call ends in time");
    let taken = clock.monotonic();
    assert!(taken >= time, "the call took only {taken:?} of {time:?}");
    result
}

pub(crate) fn tenant() -> TenantId {
    TenantId::new("acme").unwrap()
}

pub(crate) fn name(strategy: &str) -> StrategyName {
    StrategyName::new(strategy).unwrap()
}

pub(crate) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Sends "hello" through the recording provider.
pub(crate) async fn send(process: &Orchestrator, id: &str) -> Outcome {
    send_by(process, ("recording", "hello"), id).await.unwrap()
}

/// Sends a text through a strategy.
pub(crate) async fn send_by(process: &Orchestrator, (strategy, body): (&str, &str), id: &str) -> Result<Outcome, Error> {
    let message = OutboundMessage::text(Identity::phone("+15551230001").unwrap(), body);
    process.send(tenant(), strategy, id, &message).await
}

#[track_caller]
pub(crate) fn deferred(outcome: Outcome) -> DeferredReason {
    let Outcome::Deferred(deferred) = outcome else { panic!("not deferred: {outcome:?}") };
    deferred.reason
}

#[track_caller]
pub(crate) fn delivered(outcome: Outcome) -> Delivered {
    let Outcome::Delivered(delivered) = outcome else { panic!("not delivered: {outcome:?}") };
    delivered
}

/// An answer that no retry changes.
pub(crate) fn refusal() -> ProviderAnswer {
    ProviderAnswer::error(ErrorKind::InvalidContent, Reach::Processed)
}

pub(crate) fn element(id: &str, text: &str) -> Element {
    Element { id: id.into(), text: text.into(), ..Element::default() }
}

pub(crate) async fn receive_at(process: &Orchestrator, (strategy, path): (&str, &str), elements: &[Element]) -> Received {
    let body: Bytes = serde_json::to_vec(elements).unwrap().into();
    process.receive(strategy, InboundRequest::http(::http::Request::post(path).body(body).unwrap())).await.unwrap()
}

/// Delivers elements to the tenant's own endpoint.
pub(crate) async fn receive(process: &Orchestrator, elements: &[Element]) -> Received {
    receive_at(process, ("acme", "/acme"), elements).await
}

/// Something must come again.
#[track_caller]
pub(crate) fn assert_comes_again(received: &Received) {
    assert_eq!((received.ack, received.response.status().as_u16()), (Ack::Redeliver, 503), "{received:?}");
}

#[track_caller]
pub(crate) fn assert_done(received: &Received) {
    assert_eq!((received.ack, received.response.status().as_u16(), received.unstored), (Ack::Done, 200, 0), "{received:?}");
}
