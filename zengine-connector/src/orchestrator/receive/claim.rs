//! The claim of one event: its owner and its status (rule 84).

use std::{convert::Infallible, pin::pin, sync::Arc};

use futures_util::future::{Either, select};

use super::identity::Identity;
use crate::{
    ids::TenantId,
    keyring::Key,
    orchestrator::Orchestrator,
    runtime::{ms, seconds},
    store::{ClaimKey, InboundOp, InboundRecord, InboundStatus, Lease, OwnerToken, StoreError},
    sync::Mutex,
};

/// Maximum tries to write the record of a settled event.
const SETTLE_ATTEMPTS: usize = 3;

/// A claimed event.
pub(super) struct Claim {
    orchestrator: Orchestrator,
    key: ClaimKey,
    owner: OwnerToken,
    /// The record as last written or read.
    seen: Mutex<Option<Arc<InboundRecord>>>,
}

/// The result of a claim.
pub(super) enum Taken {
    /// The event is claimed by us.
    Ours(Claim),
    /// An earlier delivery settled it.
    Settled(InboundStatus),
    /// Another owner holds the claim.
    Elsewhere,
    /// The record is of another event. Compared under this key.
    Conflict(Arc<Key>),
}

/// The end of an event is not recorded; a warning says so.
#[derive(Debug)]
pub(super) struct NotRecorded;

impl Claim {
    /// Claims an event that has no owner and is not settled. A replay claims one that is poison, too.
    pub(super) async fn take(
        orchestrator: &Orchestrator,
        key: ClaimKey,
        replay: bool,
        identity: Option<(&TenantId, &Identity)>,
    ) -> Result<Taken, StoreError> {
        let claim = Self { orchestrator: orchestrator.clone(), key, owner: orchestrator.engine.token(), seen: Mutex::default() };
        let lease = Lease { owner: claim.owner, boot: orchestrator.engine.stores.boot().map(Into::into), until_ms: claim.lease_end() };
        let ttl_s = claim.ttl_s();
        let fingerprint = identity.map(|(tenant, identity)| identity.fingerprint(&orchestrator.engine, tenant));
        let operation =
            if replay { InboundOp::Replay { lease, fingerprint, ttl_s } } else { InboundOp::Claim { lease, fingerprint, ttl_s } };
        match claim.apply(&operation).await {
            Ok((true, _)) => Ok(Taken::Ours(claim)),
            Ok((false, status)) => Ok(match (identity.and_then(|(tenant, identity)| claim.is_of_another(tenant, identity)), status) {
                (Some(key), _) => Taken::Conflict(key),
                (None, Some(InboundStatus::Claimed) | None) => Taken::Elsewhere,
                (None, Some(settled)) => Taken::Settled(settled),
            }),
            Err(error) => {
                // The write may have happened although its answer was lost. Release it, or the event stays blocked until the lease ends.
                let _ = claim.release().await;
                Err(error)
            }
        }
    }

    fn is_of_another(&self, tenant: &TenantId, identity: &Identity) -> Option<Arc<Key>> {
        let seen = self.seen.lock().clone();
        let stored = seen.as_ref()?.fingerprint.as_ref()?;
        identity.differs(&self.orchestrator.engine, tenant, stored)
    }

    /// Awaits the work and renews the lease at every third of its length.
    pub(super) async fn hold<T>(&self, work: impl Future<Output = T>) -> T {
        match select(pin!(work), pin!(self.renew())).await {
            Either::Left((output, _)) => output,
            Either::Right((never, _)) => match never {},
        }
    }

    async fn renew(&self) -> Infallible {
        let mut lost = false;
        loop {
            self.orchestrator.engine.clock.sleep(self.orchestrator.inbound.settings.lease / 3).await;
            let renewed = self.apply(&InboundOp::Renew { owner: self.owner, until_ms: self.lease_end() }).await;
            // The handler is not stopped, because it may have stored the event already. Its result decides.
            if !lost && matches!(renewed, Ok((false, _))) {
                lost = true;
                tracing::warn!(record = %self.key, "inbound.lease_lost");
            }
        }
    }

    /// Records that the event is stored or poison. If the store does not answer, a redelivery may be handled twice, and a
    /// warning is logged (as rule 26 for sends).
    pub(super) async fn settle(&self, status: InboundStatus) -> Result<(), NotRecorded> {
        let settle = InboundOp::Settle { owner: self.owner, status, ttl_s: self.ttl_s() };
        let mut reason = "the lease was lost";
        for _ in 0..SETTLE_ATTEMPTS {
            match self.apply(&settle).await {
                Ok((true, _)) => return Ok(()),
                Ok((false, _)) => break,
                Err(_) => reason = "the store does not answer",
            }
        }
        tracing::warn!(record = %self.key, reason, "inbound.settle_not_recorded");
        Err(NotRecorded)
    }

    /// Releases the event. Best effort: if the store does not answer, the lease expires.
    pub(super) async fn release(&self) -> Result<(), NotRecorded> {
        let released = self.apply(&InboundOp::Release { owner: self.owner }).await;
        released.map(drop).map_err(|_| {
            tracing::warn!(record = %self.key, "inbound.release_not_recorded");
            NotRecorded
        })
    }

    async fn apply(&self, operation: &InboundOp) -> Result<(bool, Option<InboundStatus>), StoreError> {
        let seen = self.seen.lock().clone();
        let applied = self.orchestrator.engine.stores.apply_inbound(&self.key, operation, seen.as_deref()).await?;
        let status = applied.record.as_ref().map(|record| record.status);
        *self.seen.lock() = applied.record;
        Ok((applied.done, status))
    }

    fn lease_end(&self) -> i64 {
        let settings = &self.orchestrator.inbound.settings;
        self.orchestrator.engine.now_ms().saturating_add(ms(settings.lease + settings.clock_skew))
    }

    fn ttl_s(&self) -> i64 {
        seconds(self.orchestrator.inbound.settings.keep)
    }
}
