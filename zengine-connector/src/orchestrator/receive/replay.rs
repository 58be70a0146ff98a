//! Replay of inbound dead letters: their events go to the host's handler again.

use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    batch::Batch,
    plan::Plan,
    poison::Routing,
    progress::Progress,
    route::{Router, Stamped},
};
use crate::{
    error::{Error, ErrorKind},
    ids::{FailureId, IntoId},
    message::{EventSource, InboundEvent, raw_from_parts},
    orchestrator::Orchestrator,
    registry::RegisteredStrategy,
    store::{DeadLetter, LetterDirection},
    strategy::{DynInbound, Principal, RawPayload},
    sync::Permit,
};

/// The result of a replay. Exhaustive by design: it decides whether the letter may be deleted.
///
/// ```
/// use zengine_connector::orchestrator::Replayed;
///
/// /// Whether a queue may delete the message that held the letter.
/// fn may_delete(replayed: &Replayed) -> bool {
///     match replayed {
///         Replayed::Stored | Replayed::Settled => true,
///         Replayed::Poison(_) | Replayed::NotStored => false,
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "it decides whether the letter may be deleted"]
pub enum Replayed {
    /// The handler stored the event, or the strategy dropped it in `admit`. Delete the letter.
    Stored,
    /// An earlier replay or delivery stored the event; the handler did not run. Delete the letter.
    Settled,
    /// The event still can never be handled: its handler refused it, it leads to no tenant, or it cannot be read. It stays in
    /// the letter with this id. Keep the letter.
    Poison(FailureId),
    /// The event is not stored: its handler did not store it, a store or the tenant is not available, another caller handles it,
    /// too many requests are under work, or the host shuts down. Keep the letter and replay it later.
    NotStored,
}

impl Replayed {
    /// Returns `true` for Stored and Settled: the letter may be deleted.
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Stored | Self::Settled)
    }

    /// The result in snake case, as logs have it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Settled => "settled",
            Self::Poison(_) => "poison",
            Self::NotStored => "not_stored",
        }
    }
}

display!(Replayed, |it| it.as_str());

impl Orchestrator {
    /// Hands the event of an inbound dead letter in the store to the handler again. The letter is removed once the event is
    /// stored; after any other result it stays.
    ///
    /// # Errors
    /// As [`replay_letter`](Self::replay_letter). `MessageInvalid` if the letter does not exist; `Unsupported` if dead letters go
    /// to a sink, which cannot be read.
    pub async fn replay(&self, failure: impl IntoId<FailureId>) -> Result<Replayed, Error> {
        self.replay_stored(&failure.into_id()?).await
    }

    async fn replay_stored(&self, failure: &FailureId) -> Result<Replayed, Error> {
        let letter = self.engine.stores.known_letter(failure).await?;
        let replayed = self.replay_letter(&letter).await?;
        if replayed.is_done() && self.engine.stores.remove_letter(failure).await.is_err() {
            // The letter stays. Another replay finds the event settled and removes it.
            tracing::warn!(failure_id = %failure, "inbound.letter_not_removed");
        }
        Ok(replayed)
    }

    /// Hands the event of an inbound dead letter in hand to the handler again, for the consumer of a queue of letters.
    ///
    /// The event takes the same path as a delivery: an event that led to no tenant is routed again, `admit` runs, and the handler
    /// runs in a task of its own, which goes on if the caller is dropped. The event's claim decides between concurrent
    /// replays and deliveries: the handler gets it from one of them. Its order in the conversation is not kept. A
    /// payload that made its strategy panic, or was beyond its bounds, is read again from its bytes, without the notes of
    /// `verify`.
    ///
    /// Delete the queue's message on [`Stored`](Replayed::Stored) and [`Settled`](Replayed::Settled). Keep it otherwise, and
    /// after an error. No letter is stored or removed.
    ///
    /// ```
    /// use zengine_connector::{Error, Orchestrator, store::DeadLetter};
    ///
    /// /// Handles one message of a queue of dead letters. Returns `true` if the queue may delete it.
    /// async fn consume(orchestrator: &Orchestrator, body: &[u8]) -> Result<bool, Error> {
    ///     let letter = DeadLetter::from_cbor(body)?;
    ///     Ok(orchestrator.replay_letter(&letter).await?.is_done())
    /// }
    /// # let _ = consume;
    /// ```
    ///
    /// # Errors
    /// `Unsupported` if the letter is of a send, the host has no handler, the strategy only sends, or the letter holds one
    /// element of a payload that could not be read: without the rest of its payload no strategy can read it, and
    /// [`DeadLetter::open`] gives its exact bytes. `UnknownStrategy` if the strategy is not registered, `Corrupt` if the letter
    /// cannot be read.
    pub async fn replay_letter(&self, letter: &DeadLetter) -> Result<Replayed, Error> {
        letter.check_version()?;
        if letter.direction != LetterDirection::Inbound {
            return Err(Error::new(ErrorKind::Unsupported, "only events can be replayed; a message is redriven"));
        }
        let body = letter.open(&*self.engine.keys);
        let raised = body.as_ref().ok().and_then(raised).filter(|event| event.tenant == letter.tenant);
        let (entry, inbound) = match &raised {
            // The strategy need not receive, and there is nothing to admit.
            Some(_) => (self.engine.registry.entry(letter.strategy.as_str())?, None),
            None => self.receives(letter.strategy.as_str()).map(|(entry, inbound)| (entry, Some(inbound)))?,
        };
        let Some(handler) = &self.inbound.handler else {
            return Err(Error::new(ErrorKind::Unsupported, "the host has no handler for events"));
        };
        let body = body?;
        let Some(permit) = Permit::of(Arc::clone(&self.inbound.requests)) else { return Ok(Replayed::NotStored) };
        let plan = match (raised, inbound) {
            (None, Some(inbound)) => Box::pin(self.plan_again(entry, inbound, letter, &body)).await?,
            (raised, _) => {
                let mut plan = Plan::default();
                if let Some(event) = raised {
                    plan.handle(Stamped { event: Box::new(event), reference: None, identity: None, life: None });
                }
                plan
            }
        };
        let progress = Progress::new(plan.tasks, self.inbound.settings.max_events).with_ephemeral(plan.ephemeral);
        // Not shared: a tenant that cannot be bound is not poison here, the event waits in its letter.
        let batch = Arc::new(Batch {
            inbound: inbound.map(Arc::clone),
            replay: Some(letter.failure_id.clone()),
            ..Batch::new(self, entry, handler, progress, permit)
        });
        let mut line = ReplayLine { letter, outcome: "dropped" };
        // A dropped task ends the wait too. Events that it did not count are not stored.
        let _ = batch.start(plan.partitions).await;
        let counts = batch.progress.at_the_end();
        let replayed = match () {
            () if counts.unstored > 0 => Replayed::NotStored,
            // A payload without any event is not proof that its event is stored.
            () if counts.poisoned > 0 || plan.tasks == 0 => Replayed::Poison(letter.failure_id.clone()),
            () if batch.progress.stored_any() => Replayed::Stored,
            () => Replayed::Settled,
        };
        line.outcome = replayed.as_str();
        Ok(replayed)
    }

