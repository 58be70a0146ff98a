//! One call of a strategy beside the pipeline: its time is limited, and a panic is an error.

use std::{panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt as _;

use crate::{
    error::{Error, ErrorKind},
    ids::{StrategyName, TenantId},
    pipeline::Engine,
    runtime::within,
    strategy::Base,
};

/// How long a health check, a download or a strategy's own method may take where nothing is said.
pub(super) const TIME: Duration = Duration::from_secs(30);

impl Engine {
    /// What a call's context holds that may take this long.
    pub(super) fn call_base(&self, tenant: &TenantId, strategy: &StrategyName, time: Duration) -> Base {
        self.base(tenant, strategy, self.clock.now() + time, None, None)
    }

    /// The work's result; `Timeout` where it takes longer than [`TIME`], `Unexpected` where it panics.
    pub(super) async fn call<T>(&self, work: impl Future<Output = T> + Send) -> Result<T, Error> {
        match within(&*self.clock, TIME, AssertUnwindSafe(work).catch_unwind()).await {
            Some(Ok(result)) => Ok(result),
            Some(Err(_)) => Err(Error::new(ErrorKind::Unexpected, "the strategy panicked")),
            None => Err(Error::new(ErrorKind::Timeout, "the strategy does not answer in time")),
        }
    }
}
