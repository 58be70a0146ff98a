//! The record of one event: who works on it, and whether it is done (rule 84).

use std::{convert::Infallible, pin::pin, time::Duration};

use futures_util::future::{Either, select};

use crate::{
    orchestrator::Orchestrator,
    runtime::ms,
    store::{ClaimKey, InboundOp, InboundStatus, Lease, OwnerToken, StoreError},
};

/// How often a settled event's record is tried to be written.
const SETTLE_ATTEMPTS: usize = 3;

/// An event that is ours to work on.
pub(super) struct Claim {
    orchestrator: Orchestrator,
    key: ClaimKey,
    owner: OwnerToken,
}

/// How an attempt to take an event ended.
pub(super) enum Taken {
    /// It is ours.
    Ours(Claim),
    /// An earlier delivery settled it.
    Settled(InboundStatus),
    /// Somebody else works on it.
    Elsewhere,
    /// The store does not say.
    NoAnswer(StoreError),
}

impl Claim {
    /// Takes an event that nobody works on and that is not settled.
    pub(super) async fn take(orchestrator: &Orchestrator, key: ClaimKey) -> Taken {
        let claim = Self { orchestrator: orchestrator.clone(), key, owner: orchestrator.engine.token() };
        let lease = Lease { owner: claim.owner, boot: orchestrator.engine.stores.boot().map(Into::into), until_ms: claim.lease_end() };
        match claim.apply(&InboundOp::Claim { lease, ttl_s: claim.ttl_s() }).await {
            Ok((true, _)) => Taken::Ours(claim),
            Ok((false, Some(InboundStatus::Claimed) | None)) => Taken::Elsewhere,
            Ok((false, Some(settled))) => Taken::Settled(settled),
            Err(error) => {
                // The write may have happened although its answer was lost: then nobody could work on it before the lease ends.
                claim.release().await;
                Taken::NoAnswer(error)
            }
        }
    }

    /// Works on the event and renews the lease at a third for as long as that takes.
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
            // The handler is not stopped: it may have stored the event already. Its end decides.
            if !lost && matches!(renewed, Ok((false, _))) {
                lost = true;
                tracing::warn!(record = %self.key, "inbound.lease_lost");
            }
        }
    }

    /// Says that the event is stored or poison. A store that does not answer changes nothing about that: a redelivery may
    /// then be handled twice, which is said in a warning (as rule 26 for sends).
    pub(super) async fn settle(&self, status: InboundStatus) {
        let settle = InboundOp::Settle { owner: self.owner, status, ttl_s: self.ttl_s() };
        let mut reason = "the lease was lost";
        for _ in 0..SETTLE_ATTEMPTS {
            match self.apply(&settle).await {
                Ok((true, _)) => return,
                Ok((false, _)) => break,
                Err(_) => reason = "the store does not answer",
            }
        }
        tracing::warn!(record = %self.key, reason, "inbound.settle_not_recorded");
    }

    /// Gives the event back. Best effort: where the store does not answer, the lease ends by itself.
    pub(super) async fn release(&self) {
        if self.apply(&InboundOp::Release { owner: self.owner }).await.is_err() {
            tracing::warn!(record = %self.key, "inbound.release_not_recorded");
        }
    }

    async fn apply(&self, operation: &InboundOp) -> Result<(bool, Option<InboundStatus>), StoreError> {
        let applied = self.orchestrator.engine.stores.apply_inbound(&self.key, operation).await?;
        Ok((applied.done, applied.record.map(|record| record.status)))
    }

    fn lease_end(&self) -> i64 {
        self.orchestrator.engine.now_ms().saturating_add(ms(self.orchestrator.inbound.settings.lease))
    }

    fn ttl_s(&self) -> i64 {
        seconds(self.orchestrator.inbound.settings.keep)
    }
}

fn seconds(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX / 4)
}
