//! A call of a strategy, and the send that it belongs to, as passed to the stages.

use std::{
    num::NonZeroU32,
    ops::Deref,
    pin::pin,
    sync::{Arc, OnceLock},
    time::Duration,
};

use super::{Engine, SendOptions, clock::CallClock, decision::Protection, trace::SendTrace};
use crate::{
    error::{Error, ErrorKind, Violation},
    ids::{ClientMessageId, TenantId},
    message::{Class, Effect, Idempotency, LossReport, MessageRef, Prepared, Purpose, Receipt},
    registry::{BoundTenant, RegisteredStrategy},
    runtime::{ms, seconds},
    stage::{Dedup, Stages, StrategySettings, Withdrawal},
    store::{Applied, ClaimKey, ClaimOp, ClaimRecord, Fingerprint, Lease, OwnerToken, StoreError, StoreErrorKind},
    strategy::{Base, DynOutbound, ErasedTenant, ProviderKey, SendContext},
};

/// One call by a host as it was asked for: a send, a redrive or a query.
#[derive(Clone, Copy)]
pub(crate) struct HostCall<'a> {
    pub(crate) engine: &'a Arc<Engine>,
    pub(crate) tenant: &'a TenantId,
    pub(crate) strategy: &'a str,
    pub(crate) id: &'a ClientMessageId,
    pub(crate) options: &'a SendOptions,
    pub(crate) clock: &'a CallClock<'a>,
    /// The facts behind the log lines.
    pub(crate) trace: &'a SendTrace,
}

/// The message of a call with its identity, for a tenant that is not bound yet.
pub(crate) struct Identified<'a> {
    pub(crate) call: HostCall<'a>,
    pub(crate) entry: &'a Arc<RegisteredStrategy>,
    pub(crate) outbound: &'a dyn DynOutbound,
    pub(crate) key: ClaimKey,
    pub(crate) fingerprint: Fingerprint,
    /// The caller's message. Dead letters store it.
    pub(crate) message: Prepared<'a>,
}

impl<'a> HostCall<'a> {
    /// Prepares and fingerprints the message.
    pub(crate) fn identify(self, message: MessageRef<'a>) -> Result<Identified<'a>, Error> {
        let Self { engine, tenant, strategy, id, .. } = self;
        let entry = engine.registry.entry(strategy)?;
        let outbound = &**entry.sends()?;
        let message = outbound.prepare(message)?;
        let fingerprint = self.fingerprint(outbound, &message, &engine.keys.current())?;
        let key = ClaimKey::outbound(tenant, &entry.name, id);
        Ok(Identified { call: self, entry, outbound, key, fingerprint, message })
    }
}

impl<'a> Identified<'a> {
    pub(crate) fn engine(&self) -> &'a Arc<Engine> {
        self.call.engine
    }

    pub(crate) fn clock(&self) -> &'a CallClock<'a> {
        self.call.clock
    }

