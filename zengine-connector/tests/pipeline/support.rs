//! A world of stores, a clock, and processes that share them.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use zengine_connector::{
    ClientMessageId, Deferred, Delivered, Failed, FailureId, Identity, Memory, Orchestrator, OrchestratorBuilder, OutboundMessage, Outcome,
    StrategyName, StrategyRegistry, TenantId, Unknown, async_trait,
    registry::RegistryBuilder,
    store::{
        Applied, ClaimKey, ClaimOp, ClaimRecord, ClaimStore, DeadLetter, DeadLetterPage, DeadLetterSink, DeadLetterStore, DomainEvent,
        DuePage, Embedded, InboundOp, InboundRecord, OutboundFailed, Reference, StoreError,
    },
    testing::{CasStore, Faults, NoTasks, ProviderKind, Recording, SimClock},
};

/// Stores, their faults, and a clock that stands still until every task waits.
pub(crate) struct World {
    pub(crate) clock: Arc<SimClock>,
    pub(crate) faults: Faults,
    /// The claims, without faults.
    pub(crate) claims: Arc<dyn ClaimStore>,
    /// The dead letters, without faults.
    pub(crate) letters: Arc<dyn DeadLetterStore>,
    pub(crate) memory: Memory,
    _disk: Option<tempfile::TempDir>,
}

impl World {
    /// Everything in memory.
    pub(crate) fn in_memory() -> Self {
        let memory = Memory::new();
        let (claims, letters) = (memory.claims(), memory.dead_letters());
        Self::of(memory, claims, letters, None)
    }

    /// Claims and dead letters in a file.
    pub(crate) fn on_disk() -> Self {
        let disk = tempfile::tempdir().unwrap();
        let embedded = Embedded::open(disk.path().join("store")).unwrap();
        let (claims, letters) = (Blocking(embedded.claims()), Blocking(embedded.dead_letters()));
        Self::of(Memory::new(), Arc::new(claims), Arc::new(letters), Some(disk))
    }

    /// Claims that are compared and set.
    pub(crate) fn on_cas(claims: Arc<CasStore>) -> Self {
        let memory = Memory::new();
        let letters = memory.dead_letters();
        Self::of(memory, claims, letters, None)
    }

    fn of(memory: Memory, claims: Arc<dyn ClaimStore>, letters: Arc<dyn DeadLetterStore>, disk: Option<tempfile::TempDir>) -> Self {
        memory.put_tenant(&tenant(), &strategy(), serde_json::json!({}));
        Self { clock: Arc::new(SimClock::new()), faults: Faults::new(), claims, letters, memory, _disk: disk }
    }

    /// A process with default settings.
    pub(crate) fn process<P: ProviderKind>(&self, provider: &Recording<P>) -> Orchestrator {
        self.process_with(provider, |settings| settings)
    }

    /// A process that is killed: no task ends what its callers leave.
    pub(crate) fn killed<P: ProviderKind>(&self, provider: &Recording<P>) -> Orchestrator {
        self.process_with(provider, |settings| settings.spawner(Arc::new(NoTasks)))
    }

    /// A process with settings of its own.
    pub(crate) fn process_with<P: ProviderKind>(
        &self,
        provider: &Recording<P>,
        settings: impl FnOnce(OrchestratorBuilder) -> OrchestratorBuilder,
    ) -> Orchestrator {
        self.host(StrategyRegistry::builder().register(provider.clone()), settings)
    }

    /// A process with strategies of its own.
    pub(crate) fn host(
        &self,
        registry: RegistryBuilder,
        settings: impl FnOnce(OrchestratorBuilder) -> OrchestratorBuilder,
    ) -> Orchestrator {
        let builder = Orchestrator::builder()
            .registry(&registry.build().unwrap())
            .stores(&self.memory)
            .keys(self.memory.keys())
            .claims(self.faults.claims(Arc::clone(&self.claims)))
            .dead_letters(self.faults.dead_letters(Arc::clone(&self.letters)))
            .events(self.faults.events(self.memory.events()))
            .clock(Arc::clone(&self.clock) as _)
            .sweep_every(None);
        settings(builder).build().unwrap()
    }

    pub(crate) async fn record(&self, id: &str) -> Option<ClaimRecord> {
        self.claims.get(&key(id)).await.unwrap()
    }

    pub(crate) async fn all_letters(&self) -> Vec<DeadLetter> {
        self.letters.list(None, 1000).await.unwrap().letters
    }

    /// The events of failed sends, repeated ones included.
    pub(crate) fn failed(&self) -> Vec<OutboundFailed> {
        self.memory
            .published()
            .into_iter()
            .filter_map(|event| if let DomainEvent::OutboundFailed(failed) = event { Some(failed) } else { None })
            .collect()
    }

    /// The events of settled sends.
    pub(crate) fn settled(&self) -> Vec<OutboundFailed> {
        self.memory
            .published()
            .into_iter()
            .filter_map(|event| if let DomainEvent::OutboundSettled(told) = event { Some(told) } else { None })
            .collect()
    }

    pub(crate) async fn pass(&self, time: Duration) {
        self.clock.advance(time).await;
    }
}

/// A queue of dead letters: it takes them and is not asked for them.
#[derive(Debug, Default)]
pub(crate) struct Queue(Mutex<Vec<DeadLetter>>);

impl Queue {
    /// Every message of the queue, oldest first. None is deleted.
    pub(crate) fn messages(&self) -> Vec<DeadLetter> {
        self.0.lock().unwrap().clone()
    }

    /// The newest message.
    pub(crate) fn newest(&self) -> DeadLetter {
        self.messages().pop().expect("a letter")
    }
}

