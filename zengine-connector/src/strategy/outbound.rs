//! The traits of the outbound half.

use std::future::{Future, ready};

use super::{ConfigureContext, HealthContext, HealthStatus, SendContext};
use crate::{
    error::{Error, SendError, Violation},
    message::{Capabilities, Idempotency, Receipt},
    stage::Scopes,
};

/// Turns a tenant's configuration into the strategy's state for that tenant.
///
/// Write `async fn` in the implementation; the signatures here only add that the futures are `Send`.
///
/// ```
/// use zengine_connector::{Configure, Error, Secret, strategy::ConfigureContext};
///
/// struct Pager;
///
/// impl Configure<Secret<String>> for Pager {
///     type Tenant = Secret<String>;
///
///     async fn configure(&self, api_key: Secret<String>, _: &ConfigureContext) -> Result<Secret<String>, Error> {
///         Ok(api_key)
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(message = "`{Self}` cannot be configured by `{Cfg}`", label = "write `impl Configure<{Cfg}> for {Self}`")]
pub trait Configure<Cfg>: Send + Sync + 'static {
    /// The checked configuration and the state derived from it. Built once per tenant and configuration version.
    type Tenant: Send + Sync + 'static;

    /// Checks the configuration. You must not call the provider here: an unauthenticated request may lead to this call.
    ///
    /// # Errors
    /// `ConfigInvalid` with every violation.
    fn configure(&self, config: Cfg, cx: &ConfigureContext) -> impl Future<Output = Result<Self::Tenant, Error>> + Send;

    /// Asks the provider for the health of the tenant's channel, with a cheap call that sends nothing. Defaults to
    /// [`HealthStatus::Passive`]: health is inferred from sends.
    fn healthcheck(&self, tenant: &Self::Tenant, cx: &HealthContext) -> impl Future<Output = HealthStatus> + Send {
        let _ = (tenant, cx);
        ready(HealthStatus::Passive)
    }
}

/// The result of a look-up.
#[derive(Clone, Debug, PartialEq)]
pub enum Lookup {
    /// The provider has the message.
    Found(Receipt),
    /// The provider does not have the message.
    NotFound,
    /// The provider cannot be queried.
    Unsupported,
}

/// Sends messages of one type.
///
/// ```
/// # use zengine_connector::{Configure, Error, Secret, strategy::ConfigureContext};
/// use zengine_connector::{OutboundMessage, OutboundStrategy, Receipt, SendError, strategy::SendContext};
///
/// # struct Pager;
/// # impl Configure<Secret<String>> for Pager {
/// #     type Tenant = Secret<String>;
/// #     async fn configure(&self, api_key: Secret<String>, _: &ConfigureContext) -> Result<Secret<String>, Error> { Ok(api_key) }
/// # }
/// impl OutboundStrategy<Secret<String>, OutboundMessage> for Pager {
///     async fn send(&self, api_key: &Secret<String>, message: &OutboundMessage, cx: &SendContext) -> Result<Receipt, SendError> {
///         // Make one call here, with `cx.provider_key()` as the idempotency key, and report how it ended.
///         # let _ = (api_key, message, cx);
///         Err(SendError::throttled("too many requests").not_sent())
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot send `{Msg}` configured by `{Cfg}`",
    label = "write `impl OutboundStrategy<{Cfg}, {Msg}> for {Self}`, or drop `outbound` from `#[strategy(..)]`"
)]
pub trait OutboundStrategy<Cfg, Msg>: Configure<Cfg> {
    /// Makes one attempt: no retry, no dedup, no sleep. Logging in again and one repeat of a call that surely was not
    /// processed belong to the attempt.
    ///
    /// # Errors
    /// The party at fault and how far the request got.
    fn send(&self, tenant: &Self::Tenant, message: &Msg, cx: &SendContext) -> impl Future<Output = Result<Receipt, SendError>> + Send;

    /// Checks the limits of the provider that the capabilities cannot express. Called beside
    /// [`Message::validate`](crate::message::Message::validate), before dedup, so that a message that cannot be sent takes no
    /// claim. Pure. Defaults to no further check.
    ///
    /// A violation may be a [warning](crate::error::Level::Warning): it is reported in the receipt, and the message is sent unless another
    /// one is an error. The error has the kind of the first violation that no later retry can mend, else of the first.
    ///
    /// # Errors
    /// All violations, warnings included, with JSON pointers.
    fn check(&self, tenant: &Self::Tenant, message: &Msg) -> Result<(), Vec<Violation>> {
        let _ = (tenant, message);
        Ok(())
    }

    /// Declares the scopes that the message's calls belong to, with their rates (rule 45). Asked before each attempt, look-up and query,
    /// so it should be cheap. Pure. Defaults to none: no rate, and pauses as the answers name them.
    ///
    /// ```
    /// # use zengine_connector::{Configure, Error, OutboundMessage, OutboundStrategy, Receipt, SendError, strategy::{ConfigureContext, SendContext}};
    /// use zengine_connector::strategy::{Rate, Scopes};
    ///
    /// # struct Pager;
    /// # impl Configure<String> for Pager {
    /// #     type Tenant = String;
    /// #     async fn configure(&self, number: String, _: &ConfigureContext) -> Result<String, Error> { Ok(number) }
    /// # }
    /// impl OutboundStrategy<String, OutboundMessage> for Pager {
    ///     fn scopes(&self, number: &String, _: &OutboundMessage, scopes: &mut Scopes) {
    ///         scopes.sender(number, Rate::per_second(80));
    ///     }
    /// #   async fn send(&self, _: &String, _: &OutboundMessage, _: &SendContext) -> Result<Receipt, SendError> { Err(SendError::throttled("too many requests").not_sent()) }
    /// }
    /// ```
    fn scopes(&self, tenant: &Self::Tenant, message: &Msg, scopes: &mut Scopes) {
        let _ = (tenant, message, scopes);
    }

    /// The provider's protection against duplicates of this message for this tenant, if it depends on the tenant's configuration, such as a
    /// queue that may or may not drop duplicates. Pure. Defaults to `None`: the message's own
    /// ([`Message::idempotency`](crate::message::Message::idempotency)), else the descriptor's.
    ///
    /// The answer is stored with the send before its first attempt. If another configuration answers otherwise later, the weaker of the two
    /// counts ([`Idempotency::weaker`]).
    fn idempotency(&self, tenant: &Self::Tenant, message: &Msg) -> Option<Idempotency> {
        let _ = (tenant, message);
        None
    }

    /// Asks the provider for the result of an earlier attempt of the same send. Called only if idempotency is `Queryable`.
    ///
    /// # Errors
    /// If the query itself fails.
    fn lookup(&self, tenant: &Self::Tenant, message: &Msg, cx: &SendContext) -> impl Future<Output = Result<Lookup, SendError>> + Send {
        let _ = (tenant, message, cx);
        ready(Ok(Lookup::Unsupported))
    }

    /// Capabilities that depend on the tenant's configuration. Defaults to `None`: the descriptor's.
    fn capabilities<'t>(&self, tenant: &'t Self::Tenant) -> Option<&'t Capabilities> {
        let _ = tenant;
        None
    }
}
