//! One simulated host: a strategy, its simulated provider, stores in memory, sample tenants.

use std::{any::Any, fmt::Write as _, sync::Arc, time::Duration};

use bytes::Bytes;
use serde_json::{Value, value::RawValue};

use super::{
    Sample, SampleTenant,
    kit::{Kit, SharedKit, TENANTS},
    wire::Wire,
};
use crate::{
    error::Error,
    ids::TenantId,
    orchestrator::{Orchestrator, OrchestratorBuilder},
    pipeline::{Outcome, SendOptions},
    runtime::{Clock, to_ms},
    stage::Breaker,
    store::{Memory, SecretScope, TenantRow},
    testing::SimClock,
};

/// One simulated host. [`restart`](Self::restart) gives another process over the same stores.
pub(crate) struct TestHost {
    pub(crate) kit: SharedKit,
    pub(crate) clock: Arc<SimClock>,
    pub(crate) wire: Wire,
    pub(crate) stores: Memory,
    pub(crate) orchestrator: Orchestrator,
}

impl TestHost {
    /// Creates a host with the sample tenants and the pipeline's defaults, but no breaker: cases make many calls fail.
    pub(crate) fn new(kit: &SharedKit) -> Self {
        Self::with(kit, |builder| builder)
    }

    /// Creates a host with other settings.
    pub(crate) fn with(kit: &SharedKit, settings: impl FnOnce(OrchestratorBuilder) -> OrchestratorBuilder) -> Self {
        let clock = Arc::new(SimClock::new());
        let wire = Wire::new(Arc::clone(kit), Arc::clone(&clock));
        let stores = Memory::new();
        let application = SecretScope::application(kit.name.clone());
        for (name, value) in &kit.application_secrets {
            stores.put_secret(&application, name, value.as_bytes());
        }
        let host = Self::start(kit, clock, wire, stores, settings);
        for n in 0..TENANTS {
            host.put_tenant(n, &kit.tenant(n));
        }
        host
    }

    /// Starts another process over the same stores, provider and clock: a fresh strategy, nothing cached.
    pub(crate) fn restart(&self) -> Self {
        let (clock, stores) = (Arc::clone(&self.clock), self.stores.clone());
        Self::start(&self.kit, clock, self.wire.clone(), stores, |builder| builder)
    }

    fn start(
        kit: &SharedKit,
        clock: Arc<SimClock>,
        wire: Wire,
        stores: Memory,
        settings: impl FnOnce(OrchestratorBuilder) -> OrchestratorBuilder,
    ) -> Self {
        let builder = Orchestrator::builder()
            .registry(&kit.registry(&wire))
            .stores(stores.clone())
            .clock(Arc::clone(&clock) as _)
            .breaker(Breaker::off());
        let orchestrator = settings(builder).build().expect("a host with the pipeline's defaults");
        Self { kit: Arc::clone(kit), clock, wire, stores, orchestrator }
    }

    /// Writes a tenant's configuration, secrets and routes.
    pub(crate) fn put_tenant(&self, n: usize, tenant: &SampleTenant) {
        let (id, name) = (Kit::tenant_id(n), &self.kit.name);
        let scope = SecretScope::tenant(name.clone(), id.clone());
        for (secret, value) in &tenant.secrets {
            self.stores.put_secret(&scope, secret, value.as_bytes());
        }
        let row = TenantRow::new(tenant.config.clone()).with_routes(tenant.routes.iter().cloned());
        self.stores.put_tenant(&id, name, row);
    }

    /// Writes a tenant's configuration, with the sample's routes, and invalidates the cached one.
    pub(crate) async fn put_config(&self, n: usize, config: Value) {
        let row = TenantRow::new(config).with_routes(self.kit.tenant(n).routes);
        self.stores.put_tenant(&Kit::tenant_id(n), &self.kit.name, row);
        self.orchestrator.invalidate(Kit::tenant_id(n)).await.expect("a valid id");
    }

    /// The scope of a tenant's secrets.
    pub(crate) fn scope(&self, n: usize) -> SecretScope {
        SecretScope::tenant(self.kit.name.clone(), Kit::tenant_id(n))
    }

    /// Sends a sample message for a tenant under an id.
    pub(crate) async fn send(&self, tenant: usize, message: usize, id: &str) -> Result<Outcome, Error> {
        self.send_json(tenant, &self.kit.message(message), id, |options| options).await
    }

    /// Sends any message.
    pub(crate) async fn send_json(
        &self,
        tenant: usize,
        message: &Value,
        id: &str,
        options: impl FnOnce(SendOptions) -> SendOptions,
    ) -> Result<Outcome, Error> {
        let raw = raw(message);
        let options = options(SendOptions::new());
        let sent = self.orchestrator.send_with(Kit::tenant_id(tenant), &self.kit.name, id, &*raw, options).await;
        self.assert_outcome_clean(&sent);
        sent
    }

    /// The signed request that delivers exact bytes to a tenant. `None` if they have no place in a request.
    pub(crate) fn request(&self, tenant: usize, bytes: impl Into<Bytes>) -> Option<http::Request<Bytes>> {
        self.kit.deliver(tenant, bytes, self.now_ms())
    }

    /// The signed request of a sample event.
    pub(crate) fn sample(&self, tenant: usize, sample: usize) -> http::Request<Bytes> {
        self.kit.sample_event(tenant, &Sample::new(sample), self.now_ms())
    }

    /// Checks that an outcome or error prints nothing secret or personal.
    fn assert_outcome_clean(&self, sent: &Result<Outcome, Error>) {
        let error = match sent {
            Ok(Outcome::Failed(end)) => Some(&end.error),
            Ok(Outcome::Unknown(end)) => Some(&end.error),
            Ok(Outcome::Deferred(end)) => end.error.as_ref(),
            Ok(Outcome::Delivered(_)) => None,
            Err(error) => Some(error),
        };
        self.kit.assert_clean("an outcome's Debug", &format!("{sent:?}"));
        if let Some(error) = error {
            self.kit.assert_clean("an error's Display", &printed(error));
        }
    }

    /// The simulated wall clock, in milliseconds UTC.
    pub(crate) fn now_ms(&self) -> i64 {
        to_ms(self.clock.now())
    }

    /// Advances the simulated time.
    pub(crate) async fn pass(&self, time: Duration) {
        self.clock.advance(time).await;
    }

    /// The id of a sample tenant.
    pub(crate) fn id(n: usize) -> TenantId {
        Kit::tenant_id(n)
    }
}

/// An error and its causes, as a log prints them.
pub(crate) fn printed(error: &dyn std::error::Error) -> String {
    let mut text = format!("{error} {error:?}");
    let mut next = error.source();
    while let Some(cause) = next {
        let _ = write!(text, ": {cause} {cause:?}");
        next = cause.source();
    }
    text
}

/// A message in the form that callers pass.
pub(crate) fn raw(message: &Value) -> Box<RawValue> {
    RawValue::from_string(message.to_string()).unwrap()
}

/// The message of a panic.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without a message").to_owned()
}
