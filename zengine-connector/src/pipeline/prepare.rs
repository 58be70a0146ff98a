//! Preparation: from the caller's message to a send for a bound tenant.

use std::{sync::Arc, time::Duration};

use super::{
    DeferredReason, Engine, Outcome, SendOptions,
    clock::CallClock,
    ended::{EndError, Ended, How},
    fingerprint::Content,
    job::{HostCall, SendJob},
    trace::SendTrace,
};
use crate::{
    error::{Error, ErrorKind, Reach},
    ids::TenantId,
    message::{Effect, MessageRef},
    registry::{BoundTenant, RegisteredStrategy},
    store::{ClaimKey, Fingerprint, Life, StoredError},
};

/// The `retry_after` if configuration or secrets cannot be resolved (rule 85).
const BIND_AGAIN: Duration = Duration::from_secs(30);

/// A send as the host asked for it.
pub(crate) struct SendRequest<'a> {
    pub(crate) engine: &'a Arc<Engine>,
    pub(crate) tenant: &'a TenantId,
    pub(crate) strategy: &'a str,
    pub(crate) options: &'a SendOptions,
    pub(crate) clock: &'a CallClock<'a>,
    pub(crate) trace: &'a SendTrace,
}

/// A prepared send.
pub(crate) enum Preparation<'a> {
    /// The send is to be made.
    Job(Box<SendJob<'a>>),
    /// The outcome is known: a replay, or the send is postponed.
    Outcome(Outcome),
}

impl<'a> SendRequest<'a> {
    pub(crate) fn call(&self, entry: &'a RegisteredStrategy) -> Result<HostCall<'a>, Error> {
        let Self { engine, options, clock, trace, .. } = *self;
        Ok(HostCall { engine, entry, outbound: &**entry.sends()?, options, clock, trace })
    }

    /// Fingerprints the message, binds the tenant, degrades and validates the message. A send that this process delivered is
    /// replayed at once (rule 30).
    pub(crate) async fn prepare(&self, message: MessageRef<'a>) -> Result<Preparation<'a>, Error> {
        let (engine, tenant) = (self.engine, self.tenant);
        let entry = engine.registry.entry(self.strategy)?;
        let call = self.call(entry)?;
        let message = call.outbound.prepare(message)?;
        if call.outbound.effect(&message)? == Effect::Read {
            return Err(
                Error::new(ErrorKind::Unsupported, "a read-only message must go through query").with_context("strategy", self.strategy)
            );
        }
        let content = Content { keys: &*engine.keys, tenant, strategy: &entry.name, outbound: call.outbound, message: &message };
        let fingerprint = content.fingerprint()?;
        let key = ClaimKey::outbound(tenant, &entry.name, &self.options.client_message_id);
        if let Some(delivered) = engine.delivered.get(&entry.name, &key).filter(|send| !send.is_expired(self.clock.ms())) {
            content.refuse_mismatch(&fingerprint, &delivered.fingerprint)?;
            return delivered.ended().into_outcome(&key, None).map(Preparation::Outcome);
        }
        if engine.is_closing() {
            return Ended::deferred(DeferredReason::Cancelled, Duration::from_secs(1)).into_outcome(&key, None).map(Preparation::Outcome);
        }
        match self.bind(entry).await {
            Ok(bound) => SendJob::new(call, bound, (key, fingerprint), message, self.options.degrade).map(Box::new).map(Preparation::Job),
            Err(error) => self.replay_or_defer(&key, content, &fingerprint, error).await.map(Preparation::Outcome),
        }
    }

    /// Binds the tenant, within the time of the send.
    pub(crate) async fn bind(&self, entry: &RegisteredStrategy) -> Result<Arc<BoundTenant>, Error> {
        if let Some(bound) = self.engine.tenants.bound(entry, self.tenant, self.clock.monotonic()) {
            return bound;
        }
        let bound = self.clock.guard(self.clock.remaining(), self.engine.tenants.bind(entry, self.tenant)).await;
        bound.unwrap_or_else(|_| Err(Error::new(ErrorKind::Timeout, "the tenant was not bound within the time of the send")))
    }

    /// Answers a send whose tenant cannot be bound: replays a settled record, else defers (rule 85). A record whose dead
    /// letter is pending is not replayed, because only the caller has the message (rule 68).
    async fn replay_or_defer(
        &self,
        key: &ClaimKey,
        content: Content<'_>,
        fingerprint: &Fingerprint,
        error: Error,
    ) -> Result<Outcome, Error> {
        if error.kind() == ErrorKind::UnknownTenant {
            return Err(error);
        }
        if let Ok(Ok(Some(record))) = self.clock.guard(self.clock.remaining(), self.engine.stores.record(key)).await {
            content.refuse_mismatch(fingerprint, &record.fingerprint)?;
            if let Some(ended) = self.engine.ended(key, &record).filter(|_| !record.effects_pending.dlq) {
                return ended.replayed().into_outcome(key, None);
            }
        }
        let retry_after = error.retry_after().unwrap_or(BIND_AGAIN);
        let stored = StoredError::new(error.kind(), Reach::NotSent, error.message().to_owned());
        let how = How::Deferred { reason: DeferredReason::BindFailed, retry_after, error: Some(EndError::live(stored, error)) };
        Ended::new(how, 0, Life::default()).into_outcome(key, None)
    }
}
