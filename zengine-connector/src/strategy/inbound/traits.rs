//! The trait of the inbound half.

use std::future::{Future, ready};

use bytes::Bytes;

use super::{
    FinalResponse, Handled, InboundContext, InboundRequest, MediaFile, MediaRequest, RawPayload, RequestHead, RoutedEvent, Verified,
    VerifyError, final_response::NothingToFinish,
};
use crate::{
    error::{Error, ErrorKind, SendError},
    ids::RouteKey,
    message::{ElementError, InboundEvent},
    strategy::{Configure, EventContext},
};

/// The decision of `admit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Admit {
    /// The handler gets the event.
    Pass,
    /// The event is dropped, with a reason: an echo of the tenant's own message, a notice without meaning.
    Drop(&'static str),
}

/// Receives a provider's requests.
///
/// ```
/// # use zengine_connector::{Configure, Error, Secret, strategy::ConfigureContext};
/// # use zengine_connector::{
/// #     Content, Event, InboundStrategy, ids::RouteKey, message::ElementError, verify::HmacSha256,
/// # };
/// # use zengine_connector::strategy::{
/// #     InboundContext, InboundRequest, RawPayload, RoutedEvent, Verified, VerifyError,
/// # };
/// # struct Pager;
/// # impl Configure<Secret<String>> for Pager {
/// #     type Tenant = Secret<String>;
/// #     async fn configure(&self, key: Secret<String>, _: &ConfigureContext) -> Result<Secret<String>, Error> { Ok(key) }
/// # }
/// impl InboundStrategy<Secret<String>> for Pager {
///     async fn verify(&self, request: &InboundRequest, cx: &InboundContext<Secret<String>>) -> Result<Verified, VerifyError> {
///         let signature = HmacSha256::hex().read(request.header("x-signature"))?;
///         let tenant = cx.find_one(&RouteKey::new("path", request.path())).await?;
///         signature.check(request.body(), &[tenant.to_bytes()])?;
///         Ok(Verified::tenant(&tenant, request.body().clone()))
///     }
///
///     fn takes_json(&self) -> bool {
///         false // the body is a plain text
///     }
///
///     fn normalize(&self, payload: &RawPayload) -> Vec<Result<RoutedEvent, ElementError>> {
///         let text = String::from_utf8_lossy(payload.body());
///         vec![Ok(RoutedEvent::new(Event::message(Content::text(text)), "", payload.body().clone()))]
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot receive, configured by `{Cfg}`",
    label = "write `impl InboundStrategy<{Cfg}> for {Self}`, or drop `inbound` from `#[strategy(..)]`"
)]
pub trait InboundStrategy<Cfg>: Configure<Cfg> {
    /// Authenticates the exact bytes. Reads only: writes no store and calls no provider. Look at the request's credentials before
    /// you ask the context: a request without them should cost no look-up.
    ///
    /// # Errors
    /// The reason the request is refused.
    fn verify(
        &self,
        request: &InboundRequest,
        cx: &InboundContext<Self::Tenant>,
    ) -> impl Future<Output = Result<Verified, VerifyError>> + Send;

    /// The provider's keys of a tenant with this configuration, by which [`verify`](Self::verify) and the events of
    /// [`normalize`](Self::normalize) find it. Defaults to none. [`TenantSetup`](crate::registry::TenantSetup) writes them, so that no
    /// route is forgotten.
    ///
    /// Must be pure and must not use a secret: those of `config` may be stand-ins, and a route that holds one is refused. A key that several
    /// tenants may have is [`RouteKey::shared`]; any other is refused where another tenant has it.
    ///
    /// ```
    /// # use zengine_connector::ids::RouteKey;
    /// # struct Config { site: String }
    /// # struct AcmeChat;
    /// # impl AcmeChat {
    /// fn routes(&self, config: &Config) -> Vec<RouteKey> {
    ///     vec![RouteKey::new("site", &config.site)]
    /// }
    /// # }
    /// ```
    fn routes(&self, config: &Cfg) -> Vec<RouteKey> {
        let _ = config;
        vec![]
    }

    /// Returns `true` if its bodies are JSON. The core then bounds them before [`normalize`](Self::normalize) reads them, and you
    /// must otherwise bound them yourself. Defaults to `true`.
    fn takes_json(&self) -> bool {
        true
    }

    /// Turns authenticated bytes into events, in order. Pure. A bad element must not affect the others, and an element of an
    /// unknown kind becomes an event of type Unknown. You may stop after one element more than
    /// [`max_elements`](RawPayload::max_elements).
    fn normalize(&self, payload: &RawPayload) -> Vec<Result<RoutedEvent, ElementError>>;

    /// Runs once per event that is not a duplicate, after routing and before the handler: session state, echoes, visibility. It
    /// may run again for the same event, so it must be idempotent (rule 84).
    ///
    /// # Errors
    /// After an error the event is released and must be delivered again.
    fn admit(
        &self,
        tenant: &Self::Tenant,
        event: &mut InboundEvent,
        cx: &EventContext,
    ) -> impl Future<Output = Result<Admit, Error>> + Send {
        let _ = (tenant, event, cx);
        ready(Ok(Admit::Pass))
    }

    /// The answer to the request: replies of a synchronous channel, acknowledgements of a special form. Defaults to 200 if
    /// everything is stored or poison, else 503.
    fn respond(
        &self,
        request: &InboundRequest,
        handled: &Handled,
        tenant: Option<&Self::Tenant>,
    ) -> impl Future<Output = http::Response<Bytes>> + Send {
        let _ = (request, tenant);
        ready(handled.acknowledge())
    }

    /// The last look at every HTTP response: also at refusals, answers after a panic, and those of limits and timeouts, for which no other
    /// method ran. For headers that browsers need on each response, and for errors in the channel's form. Defaults to no change.
    ///
    /// No tenant comes with it: most refusals have none that is verified. A fact about the tenant that the request names, such as the
    /// origins of a site, is looked up as in [`verify`](Self::verify), bounded and cached. Add nothing that tells a stranger more than
    /// the request's own route does. The body may never have arrived, so only the head is here. Reads only; ends within 2 seconds, and
    /// where the answer is due earlier ([`Reply::Acknowledge`](crate::strategy::Reply::Acknowledge)) by then or within 250 milliseconds, or the
    /// response leaves as it was, as after a panic.
    fn finish(
        &self,
        request: &RequestHead,
        cx: &InboundContext<Self::Tenant>,
        response: &mut FinalResponse<'_>,
    ) -> impl Future<Output = ()> + Send {
        let _ = (request, cx, response);
        NothingToFinish
    }

    /// A file that an event names by its handle, which may be any text. Read at most [`max_bytes`](MediaRequest::max_bytes). The
    /// core compares size and digest.
    ///
    /// # Errors
    /// `Unsupported` by default.
    fn media(
        &self,
        tenant: &Self::Tenant,
        request: &MediaRequest,
        cx: &EventContext,
    ) -> impl Future<Output = Result<MediaFile, SendError>> + Send {
        let _ = (tenant, request, cx);
        ready(Err(SendError::of(ErrorKind::Unsupported, "this channel has no media to fetch").not_sent()))
    }
}