#[async_trait]
impl DeadLetterSink for Queue {
    async fn put(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        // As a queue holds it: in bytes.
        self.0.lock().unwrap().push(DeadLetter::from_cbor(&letter.to_cbor()).unwrap());
        Ok(())
    }
}

/// A store that works in threads of its own, as one that does not: simulated time moves whenever every task waits, and must
/// not move while a thread works.
#[derive(Debug)]
struct Blocking<S: ?Sized>(Arc<S>);

#[async_trait]
impl<S: ClaimStore + ?Sized> ClaimStore for Blocking<S> {
    fn boot(&self) -> Option<&str> {
        self.0.boot()
    }

    async fn apply(
        &self,
        key: &ClaimKey,
        operation: &ClaimOp,
        current: Option<&ClaimRecord>,
        now_ms: i64,
    ) -> Result<Applied<ClaimRecord>, StoreError> {
        smol::future::block_on(self.0.apply(key, operation, current, now_ms))
    }

    async fn get(&self, key: &ClaimKey) -> Result<Option<ClaimRecord>, StoreError> {
        smol::future::block_on(self.0.get(key))
    }

    async fn apply_inbound(
        &self,
        key: &ClaimKey,
        operation: &InboundOp,
        current: Option<&InboundRecord>,
        now_ms: i64,
    ) -> Result<Applied<InboundRecord>, StoreError> {
        smol::future::block_on(self.0.apply_inbound(key, operation, current, now_ms))
    }

    async fn put_reference(&self, hash: &str, reference: &Reference) -> Result<(), StoreError> {
        smol::future::block_on(self.0.put_reference(hash, reference))
    }

    async fn reference(&self, hash: &str, now_ms: i64) -> Result<Option<Reference>, StoreError> {
        smol::future::block_on(self.0.reference(hash, now_ms))
    }

    async fn due(&self, before_ms: i64, after: Option<&str>, limit: usize) -> Result<DuePage, StoreError> {
        smol::future::block_on(self.0.due(before_ms, after, limit))
    }
}

#[async_trait]
impl<S: DeadLetterSink + ?Sized> DeadLetterSink for Blocking<S> {
    async fn put(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        smol::future::block_on(self.0.put(letter))
    }
}

#[async_trait]
impl<S: DeadLetterStore + ?Sized> DeadLetterStore for Blocking<S> {
    async fn get(&self, id: &FailureId) -> Result<Option<DeadLetter>, StoreError> {
        smol::future::block_on(self.0.get(id))
    }

    async fn list(&self, after: Option<&FailureId>, limit: usize) -> Result<DeadLetterPage, StoreError> {
        smol::future::block_on(self.0.list(after, limit))
    }

    async fn take(&self, id: &FailureId, seen: u32) -> Result<Option<DeadLetter>, StoreError> {
        smol::future::block_on(self.0.take(id, seen))
    }

    async fn remove(&self, id: &FailureId) -> Result<(), StoreError> {
        smol::future::block_on(self.0.remove(id))
    }
}

/// Nothing is stored about an id, and nothing was announced.
pub(crate) async fn world_without_traces(world: &World, id: &str) {
    assert!(world.record(id).await.is_none() && world.all_letters().await.is_empty() && world.memory.published().is_empty());
}

pub(crate) fn tenant() -> TenantId {
    TenantId::new("acme").unwrap()
}

pub(crate) fn strategy() -> StrategyName {
    StrategyName::new("recording").unwrap()
}

pub(crate) fn id(text: &str) -> ClientMessageId {
    ClientMessageId::new(text).unwrap()
}

pub(crate) fn key(text: &str) -> ClaimKey {
    ClaimKey::outbound(&tenant(), &strategy(), &id(text))
}

pub(crate) fn text(body: &str) -> OutboundMessage {
    OutboundMessage::text(Identity::phone("+15551230001").unwrap(), body)
}

pub(crate) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Sends "hello" under an id.
pub(crate) async fn send(process: &Orchestrator, text_id: &str) -> Outcome {
    process.send(tenant(), "recording", id(text_id), &text("hello")).await.unwrap()
}

/// Starts a send of "hello" and drops it after a time; the time has passed then.
pub(crate) async fn drop_after(world: &World, process: &Orchestrator, text_id: &str, time: Duration) {
    tokio::select! {
        biased;
        outcome = send(process, text_id) => panic!("the send was not to end: {outcome:?}"),
        () = world.pass(time) => {}
    }
}

#[track_caller]
pub(crate) fn delivered(outcome: Outcome) -> Delivered {
    match outcome {
        Outcome::Delivered(end) => end,
        other => panic!("not delivered: {other:?}"),
    }
}

#[track_caller]
pub(crate) fn failed(outcome: Outcome) -> Failed {
    match outcome {
        Outcome::Failed(end) => end,
        other => panic!("not failed: {other:?}"),
    }
}

#[track_caller]
pub(crate) fn unknown(outcome: Outcome) -> Unknown {
    match outcome {
        Outcome::Unknown(end) => end,
        other => panic!("not unknown: {other:?}"),
    }
}

#[track_caller]
pub(crate) fn deferred(outcome: Outcome) -> Deferred {
    match outcome {
        Outcome::Deferred(end) => end,
        other => panic!("not deferred: {other:?}"),
    }
}

/// A record as a store writes it down, and as the command prints it.
pub(crate) fn written(record: &ClaimRecord) -> String {
    String::from_utf8_lossy(&record.to_cbor()).into_owned() + &serde_json::to_string(record).unwrap()
}
