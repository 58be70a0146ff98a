//! Private object-safe twins of the public traits: `dyn` lives only here. One box per call.
//!
//! A panic of the strategy in a method that returns a `Result` at once is an error of kind `Unexpected`. A future may panic.

use std::{any::Any, sync::Arc};

use bytes::Bytes;
use serde_json::Value;

use super::{
    ConfigureContext, EventContext, HealthContext, HealthStatus, SendContext,
    inbound::{Admit, Handled, InboundRequest, RawPayload, RoutedEvent, TenantLookup, Verified, VerifyError},
    outbound::Lookup,
};
use crate::{
    error::{Error, SendError, Violation},
    ids::TenantId,
    keyring::Key,
    message::{Capabilities, Degrade, Effect, ElementError, Idempotency, InboundEvent, LossReport, MessageRef, Prepared, Receipt},
    runtime::BoxFuture,
    telemetry::RecipientHmac,
};

/// A strategy's state for one tenant.
pub(crate) type ErasedTenant = Arc<dyn Any + Send + Sync>;

/// Configuration and health.
pub(crate) trait DynStrategy: Send + Sync {
    /// Configures a tenant. The configuration has its secrets in it.
    fn configure<'a>(&'a self, config: &'a Value, cx: &'a ConfigureContext) -> BoxFuture<'a, Result<ErasedTenant, Error>>;
    /// Whether a configuration is of the strategy's type.
    fn parses(&self, config: &Value) -> Result<(), Error>;
    fn healthcheck<'a>(&'a self, tenant: &'a ErasedTenant, cx: &'a HealthContext) -> BoxFuture<'a, Result<HealthStatus, Error>>;
    /// The strategy itself, for `Orchestrator::bound`.
    fn as_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

/// The properties of a message that the pipeline needs before it takes a claim.
pub(crate) struct Inspected {
    pub(crate) idempotency: Option<Idempotency>,
    pub(crate) degraded: Option<(Prepared<'static>, LossReport)>,
    pub(crate) violations: Vec<Violation>,
}

/// The outbound half.
pub(crate) trait DynOutbound: Send + Sync {
    fn prepare<'m>(&self, message: MessageRef<'m>) -> Result<Prepared<'m>, Error>;

    /// The message as JSON.
    fn to_json(&self, message: &Prepared<'_>) -> Result<Vec<u8>, Error>;

    /// Writes the canonical form by which two messages are the same.
    fn encode(&self, message: &Prepared<'_>, into: &mut dyn std::io::Write) -> Result<(), Error>;

    /// Degrades the message, then validates the result.
    fn inspect(&self, tenant: &ErasedTenant, message: &Prepared<'_>, descriptor: &Capabilities, how: Degrade) -> Result<Inspected, Error>;

    /// A keyed hash of the recipient, for logs.
    fn recipient(&self, message: &Prepared<'_>, key: &Key, tenant: &TenantId) -> Result<Option<RecipientHmac>, Error>;

    /// Whether the message changes something at the provider; asked before there is a tenant.
    fn effect(&self, message: &Prepared<'_>) -> Result<Effect, Error>;

    fn attempt<'a>(
        &'a self,
        tenant: &'a ErasedTenant,
        message: &'a Prepared<'_>,
        cx: &'a SendContext,
    ) -> BoxFuture<'a, Result<Receipt, SendError>>;

    fn lookup<'a>(
        &'a self,
        tenant: &'a ErasedTenant,
        message: &'a Prepared<'_>,
        cx: &'a SendContext,
    ) -> BoxFuture<'a, Result<Lookup, SendError>>;
}

/// The inbound half.
pub(crate) trait DynInbound: Send + Sync {
    fn verify<'a>(&'a self, request: &'a InboundRequest, tenants: Arc<dyn TenantLookup>) -> BoxFuture<'a, Result<Verified, VerifyError>>;
    /// May panic.
    fn normalize(&self, payload: &RawPayload) -> Vec<Result<RoutedEvent, ElementError>>;
    fn admit<'a>(
        &'a self,
        tenant: &'a ErasedTenant,
        event: &'a mut InboundEvent,
        cx: &'a EventContext,
    ) -> BoxFuture<'a, Result<Admit, Error>>;
    fn respond<'a>(
        &'a self,
        request: &'a InboundRequest,
        handled: &'a Handled,
        tenant: Option<&'a ErasedTenant>,
    ) -> BoxFuture<'a, http::Response<Bytes>>;
    fn media<'a>(&'a self, tenant: &'a ErasedTenant, handle: &'a str, cx: &'a EventContext) -> BoxFuture<'a, Result<Bytes, SendError>>;
}
