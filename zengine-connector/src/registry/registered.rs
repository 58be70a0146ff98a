//! One registered strategy.

use std::sync::Arc;

use crate::{
    error::{Error, ErrorKind},
    ids::StrategyName,
    message::{Degrade, Prepared},
    schema::Checks,
    strategy::{Descriptor, DynInbound, DynOutbound, DynStrategy, ErasedTenant, Inspected},
    sync::OncePerSecond,
};

/// One registered strategy.
pub(crate) struct RegisteredStrategy {
    pub(crate) name: StrategyName,
    pub(crate) descriptor: &'static Descriptor,
    pub(crate) type_name: &'static str,
    pub(crate) checks: Checks,
    pub(crate) strategy: Arc<dyn DynStrategy>,
    pub(crate) outbound: Option<Arc<dyn DynOutbound>>,
    pub(crate) inbound: Option<Arc<dyn DynInbound>>,
    /// Limits the warnings that unauthenticated requests can cause.
    pub(crate) warned: OncePerSecond,
}

debug_fields!(RegisteredStrategy { type_name });

impl RegisteredStrategy {
    /// The outbound half, or `Unsupported`.
    pub(crate) fn sends(&self) -> Result<&Arc<dyn DynOutbound>, Error> {
        self.outbound
            .as_ref()
            .ok_or_else(|| Error::new(ErrorKind::Unsupported, "this strategy only receives").with_context("strategy", &self.name))
    }

    /// Degrades and validates a message for a tenant, before the send is claimed.
    pub(crate) fn inspect(&self, tenant: &ErasedTenant, message: &Prepared<'_>, how: Degrade) -> Result<Inspected, Error> {
        let seen = self.sends()?.inspect(tenant, message, self.descriptor.capabilities, how)?;
        if seen.violations.is_empty() {
            return Ok(seen);
        }
        Err(Error::new(ErrorKind::MessageInvalid, "the message does not fit the channel")
            .with_context("strategy", &self.name)
            .with_context("violations", seen.violations.len())
            .with_violations(seen.violations))
    }
}
