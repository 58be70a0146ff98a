//! The traits of the outbound half.

use std::future::{Future, ready};

use super::{ConfigureContext, HealthContext, HealthStatus, SendContext};
use crate::{
    error::{Error, SendError, Violation},
    message::{Capabilities, Receipt},
};

/// Turns a tenant's configuration into what the strategy keeps for that tenant.
///
/// Write `async fn` in the implementation; the signatures here only add that the futures are `Send`.
#[diagnostic::on_unimplemented(message = "`{Self}` cannot be configured by `{Cfg}`", label = "write `impl Configure<{Cfg}> for {Self}`")]
pub trait Configure<Cfg>: Send + Sync + 'static {
    /// The checked configuration and what is derived from it. Made once per tenant and configuration version.
    type Tenant: Send + Sync + 'static;

    /// Checks the configuration. Makes no call to the provider: an unauthenticated request may lead here.
    ///
    /// # Errors
    /// `ConfigInvalid` with every violation.
    fn configure(&self, config: Cfg, cx: &ConfigureContext) -> impl Future<Output = Result<Self::Tenant, Error>> + Send;

    /// Asks the provider how the tenant's channel is, with a cheap call that sends nothing. Default: health is inferred
    /// from sends.
    fn healthcheck(&self, tenant: &Self::Tenant, cx: &HealthContext) -> impl Future<Output = HealthStatus> + Send {
        let _ = (tenant, cx);
        ready(HealthStatus::Passive)
    }
}

/// What a look-up found.
#[derive(Clone, Debug, PartialEq)]
pub enum Lookup {
    /// The provider has it.
    Found(Receipt),
    /// The provider does not have it.
    NotFound,
    /// The provider cannot be asked.
    Unsupported,
}

/// Sends messages of one type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot send `{Msg}` configured by `{Cfg}`",
    label = "write `impl OutboundStrategy<{Cfg}, {Msg}> for {Self}`, or drop `outbound` from `#[strategy(..)]`"
)]
pub trait OutboundStrategy<Cfg, Msg>: Configure<Cfg> {
    /// Makes one attempt: no retry, no dedup, no sleep. Logging in again and one repeat of a call that surely was not
    /// processed belong to the attempt.
    ///
    /// # Errors
    /// Whose fault it was and how far the request got.
    fn send(&self, tenant: &Self::Tenant, message: &Msg, cx: &SendContext) -> impl Future<Output = Result<Receipt, SendError>> + Send;

    /// Checks what the capabilities cannot express, where the provider's limits are finer: called beside
    /// [`Message::validate`](crate::message::Message::validate), before dedup, so that a message that cannot be sent takes no
    /// claim. Pure. Default: nothing more to check.
    ///
    /// # Errors
    /// Everything that is wrong, with JSON pointers.
    fn check(&self, tenant: &Self::Tenant, message: &Msg) -> Result<(), Vec<Violation>> {
        let _ = (tenant, message);
        Ok(())
    }

    /// Asks the provider what became of an earlier attempt of the same send. Asked only where idempotency is `Queryable`.
    ///
    /// # Errors
    /// Where the question itself failed.
    fn lookup(&self, tenant: &Self::Tenant, message: &Msg, cx: &SendContext) -> impl Future<Output = Result<Lookup, SendError>> + Send {
        let _ = (tenant, message, cx);
        ready(Ok(Lookup::Unsupported))
    }

    /// Capabilities that depend on the tenant's configuration. Default: the descriptor's.
    fn capabilities<'t>(&self, tenant: &'t Self::Tenant) -> Option<&'t Capabilities> {
        let _ = tenant;
        None
    }
}
