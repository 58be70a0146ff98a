//! Private object-safe twins of the public traits: `dyn` lives only here. One box per call.
//!
//! A panic of the strategy in a method that returns a `Result` at once is an error of kind `Unexpected`. A future may panic.

use std::{any::Any, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::Value;

use super::{
    ConfigureContext, EventContext, HealthContext, HealthStatus, SendContext,
    inbound::{
        Admit, FinalResponse, Handled, InboundRequest, MediaFile, MediaRequest, RawPayload, RequestHead, RoutedEvent, TenantLookup,
        Verified, VerifyError,
    },
    outbound::Lookup,
};
use crate::{
    error::{Error, SendError, Violation},
    ids::{RouteKey, TenantId},
    keyring::Key,
    message::{
        Capabilities, Class, Degrade, Effect, ElementError, Idempotency, InboundEvent, LossReport, Media, MessageRef, Prepared, Purpose,
        Receipt,
    },
    runtime::BoxFuture,
    stage::Scopes,
    telemetry::RecipientHmac,
};

/// A strategy's state for one tenant.
pub(crate) type ErasedTenant = Arc<dyn Any + Send + Sync>;

/// Configuration and health.
#[async_trait]
pub(crate) trait DynStrategy: Send + Sync {
    /// Configures a tenant. The configuration has its secrets in it.
    async fn configure(&self, config: &Value, cx: &ConfigureContext) -> Result<ErasedTenant, Error>;
    /// Whether a configuration is of the strategy's type.
    fn parses(&self, config: &Value) -> Result<(), Error>;
    async fn healthcheck(&self, tenant: &ErasedTenant, cx: &HealthContext) -> Result<HealthStatus, Error>;
    /// The strategy itself, for `Orchestrator::bound`.
    fn as_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

/// The properties of a message that the pipeline needs before it takes a claim.
pub(crate) struct Inspected {
    /// The strategy's for the tenant, else the message's. `None` means the descriptor's.
    pub(crate) idempotency: Option<Idempotency>,
    pub(crate) degraded: Option<(Prepared<'static>, LossReport)>,
    /// All violations, warnings included.
    pub(crate) violations: Vec<Violation>,
}

/// The outbound half.
#[async_trait]
pub(crate) trait DynOutbound: Send + Sync {
    fn prepare<'m>(&self, message: MessageRef<'m>) -> Result<Prepared<'m>, Error>;

    /// The message as JSON.
    fn to_json(&self, message: &Prepared<'_>) -> Result<Vec<u8>, Error>;

    /// Writes the canonical form by which two messages are the same.
    fn encode(&self, message: &Prepared<'_>, into: &mut dyn std::io::Write) -> Result<(), Error>;

    /// Degrades the message, then validates the result.
    fn inspect(&self, tenant: &ErasedTenant, message: &Prepared<'_>, descriptor: &Capabilities, how: Degrade) -> Result<Inspected, Error>;

    /// The tenant's own capability table. May panic.
    fn capabilities<'t>(&self, tenant: &'t ErasedTenant) -> Option<&'t Capabilities>;

    /// A keyed hash of the recipient, for logs.
    fn recipient(&self, message: &Prepared<'_>, key: &Key, tenant: &TenantId) -> Result<Option<RecipientHmac>, Error>;

    /// The purpose of the message.
    fn purpose(&self, message: &Prepared<'_>) -> Result<Purpose, Error>;

    /// Whether the message is worth a record.
    fn class(&self, message: &Prepared<'_>) -> Result<Class, Error>;

    /// The files that the message sends.
    fn media<'m>(&self, message: &'m Prepared<'_>) -> Result<Vec<&'m Media>, Error>;

    /// The message with other files.
    fn with_media(&self, message: &Prepared<'_>, files: Vec<Media>) -> Result<Prepared<'static>, Error>;

    /// Whether the message changes something at the provider; asked before there is a tenant.
    fn effect(&self, message: &Prepared<'_>) -> Result<Effect, Error>;

    /// Adds the scopes of the message's calls, as the strategy declares them.
    fn scopes(&self, tenant: &ErasedTenant, message: &Prepared<'_>, scopes: &mut Scopes) -> Result<(), Error>;

    /// Adds the scopes that every call has: account, sender, recipient.
    fn complete_scopes(&self, message: &Prepared<'_>, scopes: &mut Scopes) -> Result<(), Error>;

    async fn attempt(&self, tenant: &ErasedTenant, message: &Prepared<'_>, cx: &SendContext) -> Result<Receipt, SendError>;

    async fn lookup(&self, tenant: &ErasedTenant, message: &Prepared<'_>, cx: &SendContext) -> Result<Lookup, SendError>;
}

/// The inbound half.
#[async_trait]
pub(crate) trait DynInbound: Send + Sync {
    async fn verify(&self, request: &InboundRequest, tenants: Arc<dyn TenantLookup>) -> Result<Verified, VerifyError>;
    /// The routes of a configuration, which may have placeholders in place of its secrets.
    fn routes(&self, config: &Value) -> Result<Vec<RouteKey>, Error>;
    fn takes_json(&self) -> bool;
    /// May panic.
    fn normalize(&self, payload: &RawPayload) -> Vec<Result<RoutedEvent, ElementError>>;
    async fn admit(&self, tenant: &ErasedTenant, event: &mut InboundEvent, cx: &EventContext) -> Result<Admit, Error>;
    async fn respond(&self, request: &InboundRequest, handled: &Handled, tenant: Option<&ErasedTenant>) -> http::Response<Bytes>;
    /// `None` if the strategy has none of its own.
    fn finish<'a, 'r: 'a>(
        &'a self,
        request: &'a RequestHead,
        tenants: Arc<dyn TenantLookup>,
        response: &'a mut FinalResponse<'r>,
    ) -> Option<BoxFuture<'a, ()>>;
    async fn media(&self, tenant: &ErasedTenant, request: &MediaRequest, cx: &EventContext) -> Result<MediaFile, SendError>;
}
