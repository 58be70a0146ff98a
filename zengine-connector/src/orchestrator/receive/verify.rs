//! The authentication of a request.

use std::{sync::Arc, time::Duration};

use super::bounds;
use crate::{
    error::{Error, ErrorKind},
    orchestrator::Orchestrator,
    registry::RegisteredStrategy,
    runtime::{Missed, guard},
    strategy::{DynInbound, InboundRequest, TenantLookup, Verified, VerifyError},
};

impl Orchestrator {
    /// Authenticates the request. The inner error is `None` if the strategy panicked.
    pub(super) async fn verify(
        &self,
        entry: &Arc<RegisteredStrategy>,
        inbound: &dyn DynInbound,
        request: &InboundRequest,
        lookup: Arc<dyn TenantLookup>,
        time: Duration,
    ) -> Result<Verified, Option<VerifyError>> {
        let (clock, settings) = (&*self.engine.clock, &self.inbound.settings);
        match guard(clock, time, inbound.verify(request, lookup)).await {
            Ok(Ok(verified)) => Ok(verified),
            Ok(Err(error)) => {
                if let VerifyError::Unavailable(cause) = &error {
                    if entry.warned.is_due(clock.monotonic()) {
                        tracing::warn!(strategy = %entry.name, error = %cause, "inbound.verify_unavailable");
                    }
                    return Err(Some(error));
                }
                let bounded = bounds::check(settings, inbound, request.body()).is_ok();
                Err(Some(if bounded { error } else { VerifyError::TooLarge }))
            }
            Err(Missed::Panicked) => {
                tracing::error!(strategy = %entry.name, "inbound.verify_panicked");
                Err(None)
            }
            Err(Missed::TimedOut) => Err(Some(VerifyError::Unavailable(Error::new(ErrorKind::Timeout, "verify did not finish in time")))),
        }
    }
}
