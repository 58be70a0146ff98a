//! What would become of a request, without anything becoming of it.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;

use super::{
    guard::catch_panic_in,
    plan::{Planner, unreadable},
    request::InboundCall,
};
use crate::{
    error::{Error, ErrorKind},
    ids::TenantId,
    message::{ElementError, InboundEvent},
    orchestrator::Orchestrator,
    registry::RegisteredStrategy,
    runtime::to_ms,
    strategy::{DynInbound, InboundRequest, Principal, RawPayload, Step, Verified, VerifyError},
};

/// What a request holds.
#[derive(Debug)]
#[non_exhaustive]
pub enum Preview {
    /// It is refused.
    Refused(VerifyError),
    /// It holds no events: this is the answer, as to a handshake.
    Reply(Response<Bytes>),
    /// Its events and what could not be read of it, in the order of the payload. An event that belongs to no tenant, or to
    /// another one than vouches for it, is among the errors.
    Events(Vec<Result<InboundEvent, ElementError>>),
    /// It asks for replies that were not ready in time.
    Poll,
}

impl Orchestrator {
    /// Verifies a request and shows its events, for tools that look at what a provider delivers. No handler is called and
    /// no store is written: nothing is deduplicated, admitted or settled.
    ///
    /// An event that no route leads to a tenant is shown as `unrouted`'s, where one is given.
    ///
    /// # Errors
    /// `UnknownStrategy` where nothing is registered under the name, `Unsupported` where the strategy only sends.
    pub async fn preview(&self, strategy: &str, request: &InboundRequest, unrouted: Option<&TenantId>) -> Result<Preview, Error> {
        let (entry, inbound) = self.receives(strategy)?;
        let call = InboundCall::new(self, entry, inbound, request);
        if request.body().len() > self.inbound.settings.max_body_bytes {
            return Ok(Preview::Refused(VerifyError::TooLarge));
        }
        Ok(match call.verify().await {
            Err(refused) => Preview::Refused(refused.unwrap_or_else(|| {
                VerifyError::Unavailable(Error::new(ErrorKind::Unexpected, "the strategy panicked while it verified the request"))
            })),
            Ok(Verified { step: Step::Reply(response), .. }) => Preview::Reply(response),
            Ok(Verified { step: Step::Poll { .. }, .. }) => Preview::Poll,
            Ok(Verified { principal, step: Step::Events(payload) }) => {
                Preview::Events(self.shown(entry, inbound, &principal, &payload, unrouted).await)
            }
        })
    }

    /// The same for a payload that nobody vouches for: routes say whose its events are, and `unrouted` has the rest.
    ///
    /// # Errors
    /// `UnknownStrategy` where nothing is registered under the name, `Unsupported` where the strategy only sends.
    pub async fn preview_unverified(
        &self,
        strategy: &str,
        payload: &RawPayload,
        unrouted: &TenantId,
    ) -> Result<Vec<Result<InboundEvent, ElementError>>, Error> {
        let (entry, inbound) = self.receives(strategy)?;
        Ok(self.shown(entry, inbound, &Principal::Shared, payload, Some(unrouted)).await)
    }

    /// A strategy that receives.
    pub(super) fn receives(&self, strategy: &str) -> Result<(&Arc<RegisteredStrategy>, &Arc<dyn DynInbound>), Error> {
        let entry = self.engine.registry.entry(strategy)?;
        let only_sends = || Error::new(ErrorKind::Unsupported, "the strategy only sends").with_context("strategy", &entry.name);
        Ok((entry, entry.inbound.as_ref().ok_or_else(only_sends)?))
    }

    async fn shown(
        &self,
        entry: &Arc<RegisteredStrategy>,
        inbound: &Arc<dyn DynInbound>,
        principal: &Principal,
        payload: &RawPayload,
        unrouted: Option<&TenantId>,
    ) -> Vec<Result<InboundEvent, ElementError>> {
        let elements = catch_panic_in(|| inbound.normalize(payload)).unwrap_or_else(|| unreadable(payload.body()));
        let received = to_ms(self.engine.clock.now());
        Planner::new(&self.engine, entry, principal, received).preview(elements, unrouted).await
    }
}
