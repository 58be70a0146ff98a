//! One send, as passed to the stages.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use super::{Engine, SendOptions, decision::Protection, fingerprint::Content, now::Now, trace::SendTrace};
use crate::{
    ids::{ClientMessageId, TenantId},
    message::{Idempotency, Prepared},
    registry::{BoundTenant, RegisteredStrategy},
    stage::{Stages, StrategySettings},
    store::{ClaimKey, Fingerprint, Lease, OwnerToken},
    strategy::{Base, DynOutbound, ProviderKey, SendContext},
};

/// One send.
pub(crate) struct SendJob<'a> {
    pub(crate) engine: &'a Arc<Engine>,
    pub(crate) entry: &'a RegisteredStrategy,
    pub(crate) outbound: &'a dyn DynOutbound,
    pub(crate) bound: &'a BoundTenant,
    pub(crate) stages: &'a Stages,
    pub(crate) key: ClaimKey,
    pub(crate) fingerprint: Fingerprint,
    /// The caller's message. Dead letters store it.
    pub(crate) original: &'a Prepared<'a>,
    /// The message to send, degraded if needed.
    pub(crate) message: &'a Prepared<'a>,
    pub(crate) idempotency: Idempotency,
    pub(crate) options: &'a SendOptions,
    /// Deadline in nanoseconds since the Unix epoch.
    pub(crate) deadline: i64,
    pub(crate) now: &'a Now<'a>,
    /// The facts behind the log lines.
    pub(crate) trace: &'a SendTrace,
}

impl SendJob<'_> {
    #[inline]
    pub(crate) fn tenant(&self) -> &TenantId {
        self.bound.tenant()
    }

    /// The fingerprint input of the caller's message.
    pub(crate) fn content(&self) -> Content<'_> {
        Content {
            keys: &*self.engine.keys,
            tenant: self.tenant(),
            strategy: &self.entry.name,
            outbound: self.outbound,
            message: self.original,
        }
    }

    #[inline]
    pub(crate) fn id(&self) -> &ClientMessageId {
        &self.options.client_message_id
    }

    /// Time left to the deadline.
    pub(crate) fn remaining(&self) -> Duration {
        Duration::from_nanos(u64::try_from(self.deadline.saturating_sub(self.now.nanos())).unwrap_or(0))
    }

    /// The settings of the strategy.
    #[inline]
    pub(crate) fn settings(&self) -> &StrategySettings {
        &self.stages.settings
    }

    /// The idempotency key at the provider (rule 4).
    pub(crate) fn provider_key(&self, key_generation: u32) -> ProviderKey {
        self.bound.scope.provider_key(self.id(), key_generation)
    }

    pub(crate) fn context(&self, key_generation: u32, attempt: u32, limit: Duration) -> SendContext {
        let base = Base {
            scope: Arc::clone(&self.bound.scope),
            deadline: Now::time(self.now.after(limit).min(self.deadline)),
            correlation: self.options.correlation_id.clone(),
            traceparent: self.options.traceparent.clone(),
        };
        SendContext::new(base, self.id().clone(), key_generation, NonZeroU32::new(attempt).unwrap_or(NonZeroU32::MIN))
    }

    /// A new lease for this owner token.
    pub(crate) fn lease(&self, owner: OwnerToken) -> Lease {
        let time = self.settings().dedup.lease;
        Lease { owner, boot: self.engine.stores.boot().map(Into::into), until_ms: self.now.ms() + crate::runtime::ms(time) }
    }

    /// The current protection against duplicates, for a send whose first byte may have left at `first_sent_ms`. A window
    /// that would close during the next attempt counts as closed.
    pub(crate) fn protection(&self, first_sent_ms: Option<i64>) -> Protection {
        match self.idempotency {
            Idempotency::None => Protection::None,
            Idempotency::Queryable { .. } => Protection::Queryable,
            Idempotency::Native { window_ms } => {
                let settings = self.settings();
                let margin = crate::runtime::ms(settings.attempt_timeout + settings.dedup.clock_skew);
                let end = first_sent_ms.map(|sent| sent.saturating_add_unsigned(window_ms).saturating_sub(margin));
                if end.is_none_or(|end| end > self.now.ms()) { Protection::Native } else { Protection::None }
            }
        }
    }
}