    pub(crate) fn tenant(&self) -> &'a TenantId {
        self.call.tenant
    }

    #[inline]
    pub(crate) fn id(&self) -> &'a ClientMessageId {
        self.call.id
    }

    /// Returns `true` for a message older than `max_age`, which is no longer sent (rule 8). Without a time of its own its age counts from
    /// the first claim.
    pub(crate) fn is_too_old(&self, max_age: Duration, first_claimed_at_ms: Option<i64>) -> bool {
        let born = self.call.options.created_at.map(crate::runtime::to_ms).into_iter().chain(first_claimed_at_ms).min();
        born.is_some_and(|born| self.clock().ms().saturating_sub(born) > ms(max_age))
    }

    /// The age of a message with a time of its own.
    pub(crate) fn age(&self) -> Option<Duration> {
        let created_ms = crate::runtime::to_ms(self.call.options.created_at?);
        Some(Duration::from_millis(u64::try_from(self.clock().ms().saturating_sub(created_ms)).unwrap_or_default()))
    }

    /// A new lease for this owner token.
    pub(crate) fn lease(&self, owner: OwnerToken, dedup: &Dedup) -> Lease {
        Lease { owner, boot: self.engine().stores.boot().map(Into::into), until_ms: self.clock().ms() + ms(dedup.lease) }
    }

    /// A claim on the record as last seen.
    pub(crate) fn claim(&self, owner: OwnerToken, dedup: &Dedup, seen: Option<&ClaimRecord>) -> ClaimOp {
        ClaimOp::Claim {
            lease: self.lease(owner, dedup),
            fingerprint: self.fingerprint_on(seen),
            skew_ms: ms(dedup.clock_skew),
            ttl_s: seconds(dedup.keep),
        }
    }

    pub(crate) fn class(&self) -> Result<Class, Error> {
        self.outbound.class(&self.message)
    }

    /// Whether the message manages what the tenant owns. A message that panics when asked is none.
    pub(crate) fn manages(&self) -> bool {
        self.outbound.purpose(&self.message).is_ok_and(|purpose| purpose == Purpose::Management)
    }

    pub(crate) fn effect(&self) -> Result<Effect, Error> {
        self.outbound.effect(&self.message)
    }

    /// Binds the tenant, within the time of the call.
    pub(crate) async fn bind(&self) -> Result<Arc<BoundTenant>, Error> {
        let HostCall { engine, tenant, clock, .. } = self.call;
        if let Some(Ok(bound)) = engine.tenants.bound(self.entry, tenant, clock.monotonic()) {
            return Ok(bound);
        }
        let bound = clock.guard(clock.remaining(), engine.tenants.bind_or_ask_again(self.entry, tenant)).await;
        bound.unwrap_or_else(|_| Err(Error::new(ErrorKind::Timeout, "the tenant was not bound within the time of the send")))
    }

    /// Degrades and validates the message for the tenant. `described` is the message with what is known of its files, if it has any.
    ///
    /// # Errors
    /// If the channel cannot carry the message.
    pub(crate) fn for_tenant(&self, bound: Arc<BoundTenant>, described: Option<Prepared<'static>>) -> Result<Fitted, Error> {
        let seen = self.entry.inspect(&bound.state, described.as_ref().unwrap_or(&self.message), self.call.options.degrade)?;
        let (degraded, loss) = seen.degraded.unzip();
        let changed = degraded.or(described);
        if self.call.trace.is_enabled() {
            let message = changed.as_ref().unwrap_or(&self.message);
            let recipient = self.outbound.recipient(message, &self.engine().keys.current(), self.tenant())?;
            self.call.trace.with(|facts| facts.recipient = recipient);
        }
        Ok(Fitted {
            bound,
            changed,
            loaded: OnceLock::new(),
            loss,
            warnings: seen.violations,
            idempotency: seen.idempotency.unwrap_or(self.entry.descriptor.idempotency),
        })
    }
}

/// A message as its tenant can send it.
pub(crate) struct Fitted {
    bound: Arc<BoundTenant>,
    /// Degraded, or with what is known of its files.
    changed: Option<Prepared<'static>>,
    /// With the bytes of its files.
    loaded: OnceLock<Prepared<'static>>,
    loss: Option<LossReport>,
    warnings: Vec<Violation>,
    idempotency: Idempotency,
}

/// One message for one bound tenant.
pub(crate) struct SendJob<'a> {
    pub(super) sent: Identified<'a>,
    pub(super) fitted: Fitted,
}

/// Its stages read the call, the strategy and the identity as its own.
impl<'a> Deref for SendJob<'a> {
    type Target = Identified<'a>;

    fn deref(&self) -> &Identified<'a> {
        &self.sent
    }
}

impl<'a> SendJob<'a> {
    /// The strategy's state of the tenant.
    pub(crate) fn state(&self) -> &ErasedTenant {
        &self.fitted.bound.state
    }

    /// A receipt with the warnings about the message.
    pub(crate) fn warned(&self, receipt: Receipt) -> Receipt {
        receipt.with_warnings(self.fitted.warnings.iter().cloned())
    }

    /// Losses from degradation, if any.
    pub(crate) fn loss(&self) -> Option<LossReport> {
        self.fitted.loss.clone()
    }

    /// The provider's protection against duplicates: of the attempts of this call, and of those before it, for which the record or the letter
    /// says what it was. The only place that decides this (rule 4).
    pub(crate) fn idempotency(&self, before: Option<Idempotency>) -> Idempotency {
        before.map_or(self.fitted.idempotency, |before| before.weaker(self.fitted.idempotency))
    }