    async fn plan_again(
        &self,
        entry: &Arc<RegisteredStrategy>,
        inbound: &Arc<dyn DynInbound>,
        letter: &DeadLetter,
        body: &Bytes,
    ) -> Result<Plan, Error> {
        let head: Head = read(body)?;
        // The sealed body says who vouched for the event: a letter's tenant is a name that a customer may have too.
        let shared = head.shared || head.routing.as_ref().is_some_and(|routing| routing.shared);
        let principal = if shared { Principal::Shared } else { Principal::Tenant(letter.tenant.clone()) };
        if head.kind == "element_error" {
            let payload = head.payload()?;
            let mut router = Router::replaying(&self.engine, entry, &principal, letter.at_ms);
            let elements = router.read(&self.inbound.settings, &**inbound, &payload).await;
            return Ok(Plan::of(&router, &payload, elements));
        }
        let event: InboundEvent = read(body)?;
        match head.routing {
            Some(routing) => {
                let mut router = Router::replaying(&self.engine, entry, &principal, event.received_at_ms);
                let (payload, mut routed) = (RawPayload::new(event.raw.clone()), Vec::new());
                router.route(routing.restore(event), &mut routed).await;
                Ok(Plan::of(&router, &payload, routed))
            }
            None if event.tenant == letter.tenant => {
                let mut plan = Plan::default();
                plan.handle(Stamped { event: Box::new(event), reference: None, identity: None, life: None });
                Ok(plan)
            }
            None => Err(Error::new(ErrorKind::Corrupt, "the dead letter's event is of another tenant")),
        }
    }
}

/// Writes the line of a replay, also if its caller goes away.
struct ReplayLine<'a> {
    letter: &'a DeadLetter,
    outcome: &'static str,
}

impl Drop for ReplayLine<'_> {
    fn drop(&mut self) {
        tracing::info!(
            tenant_id = DeadLetter::known_tenant(&self.letter.tenant),
            strategy = %self.letter.strategy,
            failure_id = %self.letter.failure_id,
            outcome = self.outcome,
            "inbound.replayed"
        );
    }
}

/// The members of a body that tell its form, and those of an element or payload that could not be read.
#[derive(Deserialize)]
struct Head {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    routing: Option<Routing>,
    #[serde(default)]
    shared: bool,
    #[serde(default)]
    path: String,
    raw: Option<Box<RawValue>>,
    raw_base64: Option<String>,
}

impl Head {
    /// The payload, if the letter holds all of it.
    fn payload(self) -> Result<RawPayload, Error> {
        if !self.path.is_empty() {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "the letter holds one element without the rest of its payload, which no strategy can read; export its bytes",
            ));
        }
        let not_base64 = || Error::new(ErrorKind::Corrupt, "the dead letter's bytes are not base64");
        raw_from_parts(self.raw, self.raw_base64).map(RawPayload::new).ok_or_else(not_base64)
    }
}

/// The event of a letter, if a strategy raised it: no provider's bytes came with it.
fn raised(body: &Bytes) -> Option<InboundEvent> {
    let event: InboundEvent = serde_json::from_slice(body).ok()?;
    (event.source == EventSource::Local && event.raw.is_empty()).then_some(event)
}

fn read<'a, T: Deserialize<'a>>(body: &'a Bytes) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|error| Error::from_json(ErrorKind::Corrupt, "the dead letter's event cannot be read", &error))
}
