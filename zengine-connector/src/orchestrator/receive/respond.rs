//! The strategy's response.

use std::{sync::Arc, time::Duration};

use super::{
    answer::{Ack, Received},
    due::{COLLECT, Due, RESPOND_TIMEOUT},
    request::InboundCall,
    synchronous::before,
};
use crate::{
    runtime::{Missed, guard},
    strategy::{Handled, Origin, Reply},
};

impl InboundCall<'_> {
    /// The times of a request on a channel that acknowledges.
    pub(super) fn due(&self) -> Option<Due> {
        let Reply::Acknowledge { within_ms } = self.entry.descriptor.reply else { return None };
        let is_http = matches!(self.request.origin(), Origin::Http { .. });
        let of_http = match self.request.origin() {
            Origin::Http { .. } => [within_ms.map(Duration::from_millis), self.orchestrator.inbound.settings.acknowledge_within],
            Origin::Trusted { .. } => [None, None],
        };
        let within = of_http.into_iter().chain([self.request.answer_within()]).flatten().min()?;
        Some(Due::within(self.report.arrived(), within, is_http))
    }

    /// The strategy's response. Replaced by the default one if the strategy panics, or if it reports success although an event
    /// must be delivered again.
    pub(super) async fn respond(&self, handled: Handled, until: Option<Duration>) -> Received {
        let until = until.unwrap_or_else(|| self.engine().clock.monotonic() + RESPOND_TIMEOUT);
        let tenant = match handled.principal.tenant() {
            Some(tenant) => before(&*self.engine().clock, Some(until), self.engine().tenants.bind(self.entry, tenant)).await,
            None => None,
        };
        let tenant = tenant.and_then(Result::ok).map(|bound| Arc::clone(&bound.state));
        let respond = self.inbound.respond(self.request, &handled, tenant.as_ref());
        let left = until.saturating_sub(self.engine().clock.monotonic());
        // An answer that is due at a time waits no longer.
        let time = if self.due().is_some() { left } else { left.max(COLLECT) }.min(RESPOND_TIMEOUT);
        let response = match guard(&*self.engine().clock, time, respond).await {
            Ok(response) if handled.may_succeed() || !response.status().is_success() => response,
            failed => {
                match failed {
                    Ok(_) => tracing::error!(strategy = %self.entry.name, unstored = handled.unstored, "inbound.premature_acknowledgement"),
                    Err(Missed::Panicked) => tracing::error!(strategy = %self.entry.name, "inbound.respond_panicked"),
                    Err(Missed::TimedOut) => tracing::error!(strategy = %self.entry.name, "inbound.respond_timed_out"),
                }
                handled.acknowledge()
            }
        };
        let ack = match () {
            () if handled.unstored > 0 => Ack::Redeliver,
            () if !handled.may_succeed() => Ack::Refused,
            () => Ack::Done,
        };
        let Handled { principal, accepted, poisoned, unstored, .. } = handled;
        Received { accepted, poisoned, unstored, ..Received::new(ack, response) }.of(&principal)
    }
}
