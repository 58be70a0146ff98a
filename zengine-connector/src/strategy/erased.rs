//! From a typed strategy to its object-safe twins.

use std::{any::Any, collections::HashSet, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::FutureExt as _;
use serde_json::Value;

use super::{
    Configure, ConfigureContext, EventContext, HealthContext, HealthStatus, OutboundStrategy, SendContext, Strategy,
    declared::Halves,
    guarded::guarded,
    inbound::{
        Admit, FinalResponse, Handled, InboundContext, InboundRequest, InboundStrategy, MediaFile, MediaRequest, RawPayload, RequestHead,
        RoutedEvent, TenantLookup, Verified, VerifyError,
    },
    outbound::Lookup,
    twins::{DynInbound, DynOutbound, DynStrategy, ErasedTenant, Inspected},
};
use crate::{
    error::{Error, ErrorKind, Level, SendError, Violation},
    ids::{RouteKey, TenantId},
    keyring::Key,
    message::{Capabilities, Class, Degrade, Effect, ElementError, InboundEvent, Media, Message, MessageRef, Prepared, Purpose, Receipt},
    runtime::BoxFuture,
    schema::{Checks, parse, schema_of},
    stage::Scopes,
    telemetry::RecipientHmac,
};

impl<S: Strategy> Halves<S> {
    /// Creates a value without halves.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the outbound half.
    #[must_use = "returns the halves with this one"]
    pub fn outbound(mut self) -> Self
    where
        S: OutboundStrategy<S::Config, S::Message>,
    {
        self.outbound = Some(|strategy| Arc::new(OutboundHalf(strategy, Checks::new(schema_of::<S::Message>))));
        self
    }

    /// Adds the inbound half.
    #[must_use = "returns the halves with this one"]
    pub fn inbound(mut self) -> Self
    where
        S: InboundStrategy<S::Config>,
    {
        self.inbound = Some(|strategy| Arc::new(InboundHalf(strategy)));
        self
    }
}

type TenantOf<S> = <S as Configure<<S as Strategy>::Config>>::Tenant;

/// A tenant as the strategy's own type. The registry hands a tenant only to the strategy that made it.
fn tenant_of<S: Strategy>(tenant: &ErasedTenant) -> Result<&TenantOf<S>, Error> {
    tenant.downcast_ref().ok_or_else(|| Error::new(ErrorKind::Unexpected, "a tenant was bound by another strategy"))
}

#[allow(clippy::needless_pass_by_value)] // handed to map_err
fn not_ours(error: Error) -> SendError {
    SendError::of(error.kind(), "a tenant or message belongs to another strategy").not_sent()
}

#[async_trait]
impl<S: Strategy> DynStrategy for S {
    async fn configure(&self, config: &Value, cx: &ConfigureContext) -> Result<ErasedTenant, Error> {
        Ok(Arc::new(Configure::configure(self, parse(config)?, cx).await?) as ErasedTenant)
    }

    fn parses(&self, config: &Value) -> Result<(), Error> {
        guarded("parse", || parse::<S::Config>(config).map(drop))?
    }

    async fn healthcheck(&self, tenant: &ErasedTenant, cx: &HealthContext) -> Result<HealthStatus, Error> {
        Ok(Configure::healthcheck(self, tenant_of::<S>(tenant)?, cx).await)
    }

    fn as_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

/// A strategy's outbound half, erased, with the schema of its messages.
struct OutboundHalf<S>(Arc<S>, Checks);

fn message_of<'a, S: Strategy>(message: &'a Prepared<'_>) -> Result<&'a S::Message, Error> {
    message.get().ok_or_else(|| Error::new(ErrorKind::MessageInvalid, "the strategy takes another type of message"))
}

/// The violations of a message whose tenant is not known; none if it does not parse. What may be sent as text is asked as text.
fn violations<S: Strategy>(json: &str) -> Vec<Violation> {
    let Ok(message) = serde_json::from_str::<S::Message>(json) else { return vec![] };
    let capabilities = S::DESCRIPTOR.capabilities;
    let degraded = message.degrade(capabilities, Degrade::Text);
    degraded.map_or(message, |(degraded, _)| degraded).validate(capabilities).err().unwrap_or_default()
}

/// The findings of the channel's and the strategy's checks. A value that the channel refuses as such, or for its size, is not refused for the same
/// reason once more; one of which it only warns may be refused.
fn with_checked(mut violations: Vec<Violation>, checked: Vec<Violation>) -> Vec<Violation> {
    let said: HashSet<_> = violations.iter().map(|said| (said.pointer.clone(), said.limit, said.level)).collect();
    let is_new = |found: &Violation| {
        let levels = if found.is_error() { &[Level::Error][..] } else { &[Level::Error, Level::Warning] };
        let mut reasons = levels.iter().flat_map(|level| [(None, *level), (found.limit, *level)]);
        reasons.all(|(limit, level)| !said.contains(&(found.pointer.clone(), limit, level)))
    };
    violations.extend(checked.into_iter().filter(is_new));
    violations
}

#[async_trait]
impl<S: Strategy + OutboundStrategy<S::Config, S::Message>> DynOutbound for OutboundHalf<S> {
    fn prepare<'m>(&self, message: MessageRef<'m>) -> Result<Prepared<'m>, Error> {
        guarded("prepare", || {
            let prepared = message.prepare::<S::Message>();
            match message.handed_in() {
                Some(json) => self.1.message(json, prepared, violations::<S>),
                None => prepared,
            }
        })?
    }

    fn to_json(&self, message: &Prepared<'_>) -> Result<Vec<u8>, Error> {
        // As it was stored: a letter that fails again keeps what a newer release wrote.
        if let Some(json) = message.stored() {
            return Ok(json.get().as_bytes().to_vec());
        }
        let message = message_of::<S>(message)?;
        guarded("serialize", || serde_json::to_vec(message))?
            .map_err(|error| Error::from_json(ErrorKind::MessageInvalid, "the message has no JSON form", &error))
    }

    fn encode(&self, message: &Prepared<'_>, into: &mut dyn std::io::Write) -> Result<(), Error> {
        let message = message_of::<S>(message)?;
        guarded("encode", || message.encode(into))?
            .map_err(|error| Error::from_json(ErrorKind::MessageInvalid, "the message has no JSON form", &error))
    }

    fn inspect(&self, tenant: &ErasedTenant, message: &Prepared<'_>, descriptor: &Capabilities, how: Degrade) -> Result<Inspected, Error> {
        let tenant = tenant_of::<S>(tenant)?;
        let capabilities = guarded("capabilities", || self.0.capabilities(tenant))?.unwrap_or(descriptor);
        let message = message_of::<S>(message)?;
        let degraded = guarded("degrade", || message.degrade(capabilities, how))?;
        let sent = degraded.as_ref().map_or(message, |(degraded, _)| degraded);
        let violations = guarded("validate", || sent.validate(capabilities))?.err().unwrap_or_default();
        let violations = with_checked(violations, guarded("check", || self.0.check(tenant, sent))?.err().unwrap_or_default());
        Ok(Inspected {
            idempotency: guarded("idempotency", || self.0.idempotency(tenant, sent).or_else(|| sent.idempotency()))?,
            violations,
            degraded: degraded.map(|(message, report)| (Prepared::Owned(Box::new(message)), report)),
        })
    }

    fn capabilities<'t>(&self, tenant: &'t ErasedTenant) -> Option<&'t Capabilities> {
        self.0.capabilities(tenant_of::<S>(tenant).ok()?)
    }

    fn recipient(&self, message: &Prepared<'_>, key: &Key, tenant: &TenantId) -> Result<Option<RecipientHmac>, Error> {
        let message = message_of::<S>(message)?;
        let recipient = guarded("recipient", || message.recipient())?;
        Ok(recipient.map(|recipient| RecipientHmac::new(key, tenant.as_str(), &recipient)))
    }

    fn media<'m>(&self, message: &'m Prepared<'_>) -> Result<Vec<&'m Media>, Error> {
        let message = message_of::<S>(message)?;
        guarded("media", || message.media())
    }

    fn with_media(&self, message: &Prepared<'_>, files: Vec<Media>) -> Result<Prepared<'static>, Error> {
        let message = message_of::<S>(message)?;
        let with_files = guarded("with_media", || message.with_media(files))?;
        let with_files = with_files.ok_or_else(|| Error::new(ErrorKind::Unsupported, "the message names files, and takes none"))?;
        Ok(Prepared::Owned(Box::new(with_files)))
    }

    fn effect(&self, message: &Prepared<'_>) -> Result<Effect, Error> {
        let message = message_of::<S>(message)?;
        guarded("effect", || message.effect())
    }

    fn purpose(&self, message: &Prepared<'_>) -> Result<Purpose, Error> {
        let message = message_of::<S>(message)?;
        guarded("purpose", || message.purpose())
    }

    fn class(&self, message: &Prepared<'_>) -> Result<Class, Error> {
        let message = message_of::<S>(message)?;
        guarded("class", || message.class())
    }

    fn scopes(&self, tenant: &ErasedTenant, message: &Prepared<'_>, scopes: &mut Scopes) -> Result<(), Error> {
        let (tenant, message) = (tenant_of::<S>(tenant)?, message_of::<S>(message)?);
        guarded("scopes", || self.0.scopes(tenant, message, scopes))
    }

    fn complete_scopes(&self, message: &Prepared<'_>, scopes: &mut Scopes) -> Result<(), Error> {
        let message = message_of::<S>(message)?;
        guarded("recipient", || scopes.complete(message.recipient().as_deref()))
    }

    async fn attempt(&self, tenant: &ErasedTenant, message: &Prepared<'_>, cx: &SendContext) -> Result<Receipt, SendError> {
        self.0.send(tenant_of::<S>(tenant).map_err(not_ours)?, message_of::<S>(message).map_err(not_ours)?, cx).await
    }

    async fn lookup(&self, tenant: &ErasedTenant, message: &Prepared<'_>, cx: &SendContext) -> Result<Lookup, SendError> {
        self.0.lookup(tenant_of::<S>(tenant).map_err(not_ours)?, message_of::<S>(message).map_err(not_ours)?, cx).await
    }
}

