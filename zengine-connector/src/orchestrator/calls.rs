//! Calls about one tenant outside the pipeline: health checks, downloads of media, removal from the caches. A call of a strategy has
//! a time limit, and a panic becomes an error.

use std::{sync::Arc, time::Duration};

use super::Orchestrator;
use crate::{
    error::{Error, ErrorKind, SendError},
    ids::{IntoId, StrategyName, TenantId},
    message::InboundEvent,
    pipeline::Engine,
    registry::{TenantSetup, Tenants},
    runtime::{guard, later},
    strategy::{Base, EventContext, HealthContext, HealthStatus, MediaFile, MediaRequest},
};

/// Maximum time for a health check or a download, and the default for a strategy's own methods.
pub(super) const TIME: Duration = Duration::from_secs(30);

/// Maximum time that [`Orchestrator::media`] waits for room in memory. A request may bring more files at the same time than fit.
const ROOM_WAIT: Duration = Duration::from_secs(10);

/// Time after which to try again without room.
const AGAIN: Duration = Duration::from_secs(1);

impl Orchestrator {
    /// Runs a strategy's health check for a tenant once, without breaker or debounce (rule 80). A check that takes longer than
    /// 30 seconds is inconclusive (rule 75).
    ///
    /// # Errors
    /// If the tenant cannot be bound, or the strategy panics.
    pub async fn health(&self, tenant: impl IntoId<TenantId>, strategy: impl IntoId<StrategyName>) -> Result<HealthStatus, Error> {
        self.engine.health(&tenant.into_id()?, strategy.as_ref()).await
    }

    /// Downloads a file of an event by its handle or by [`MediaRequest::of`], with the credentials of the event's tenant. Takes at
    /// most 30 seconds, and waits up to 10 seconds for room before that: the file counts towards
    /// [`max_file_bytes`](crate::OrchestratorBuilder::max_file_bytes) with the size that the event names, or else the request's
    /// `max_bytes`, until it is here, and with its own size until you drop its bytes.
    ///
    /// # Errors
    /// `Unsupported` if the strategy has no media. `Busy` while too many bytes of files are in memory. `Media` if the file is larger than the request
    /// allows, `Protocol` if it differs from the digest. Also if the tenant cannot be bound, and the provider's errors.
    pub async fn media(&self, event: &InboundEvent, request: impl Into<MediaRequest>) -> Result<MediaFile, Error> {
        let request = request.into();
        let engine = &self.engine;
        let entry = engine.registry.entry(event.strategy.as_str())?;
        let Some(inbound) = &entry.inbound else {
            return Err(Error::new(ErrorKind::Unsupported, "the strategy receives nothing").with_context("strategy", &entry.name));
        };
        let bound = engine.tenants.bind(entry, &event.tenant).await?;
        let room = engine.await_room_for(&event.tenant, request.likely_bytes(), ROOM_WAIT).await;
        let room = room.ok_or_else(|| Error::new(ErrorKind::Busy, "too many bytes of files are in memory").with_retry_after(AGAIN))?;
        let cx = EventContext { base: engine.call_base(&event.tenant, &entry.name, TIME) };
        let fetched = engine.call(inbound.media(&bound.state, &request, &cx)).await;
        let file = fetched.and_then(|fetched| request.check(fetched.map_err(SendError::into_error)?));
        let mut file = file.map_err(|error| error.with_context("strategy", &entry.name))?;
        file.bytes = room.hold_all(file.bytes);
        Ok(file)
    }

    /// Removes a tenant's configuration, secrets and routes from the caches, so that the next call reads them anew instead of
    /// within the times of rule 85. Calls in progress keep the configuration they began with.
    ///
    /// Affects this process only. Other processes follow within the times of rule 85.
    ///
    /// # Errors
    /// If the tenant id is invalid.
    #[allow(clippy::unused_async)] // a shared cache would be told here
    pub async fn invalidate(&self, tenant: impl IntoId<TenantId>) -> Result<(), Error> {
        self.engine.tenants.invalidate(Some(&tenant.into_id()?));
        Ok(())
    }

    /// Writes the set-up of a tenant into the stores and [`invalidate`](Self::invalidate)s it here, so that the next call uses it. A
    /// common set-up invalidates every tenant.
    ///
    /// # Errors
    /// As [`TenantSetup::write`].
    pub async fn set_up(&self, setup: TenantSetup) -> Result<(), Error> {
        let engine = &self.engine;
        let (tenant, setup) = (setup.tenant()?, setup.allow_local_refs(engine.tenants.allows_local_refs()));
        // Also after an error, or if the future is dropped: a part may stand.
        let _invalidates = Invalidates(&engine.tenants, tenant.as_ref());
        setup.write(&engine.registry, engine.stores.bundle(), Arc::clone(&engine.clock)).await
    }
}

/// Removes a tenant, or all of them, from the caches when it is dropped.
struct Invalidates<'a>(&'a Tenants, Option<&'a TenantId>);

impl Drop for Invalidates<'_> {
    fn drop(&mut self) {
        self.0.invalidate(self.1);
    }
}

impl Engine {
    async fn health(&self, tenant: &TenantId, strategy: &str) -> Result<HealthStatus, Error> {
        let entry = self.registry.entry(strategy)?;
        let bound = self.tenants.bind(entry, tenant).await?;
        let cx = HealthContext { base: self.call_base(tenant, &entry.name, TIME) };
        match self.call(entry.strategy.healthcheck(&bound.state, &cx)).await {
            Ok(status) => status,
            Err(error) if error.kind() == ErrorKind::Timeout => Ok(HealthStatus::inconclusive("the check did not end in time")),
            Err(error) => Err(error.with_context("strategy", strategy)),
        }
    }

    /// The base of a context for a call that may take `time`.
    pub(super) fn call_base(&self, tenant: &TenantId, strategy: &StrategyName, time: Duration) -> Base {
        self.base(tenant, strategy, later(self.clock.now(), time), None, None)
    }

    /// Awaits the work. Returns `Timeout` if it takes longer than [`TIME`], `Unexpected` if it panics.
    pub(super) async fn call<T>(&self, work: impl Future<Output = T> + Send) -> Result<T, Error> {
        let result = guard(&*self.clock, TIME, work).await;
        result.map_err(|missed| missed.error("the strategy panicked", "the strategy did not answer in time"))
    }
}