    /// The message to send, degraded if needed, with its files.
    pub(crate) fn message(&self) -> &Prepared<'a> {
        self.fitted.loaded.get().or(self.fitted.changed.as_ref()).unwrap_or(&self.sent.message)
    }

    /// Sets the message with the bytes of its files.
    pub(super) fn load(&self, message: Prepared<'static>) {
        // Loaded by one owner, one attempt after the other.
        let _ = self.fitted.loaded.set(message);
    }

    pub(crate) fn stages(&self) -> &Stages {
        self.call.engine.stages(&self.fitted.bound)
    }

    /// The settings of the strategy.
    #[inline]
    pub(crate) fn settings(&self) -> &StrategySettings {
        &self.stages().settings
    }

    /// The idempotency key at the provider (rule 4).
    pub(crate) fn provider_key(&self, key_generation: u32) -> ProviderKey {
        self.fitted.bound.scope.provider_key(self.id(), key_generation)
    }

    /// The context of an attempt that may take `limit`.
    pub(crate) fn context(&self, key_generation: u32, attempt: u32, limit: Duration) -> SendContext {
        let HostCall { options, clock, .. } = self.call;
        let base = Base {
            scope: Arc::clone(&self.fitted.bound.scope),
            deadline: clock.deadline_within(limit),
            correlation: options.correlation_id.clone(),
            traceparent: options.traceparent.clone(),
        };
        SendContext::new(base, self.id().clone(), key_generation, NonZeroU32::new(attempt).unwrap_or(NonZeroU32::MIN))
    }

    /// Takes the tokens of another attempt. `None` if the retry budget does not have them (rule 38).
    pub(crate) fn withdraw(&self, cost: u32) -> Option<Withdrawal<'_>> {
        let (budget, now) = (&self.stages().budget, self.clock().monotonic());
        let withdrawn = budget.withdraw(cost, now);
        self.call.trace.note(|facts| facts.budget_left = budget.left(now));
        withdrawn
    }

    /// Tells the budget that an attempt succeeded: a retry gets its tokens back, a first attempt adds one.
    pub(crate) fn refund(&self, withdrawn: Option<Withdrawal<'_>>) {
        let (budget, now) = (&self.stages().budget, self.clock().monotonic());
        match withdrawn {
            Some(withdrawn) => withdrawn.refund(),
            None => budget.earn(now),
        }
        self.call.trace.note(|facts| facts.budget_left = budget.left(now));
    }

    /// Waits. Returns `false` if the host shuts down meanwhile.
    pub(crate) async fn pause(&self, time: Duration) -> bool {
        self.clock().wait(self.engine().pause(time)).await
    }

    /// The current protection against duplicates, for a send whose first byte may have left at `first_sent_ms`, under the protection
    /// `before`. A window that would close during the next attempt counts as closed.
    pub(crate) fn protection(&self, before: Option<Idempotency>, first_sent_ms: Option<i64>) -> Protection {
        match self.idempotency(before) {
            Idempotency::Queryable { .. } => Protection::Queryable,
            native @ Idempotency::Native { .. } if native.protects(first_sent_ms, self.attempt_end_ms()) => Protection::Native,
            Idempotency::Native { .. } | Idempotency::None => Protection::None,
        }
    }

    /// The time at which an attempt that begins now ends at the latest, by any clock, in milliseconds UTC.
    pub(crate) fn attempt_end_ms(&self) -> i64 {
        let settings = self.settings();
        self.clock().ms().saturating_add(ms(settings.attempt_timeout + settings.dedup.clock_skew))
    }
}

/// The send's record in the store.
impl Identified<'_> {
    /// Changes the record within the time of the send. `current` is the record as last seen.
    pub(crate) async fn apply(&self, operation: &ClaimOp, current: Option<&ClaimRecord>) -> Result<Applied<ClaimRecord>, StoreError> {
        self.in_time(self.engine().stores.apply(&self.key, operation, current, self.clock().ms())).await
    }

    /// Changes the record, and tries once more if the answer was lost. A change that was made is recognised by its owner
    /// token (rule 14).
    pub(crate) async fn apply_with_retry(
        &self,
        operation: &ClaimOp,
        current: Option<&ClaimRecord>,
    ) -> Result<Applied<ClaimRecord>, StoreError> {
        match self.apply(operation, current).await {
            Err(error) if error.kind == StoreErrorKind::Unavailable => self.apply(operation, current).await,
            answer => answer,
        }
    }

    /// Changes the record, also when the time of the send is over: an end must be recorded (rule 26).
    pub(crate) async fn apply_past_deadline(
        &self,
        operation: &ClaimOp,
        current: Option<&ClaimRecord>,
    ) -> Result<Applied<ClaimRecord>, StoreError> {
        let clock = self.clock();
        clock.wait(pin!(self.engine().stores.apply(&self.key, operation, current, clock.ms()))).await
    }

    /// Reads the record within the time of the send.
    pub(crate) async fn record(&self) -> Result<Option<ClaimRecord>, StoreError> {
        self.in_time(self.engine().stores.stored_record(&self.key)).await
    }

    pub(super) async fn in_time<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let late = StoreError::new(StoreErrorKind::Unavailable, "the store did not answer within the time of the send");
        // Pinned here, because each layer around a future would move it once.
        self.clock().guard(self.clock().remaining(), pin!(call)).await.unwrap_or(Err(late))
    }
}