/// The size of what a closure returns, without a call of it.
const fn size_of_output<T>(_: &impl FnOnce() -> T) -> usize {
    size_of::<T>()
}

/// A strategy's inbound half, erased.
struct InboundHalf<S>(Arc<S>);

#[async_trait]
impl<S: Strategy + InboundStrategy<S::Config>> DynInbound for InboundHalf<S> {
    async fn verify(&self, request: &InboundRequest, tenants: Arc<dyn TenantLookup>) -> Result<Verified, VerifyError> {
        self.0.verify(request, &InboundContext::new(tenants)).await
    }

    fn routes(&self, config: &Value) -> Result<Vec<RouteKey>, Error> {
        guarded("routes", || Ok(self.0.routes(&parse(config)?)))?
    }

    fn takes_json(&self) -> bool {
        self.0.takes_json()
    }

    fn normalize(&self, payload: &RawPayload) -> Vec<Result<RoutedEvent, ElementError>> {
        self.0.normalize(payload)
    }

    async fn admit(&self, tenant: &ErasedTenant, event: &mut InboundEvent, cx: &EventContext) -> Result<Admit, Error> {
        self.0.admit(tenant_of::<S>(tenant)?, event, cx).await
    }

    async fn respond(&self, request: &InboundRequest, handled: &Handled, tenant: Option<&ErasedTenant>) -> http::Response<Bytes> {
        self.0.respond(request, handled, tenant.and_then(|tenant| tenant_of::<S>(tenant).ok())).await
    }

