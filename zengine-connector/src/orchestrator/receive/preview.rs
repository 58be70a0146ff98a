//! Previews of requests, without effects.

use bytes::Bytes;
use http::Response;

use super::{
    lookup::EngineLookup,
    poison::Unrouted,
    route::{Routed, Router, Stamped},
};
use crate::{
    error::{Error, ErrorKind},
    ids::{IntoId, StrategyName, TenantId},
    message::{ElementError, InboundEvent},
    orchestrator::{InboundSettings, Orchestrator},
    runtime::to_ms,
    strategy::{DynInbound, InboundRequest, RawPayload, Step, Verified, VerifyError},
};

/// The content of a request.
#[derive(Debug)]
#[non_exhaustive]
pub enum Preview {
    /// The request is refused.
    Refused(VerifyError),
    /// The request holds no events and has this answer, for example to a handshake.
    Reply(Response<Bytes>),
    /// The events and the unreadable elements, in the order of the payload. An event without a tenant, or of a tenant that did
    /// not authenticate the request, is an error.
    Events(Vec<Result<InboundEvent, ElementError>>),
    /// The request polls for replies.
    Poll,
}

impl Orchestrator {
    /// Verifies a request and returns its events, for tools that inspect what a provider delivers. Calls no handler and
    /// writes no store: nothing is deduplicated, admitted or settled.
    ///
    /// Events that no route leads to a tenant are assigned to `unrouted`, if given.
    ///
    /// # Errors
    /// `UnknownStrategy` if the name is not registered, `Unsupported` if the strategy only sends.
    pub async fn preview(
        &self,
        strategy: impl IntoId<StrategyName>,
        request: &InboundRequest,
        unrouted: Option<&TenantId>,
    ) -> Result<Preview, Error> {
        let (entry, inbound) = self.receives(strategy.as_ref())?;
        if request.body().len() > self.inbound.settings.max_body_bytes {
            return Ok(Preview::Refused(VerifyError::TooLarge));
        }
        Ok(
            match self.verify(entry, &**inbound, request, EngineLookup::of(&self.engine, entry), self.inbound.settings.verify_timeout).await
            {
                Err(refused) => Preview::Refused(refused.unwrap_or_else(|| {
                    VerifyError::Unavailable(Error::new(ErrorKind::Unexpected, "the strategy panicked while it verified the request"))
                })),
                Ok(Verified { step: Step::Reply(response), .. }) => Preview::Reply(response),
                Ok(Verified { step: Step::Poll { .. }, .. }) => Preview::Poll,
                Ok(Verified { principal, step: Step::Events(payload) }) => {
                    let router = Router::new(&self.engine, entry, &principal, to_ms(self.engine.clock.now()));
                    Preview::Events(shown(router, &self.inbound.settings, &**inbound, &payload, unrouted).await)
                }
            },
        )
    }

    /// The same for an unauthenticated payload: routes determine the tenants, and the other events belong to `unrouted`.
    ///
    /// # Errors
    /// `UnknownStrategy` if the name is not registered, `Unsupported` if the strategy only sends.
    pub async fn preview_unverified(
        &self,
        strategy: impl IntoId<StrategyName>,
        payload: &RawPayload,
        unrouted: &TenantId,
    ) -> Result<Vec<Result<InboundEvent, ElementError>>, Error> {
        let (entry, inbound) = self.receives(strategy.as_ref())?;
        let router = Router::unverified(&self.engine, entry, to_ms(self.engine.clock.now()));
        Ok(shown(router, &self.inbound.settings, &**inbound, payload, Some(unrouted)).await)
    }
}

async fn shown(
    mut router: Router<'_>,
    settings: &InboundSettings,
    inbound: &dyn DynInbound,
    payload: &RawPayload,
    unrouted: Option<&TenantId>,
) -> Vec<Result<InboundEvent, ElementError>> {
    let elements = router.read(settings, inbound, payload).await;
    let (mut shown, mut named) = (Vec::with_capacity(elements.len()), true);
    for element in elements {
        let mut event = match element {
            Routed::Event(stamped) => Ok(stamped),
            Routed::Unrouted(event, Unrouted::Unroutable) if let Some(tenant) = unrouted => Ok(router.stamp(tenant.clone(), *event)),
            Routed::Unrouted(event, why) => Err(ElementError::new("", why.facts().2, event.raw)),
            Routed::Unreadable(error) => Err(error),
        };
        // A store that does not answer leaves the names away; the events are shown all the same.
        if let (true, Ok(Stamped { event, reference, .. })) = (named, &mut event) {
            named = router.engine.name_send(event, reference.as_ref()).await.is_ok();
        }
        shown.push(event.map(|stamped| *stamped.event));
    }
    shown
}
