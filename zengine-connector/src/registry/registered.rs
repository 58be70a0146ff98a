//! One registered strategy.

use std::sync::Arc;

use crate::{
    error::{Error, ErrorKind, Violation},
    ids::{RouteKey, StrategyName},
    message::{Degrade, Prepared},
    schema::{Checks, Resolved, Site},
    strategy::{Descriptor, DynInbound, DynOutbound, DynStrategy, ErasedTenant, Inspected},
    sync::OncePerSecond,
};

/// Minimum length of a secret that is searched for in routes, in bytes: a shorter one is in many values by chance.
const MIN_FOUND: usize = 8;

/// Whether a route is a secret or holds one.
pub(super) fn holds_secret(route: &RouteKey, secret: &str) -> bool {
    route.value() == secret || (secret.len() >= MIN_FOUND && route.value().contains(secret))
}

/// One registered strategy.
pub(crate) struct RegisteredStrategy {
    pub(crate) name: StrategyName,
    pub(crate) descriptor: &'static Descriptor,
    pub(crate) type_name: &'static str,
    pub(crate) checks: Checks,
    pub(crate) strategy: Arc<dyn DynStrategy>,
    pub(crate) outbound: Option<Arc<dyn DynOutbound>>,
    pub(crate) inbound: Option<Arc<dyn DynInbound>>,
    /// Limits the warnings of failing stores that unauthenticated requests can cause.
    pub(crate) warned: OncePerSecond,
    /// The same for routes without a tenant.
    pub(crate) warned_of_route: OncePerSecond,
}

debug_fields!(RegisteredStrategy { type_name });

impl RegisteredStrategy {
    /// The outbound half, or `Unsupported`.
    pub(crate) fn sends(&self) -> Result<&Arc<dyn DynOutbound>, Error> {
        self.outbound
            .as_ref()
            .ok_or_else(|| Error::new(ErrorKind::Unsupported, "this strategy only receives").with_context("strategy", &self.name))
    }

    /// The provider's keys of a configuration, sorted, each once. At every site stands a secret, or a placeholder.
    ///
    /// # Errors
    /// `ConfigInvalid` if the configuration does not parse, `Unexpected` if a route holds a secret or the strategy panics.
    pub(crate) fn routes(&self, config: &Resolved, sites: &[Site]) -> Result<Vec<RouteKey>, Error> {
        let Some(inbound) = &self.inbound else { return Ok(vec![]) };
        let mut routes = inbound.routes(config.value())?;
        if let Some(route) = routes.iter().find(|route| config.texts(sites).any(|secret| holds_secret(route, secret))) {
            return Err(Error::new(ErrorKind::Unexpected, "the strategy makes a route of a secret")
                .with_context("strategy", &self.name)
                .with_context("field", route.kind()));
        }
        routes.sort();
        routes.dedup();
        Ok(routes)
    }

    /// Degrades and validates a message for a tenant, before the send is claimed. What it finds are warnings.
    ///
    /// # Errors
    /// All violations, if one of them is an error.
    pub(crate) fn inspect(&self, tenant: &ErasedTenant, message: &Prepared<'_>, how: Degrade) -> Result<Inspected, Error> {
        let seen = self.sends()?.inspect(tenant, message, self.descriptor.capabilities, how)?;
        let Some(kind) = Violation::kind_of(&seen.violations) else { return Ok(seen) };
        Err(Error::new(kind, "the message does not fit the channel")
            .with_context("strategy", &self.name)
            .with_context("violations", seen.violations.len())
            .with_violations(seen.violations))
    }
}