    fn finish<'a, 'r: 'a>(
        &'a self,
        request: &'a RequestHead,
        tenants: Arc<dyn TenantLookup>,
        response: &'a mut FinalResponse<'r>,
    ) -> Option<BoxFuture<'a, ()>> {
        let cx = InboundContext::new(tenants);
        // The default has no state: no box for it. Only the type is asked: a call may already add to the response.
        if size_of_output(&|| self.0.finish(request, &cx, &mut *response)) == 0 {
            return match self.0.finish(request, &cx, response).now_or_never() {
                Some(()) => None,
                None => Some(Box::pin(std::future::pending())),
            };
        }
        Some(Box::pin(async move { self.0.finish(request, &cx, response).await }))
    }

    async fn media(&self, tenant: &ErasedTenant, request: &MediaRequest, cx: &EventContext) -> Result<MediaFile, SendError> {
        self.0.media(tenant_of::<S>(tenant).map_err(not_ours)?, request, cx).await
    }
}

#[cfg(all(test, feature = "testing", feature = "tokio"))]
mod tests {
    use serde_json::value::RawValue;

    use super::*;
    use crate::{message::Idempotency, testing::Recording};

    #[test]
    fn rule_04_a_strategys_word_about_a_tenant_counts_more_than_the_messages_and_that_more_than_the_descriptors() {
        let recording = Recording::new();
        let outbound = Recording::halves().outbound.map(|half| half(Arc::new(recording.clone()))).expect("it sends");
        let tenant: ErasedTenant = Arc::new(());
        let of = |content: &str| {
            let json = RawValue::from_string(format!(r#"{{"to":"+15551230001","content":{content}}}"#)).expect("JSON");
            let message = outbound.prepare(MessageRef::stored(&json)).expect("it is read");
            let capabilities = <Recording as Strategy>::DESCRIPTOR.capabilities;
            outbound.inspect(&tenant, &message, capabilities, Degrade::Refuse).expect("it fits").idempotency
        };
        let (text, typing) = (r#"{"type":"text","body":"hi"}"#, r#"{"type":"typing"}"#);
        assert_eq!((of(text), of(typing)), (None, Some(Idempotency::Native { window_ms: 86_400_000 })));
        recording.claim_idempotency(Some(Idempotency::None));
        assert_eq!((of(text), of(typing)), (Some(Idempotency::None), Some(Idempotency::None)));
    }

    #[test]
    fn an_error_of_the_check_stands_beside_a_warning_about_the_same_value() {
        let (error, sized) = (Violation::new("/a", "refused"), Violation::new("/a", "too long").with_sizes(4, 5));
        let all = [error.clone(), sized.clone(), error.clone().warning(), sized.clone().warning()];
        let added = |said: &Violation| {
            let found = with_checked(vec![said.clone()], all.to_vec());
            found.into_iter().skip(1).collect::<Vec<_>>()
        };
        let [_, _, warned, sized_warned] = &all;
        assert_eq!(added(&error), []);
        assert_eq!(added(&sized), [error.clone(), warned.clone()]);
        assert_eq!(added(warned), [error.clone(), sized.clone()]);
        assert_eq!(added(sized_warned), [error.clone(), sized.clone(), warned.clone()]);
        let elsewhere = Violation::new("/b", "refused").warning();
        assert_eq!(added(&elsewhere), all);
    }

    #[test]
    fn a_stored_message_is_stored_again_with_what_a_newer_release_wrote() {
        let outbound = Recording::halves().outbound.map(|half| half(Arc::new(Recording::new()))).expect("it sends");
        let newer = r#"{"to":"+15551230001","content":{"type":"text","body":"hi","new":1.0},"new":[2]}"#;
        let json = RawValue::from_string(newer.to_owned()).expect("JSON");
        let message = outbound.prepare(MessageRef::stored(&json)).expect("it is read");
        assert_eq!(outbound.to_json(&message).expect("it is written"), newer.as_bytes());
    }
}
