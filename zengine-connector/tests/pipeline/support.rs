//! A world of stores, a clock, and processes that share them.

use std::{sync::Arc, time::Duration};

use zengine_connector::{
    store::{ClaimKey, ClaimRecord, ClaimStore, DeadLetter, DeadLetters, DomainEvent, MemoryEvents, OutboundFailed},
    testing::{Faults, Protection, Recording, SimClock},
    *,
};

/// Stores, their troubles, and a clock that stands still until everybody waits.
pub(crate) struct World {
    pub(crate) clock: Arc<SimClock>,
    pub(crate) faults: Faults,
    /// The claims, without troubles.
    pub(crate) claims: Arc<dyn ClaimStore>,
    /// The dead letters, without troubles.
    pub(crate) letters: Arc<dyn DeadLetters>,
    pub(crate) events: Arc<MemoryEvents>,
    pub(crate) memory: Memory,
}

impl World {
    pub(crate) fn new() -> Self {
        let memory = Memory::new();
        memory.directory().put(&tenant(), &strategy(), serde_json::json!({}));
        Self {
            clock: Arc::new(SimClock::new()),
            faults: Faults::new(),
            claims: memory.claims(),
            letters: memory.dead_letters(),
            events: memory.events(),
            memory,
        }
    }

    /// A process with default settings.
    pub(crate) fn process<P: Protection>(&self, provider: &Recording<P>) -> Orchestrator {
        self.process_with(provider, |settings| settings)
    }

    /// A process with settings of its own.
    pub(crate) fn process_with<P: Protection>(
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
        let builder = Orchestrator::builder(registry.build().unwrap())
            .stores(&self.memory)
            .claims(self.faults.claims(Arc::clone(&self.claims)))
            .dead_letters(self.faults.dead_letters(Arc::clone(&self.letters)))
            .events(self.faults.events(Arc::clone(&self.events) as _))
            .clock(Arc::clone(&self.clock) as _);
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
        self.events
            .published()
            .into_iter()
            .filter_map(|event| if let DomainEvent::OutboundFailed(failed) = event { Some(failed) } else { None })
            .collect()
    }

    /// The events of settled sends.
    pub(crate) fn settled(&self) -> Vec<OutboundFailed> {
        self.events
            .published()
            .into_iter()
            .filter_map(|event| if let DomainEvent::OutboundSettled(told) = event { Some(told) } else { None })
            .collect()
    }

    pub(crate) async fn pass(&self, time: Duration) {
        self.clock.advance(time).await;
    }
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
    process.send(&tenant(), "recording", &text("hello"), SendOptions::new(id(text_id))).await.unwrap()
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
