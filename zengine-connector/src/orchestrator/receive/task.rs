//! One task of a request: claim → work → settle (rule 84).

use std::time::Duration;

use super::{
    batch::Batch,
    claim::{Claim, Taken},
    plan::InboundTask,
    poison::Poison,
    progress::EventResult,
};
use crate::{
    error::ErrorKind,
    keyring::Key,
    runtime::catch,
    store::{ClaimKey, DeadLetter, InboundStatus},
};

/// Age from which an ephemeral event is late, with the difference of two clocks in it.
const LATE_MS: i64 = 60_000;

impl Batch {
    pub(super) async fn run_task(&self, task: InboundTask) -> EventResult {
        let key = match &task {
            InboundTask::Handle { key, .. } => key.clone(),
            InboundTask::Keep(poison) if self.replay.is_some() => return self.keep(poison, self.now()).await,
            InboundTask::Keep(poison) => poison.key.clone(),
            InboundTask::Wait => return EventResult::Unstored,
        };
        // During shutdown, tasks in progress finish and no new one starts.
        if self.progress.is_spent() || self.engine().is_closing() {
            return EventResult::Unstored;
        }
        let began = self.now();
        if let Some(event) = task.ephemeral() {
            let late = event.occurred_at_ms.is_some_and(|at_ms| self.engine().now_ms().saturating_sub(at_ms) > LATE_MS);
            return if late || !self.progress.spend() { EventResult::Dropped } else { self.work(task, began).await };
        }
        let identity = match &task {
            InboundTask::Handle { event, identity: Some(identity), .. } => Some((&event.tenant, &**identity)),
            _ => None,
        };
        let claim = match self.or_stop(began, Claim::take(&self.orchestrator, key, self.replay.is_some(), identity).await) {
            Ok(Taken::Ours(claim)) => claim,
            Ok(Taken::Conflict(key)) => return self.conflict(task, &key).await,
            Ok(Taken::Settled(InboundStatus::Poison)) => return EventResult::KnownPoison,
            Ok(Taken::Settled(_)) => return EventResult::Settled,
            // The other request's work ends in the same conversation: a failure would make a person write again.
            Ok(Taken::Elsewhere) if self.may_wait(&task) => return EventResult::Pending,
            Ok(Taken::Elsewhere) => return EventResult::Unstored,
            Err(error) => {
                tracing::warn!(strategy = %self.entry.name, error = %error, "inbound.claim_unavailable");
                return EventResult::Unstored;
            }
        };
        if !self.progress.spend() {
            let _ = self.or_stop(began, claim.release().await);
            return EventResult::Unstored;
        }
        let result = catch(claim.hold(self.work(task, began))).await.unwrap_or(EventResult::Unstored);
        match result {
            EventResult::Accepted | EventResult::Settled | EventResult::Dropped => self.settle(&claim, InboundStatus::Stored).await,
            EventResult::Poisoned | EventResult::KnownPoison => self.settle(&claim, InboundStatus::Poison).await,
            EventResult::Unstored | EventResult::Conflict | EventResult::Pending => {
                drop(self.or_stop(self.now(), claim.release().await));
            }
        }
        result
    }

    /// Whether the other side can ask for what becomes of an event.
    fn may_wait(&self, task: &InboundTask) -> bool {
        let InboundTask::Handle { event, .. } = task else { return false };
        let known = self.conversation.as_ref();
        known.is_some_and(|(tenant, conversation)| *tenant == event.tenant && event.conversation.as_ref() == Some(conversation))
    }

    /// An event that came under the key of another one: told by the response of a synchronous channel, else kept as a letter under a key of
    /// its own.
    async fn conflict(&self, task: InboundTask, record_key: &Key) -> EventResult {
        let InboundTask::Handle { mut event, reference, identity: Some(identity), .. } = task else { return EventResult::Unstored };
        if self.reply_by.is_some() {
            tracing::warn!(tenant_id = %event.tenant, strategy = %self.entry.name, event_id = %event.id, "inbound.conflict");
            self.progress.note_conflict(identity.dedup, event.id);
            return EventResult::Conflict;
        }
        event.dedupe_key = identity.conflict_key(record_key, &event.tenant, &self.entry.name);
        event.id = event.dedupe_key.event_id();
        let key = ClaimKey::inbound(&event.tenant, &event.strategy, &event.dedupe_key);
        if self.replay.is_some() {
            // It is replayed on purpose: an event of its own, as the letter of a conflict is.
            return Box::pin(self.run_task(InboundTask::Handle { key, event, reference, identity: None, life: None })).await;
        }
        match Poison::handled(&event, key, ErrorKind::Mismatch, "another event came under the same key") {
            Ok(poison) => Box::pin(self.run_task(InboundTask::Keep(Box::new(poison)))).await,
            Err(error) => self.unstored(&event, "dead_letter", &error),
        }
    }

    async fn settle(&self, claim: &Claim, status: InboundStatus) {
        let _underway = self.progress.underway();
        let _ = self.or_stop(self.now(), claim.settle(status).await);
    }

    async fn work(&self, task: InboundTask, began: Duration) -> EventResult {
        match task {
            InboundTask::Handle { key, event, reference, .. } => self.handle(key, event, reference, began).await,
            InboundTask::Keep(poison) => self.keep(&poison, began).await,
            InboundTask::Wait => EventResult::Unstored,
        }
    }

    pub(super) async fn keep(&self, poison: &Poison, began: Duration) -> EventResult {
        if let Some(letter) = &self.replay {
            tracing::warn!(
                tenant_id = DeadLetter::known_tenant(&poison.tenant),
                strategy = %self.entry.name,
                failure_id = %letter,
                record = %poison.key,
                reason = poison.reason,
                "inbound.still_poison"
            );
            return EventResult::Poisoned;
        }
        match self.or_stop(began, poison.keep(self.engine(), &self.entry.name).await) {
            Ok(()) => EventResult::Poisoned,
            Err(error) => {
                tracing::warn!(tenant_id = DeadLetter::known_tenant(&poison.tenant), strategy = %self.entry.name, error = %error, "inbound.dead_letter_unavailable");
                EventResult::Unstored
            }
        }
    }
}
