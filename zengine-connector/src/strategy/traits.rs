//! The traits of the outbound half.

use std::future::{Future, ready};

use serde::de::DeserializeOwned;

use super::{ConfigureContext, Descriptor, Halves, HealthContext, HealthStatus, Lookup, Receipt, SendContext};
use crate::{
    error::{Error, SendError, Violation},
    message::{Capabilities, Message},
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

/// What a strategy is. Written by `#[derive(Strategy)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a strategy",
    label = "not a strategy",
    note = "add `#[derive(Strategy)]` and `#[strategy(name = \"..\", channel = .., config = .., outbound = ..)]`"
)]
pub trait Strategy: Configure<Self::Config> + Sized {
    /// A tenant's configuration.
    type Config: DeserializeOwned + Send + 'static;
    /// What it sends; [`Never`](crate::Never) where it only receives.
    type Message: Message;
    /// What it says of itself.
    const DESCRIPTOR: &'static Descriptor;

    /// Which halves it has.
    #[doc(hidden)]
    fn halves() -> Halves<Self>;
}
