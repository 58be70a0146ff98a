//! Calls of strategies outside the pipeline, with a time limit; a panic becomes an error.

use std::time::Duration;

use crate::{
    error::Error,
    ids::{StrategyName, TenantId},
    pipeline::Engine,
    runtime::{guard, later},
    strategy::Base,
};

/// Maximum time for a health check or a download, and the default for a strategy's own methods.
pub(super) const TIME: Duration = Duration::from_secs(30);

impl Engine {
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
