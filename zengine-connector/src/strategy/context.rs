//! The contexts that a strategy gets beside its tenant and the message.

use std::{
    num::NonZeroU32,
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime},
};

use super::{ProviderKey, RaisedEvent, Sessions, provider_key::KeyScope};
use crate::{
    ids::{ClientMessageId, ConfigVersion, CorrelationId, StrategyName, TenantId},
    runtime::Clock,
};

/// The state that all calls of one tenant and strategy share.
#[derive(Debug)]
pub(crate) struct CallScope {
    pub(crate) tenant: TenantId,
    pub(crate) strategy: StrategyName,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) sessions: Sessions,
    /// The part of provider keys that stands for tenant and strategy.
    mark: OnceLock<KeyScope>,
}

impl CallScope {
    pub(crate) fn new(tenant: TenantId, strategy: StrategyName, clock: Arc<dyn Clock>, sessions: Sessions) -> Self {
        Self { tenant, strategy, clock, sessions, mark: OnceLock::new() }
    }

    /// The key of a send at the provider.
    pub(crate) fn provider_key(&self, id: &ClientMessageId, generation: u32) -> ProviderKey {
        let mark = self.mark.get_or_init(|| KeyScope::of(&self.tenant, &self.strategy));
        mark.key(&self.tenant, &self.strategy, id, generation)
    }
}

/// The part that all contexts share.
#[derive(Clone, Debug)]
pub(crate) struct Base {
    pub(crate) scope: Arc<CallScope>,
    pub(crate) deadline: SystemTime,
    pub(crate) correlation: Option<CorrelationId>,
    pub(crate) traceparent: Option<String>,
}

macro_rules! contexts {
    ($($name:ident),*) => {$(
        impl $name {
            /// The tenant.
            pub fn tenant(&self) -> &TenantId {
                &self.base.scope.tenant
            }

            /// The name the strategy is registered under.
            pub fn strategy(&self) -> &StrategyName {
                &self.base.scope.strategy
            }

            /// The wall clock.
            pub fn now(&self) -> SystemTime {
                self.base.scope.clock.now()
            }

            /// Time left for this call; zero after the deadline (rule 5: the deadline is data).
            pub fn remaining(&self) -> Duration {
                self.base.deadline.duration_since(self.base.scope.clock.now()).unwrap_or_default()
            }

            /// State that outlives the call, scoped to this tenant and strategy.
            pub fn sessions(&self) -> &Sessions {
                &self.base.scope.sessions
            }

            /// The id that ties the log lines of this request together.
            pub fn correlation_id(&self) -> Option<&CorrelationId> {
                self.base.correlation.as_ref()
            }

            /// The W3C trace parent to pass on, if the caller gave one.
            pub fn traceparent(&self) -> Option<&str> {
                self.base.traceparent.as_deref()
            }
        }
    )*};
}

macro_rules! raises {
    ($($name:ident),*) => {$(
        impl $name {
            /// Publishes a change of a conversation that this call learnt: opened, queued, failed, ended. The host's handler gets it as an
            /// event with [`EventSource::Local`](crate::message::EventSource::Local), once per conversation, generation and change
            /// ([`RaisedEvent::dedup`]), however often it is raised.
            ///
            /// It is kept in the tenant's sessions before this returns, for 1 second at most, so that a process that dies afterwards loses
            /// nothing; then a task hands it over. Never fails the call. What its handler does not store becomes a dead letter. A
            /// host without a handler gets none.
            pub async fn raise(&self, raised: RaisedEvent) {
                let scope = &self.base.scope;
                if let Some(host) = scope.sessions.raise() {
                    host.raise(&scope.tenant, &scope.strategy, raised).await;
                }
            }
        }
    )*};
}

raises!(SendContext, EventContext);

contexts!(ConfigureContext, HealthContext, SendContext, EventContext);

/// The context of [`Configure::configure`](super::Configure::configure).
#[derive(Clone, Debug)]
pub struct ConfigureContext {
    pub(crate) base: Base,
    pub(crate) version: ConfigVersion,
}

/// The context of [`Configure::healthcheck`](super::Configure::healthcheck).
#[derive(Clone, Debug)]
pub struct HealthContext {
    pub(crate) base: Base,
}

/// The context of [`OutboundStrategy::send`](super::OutboundStrategy::send).
#[derive(Clone, Debug)]
pub struct SendContext {
    pub(crate) base: Base,
    client_message_id: ClientMessageId,
    key_generation: u32,
    /// Derived at the first use.
    provider_key: OnceLock<ProviderKey>,
    attempt: NonZeroU32,
}

/// The context of [`InboundStrategy::admit`](crate::strategy::InboundStrategy::admit) and
/// [`media`](crate::strategy::InboundStrategy::media).
#[derive(Clone, Debug)]
pub struct EventContext {
    pub(crate) base: Base,
}

impl EventContext {
    /// Waits for `time`, by the host's clock, and returns `true`; `false` at once, without waiting, if the call would have no time left
    /// then. For a method of a strategy that asks a provider again and again until a change is done: a registration, a review, a code
    /// that is on its way. A send has no such method: what it waits for, the pipeline waits for.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use zengine_connector::{EventContext, SendError};
    /// # async fn is_confirmed() -> Result<bool, SendError> { Ok(true) }
    /// # async fn confirmed(cx: &EventContext) -> Result<bool, SendError> {
    /// while !is_confirmed().await? {
    ///     if !cx.sleep(Duration::from_secs(2)).await {
    ///         return Ok(false); // not done in the caller's time: the caller may ask later
    ///     }
    /// }
    /// # Ok(true)
    /// # }
    /// ```
    #[must_use = "without time left it returns at once: a loop that ignores this would not wait"]
    pub async fn sleep(&self, time: Duration) -> bool {
        let fits = time < self.remaining();
        if fits {
            self.base.scope.clock.sleep(time).await;
        }
        fits
    }
}

impl ConfigureContext {
    /// The version of the configuration.
    pub fn version(&self) -> &ConfigVersion {
        &self.version
    }
}

impl SendContext {
    pub(crate) fn new(base: Base, client_message_id: ClientMessageId, key_generation: u32, attempt: NonZeroU32) -> Self {
        Self { base, client_message_id, key_generation, provider_key: OnceLock::new(), attempt }
    }

    /// The caller's id of the message.
    pub fn client_message_id(&self) -> &ClientMessageId {
        &self.client_message_id
    }

    /// The key by which the provider may recognise the send: the same for every attempt and takeover (rule 4).
    pub fn provider_key(&self) -> &ProviderKey {
        self.provider_key.get_or_init(|| self.base.scope.provider_key(&self.client_message_id, self.key_generation))
    }

    /// The number of the attempt, from 1 (rule 33).
    pub fn attempt(&self) -> NonZeroU32 {
        self.attempt
    }
}
