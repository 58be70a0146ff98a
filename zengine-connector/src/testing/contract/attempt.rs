//! Single attempts without the pipeline: the strategy's own handling of a response.

use std::{num::NonZeroU32, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt as _;
use serde_json::Value;

use super::{
    host::{TestHost, printed, raw},
    kit::Kit,
};
use crate::{
    error::{Error, SendError},
    ids::{ClientMessageId, ConfigVersion},
    message::{Degrade, Idempotency, MessageRef, Receipt},
    registry::BoundTenant,
    strategy::{ConfigureContext, DynOutbound, ErasedTenant, SendContext},
};

/// The default time of an attempt.
pub(crate) const ATTEMPT_TIME: Duration = Duration::from_secs(30);

impl TestHost {
    /// Binds a sample tenant, as its first send or request does.
    pub(crate) async fn bind(&self, tenant: usize) -> Result<Arc<BoundTenant>, Error> {
        let engine = &self.orchestrator.engine;
        let bound = engine.tenants.bind(engine.registry.entry(self.kit.name.as_str())?, &Kit::tenant_id(tenant)).await;
        if let Err(error) = &bound {
            self.kit.assert_clean("an error of binding", &printed(error));
        }
        bound
    }

    /// Calls the strategy's own `configure` with a resolved configuration.
    pub(crate) async fn configure(&self, config: &Value) -> Result<(), Error> {
        let (engine, name, tenant) = (&self.orchestrator.engine, &self.kit.name, Kit::tenant_id(0));
        let cx = ConfigureContext {
            base: engine.base(&tenant, name, engine.clock.now() + ATTEMPT_TIME, None, None),
            version: ConfigVersion::number(1),
        };
        engine.registry.entry(name.as_str())?.strategy.configure(config, &cx).await.map(drop)
    }

    /// Makes one attempt of a sample message, under an id of its own.
    pub(crate) async fn attempt(&self, tenant: usize, message: usize) -> Result<Receipt, SendError> {
        self.attempt_json(tenant, &self.kit.message(message), &format!("attempt-{message}"), 1, ATTEMPT_TIME).await
    }

    /// Makes one attempt. Checks that it does not panic and that its result prints nothing secret or personal.
    /// The protection against duplicates that the strategy states for a tenant and its first sample message.
    pub(crate) fn idempotency(&self, half: &dyn DynOutbound, state: &ErasedTenant) -> Idempotency {
        let descriptor = self.kit.descriptor;
        let message = raw(&self.kit.message(0));
        let seen = half.prepare(MessageRef::from(&*message));
        let seen = seen.and_then(|message| half.inspect(state, &message, descriptor.capabilities, Degrade::Refuse));
        seen.ok().and_then(|seen| seen.idempotency).unwrap_or(descriptor.idempotency)
    }

    pub(crate) async fn attempt_json(
        &self,
        tenant: usize,
        message: &Value,
        id: &str,
        attempt: u32,
        time: Duration,
    ) -> Result<Receipt, SendError> {
        let (engine, name, tenant) = (&self.orchestrator.engine, &self.kit.name, Kit::tenant_id(tenant));
        let entry = engine.registry.entry(name.as_str()).expect("the strategy is registered");
        let bound = engine.tenants.bind(entry, &tenant).await.expect("a sample tenant binds");
        let half = entry.sends().expect("the strategy sends");
        let raw = raw(message);
        let prepared = half.prepare(MessageRef::from(&*raw)).expect("a sample message parses");
        let id = ClientMessageId::new(id).unwrap();
        let base = engine.base(&tenant, name, engine.clock.now() + time, None, None);
        let cx = SendContext::new(base, id, 0, NonZeroU32::new(attempt).unwrap());
        self.kit.assert_clean("the Debug of a send's context", &format!("{cx:?}"));
        let result = match AssertUnwindSafe(half.attempt(&bound.state, &prepared, &cx)).catch_unwind().await {
            Ok(result) => result,
            Err(panic) => {
                let said = super::host::panic_text(&*panic);
                self.kit.assert_clean("a panic of the strategy", &said);
                panic!("the strategy panicked: {said}");
            }
        };
        match &result {
            Ok(receipt) => self.kit.assert_clean("a receipt's Debug", &format!("{receipt:?}")),
            Err(error) => self.kit.assert_clean("an error", &printed(error)),
        }
        result
    }
}
