//! The log line of a received request.

use std::time::Duration;

use super::{Dimensions, Metric, MetricName, Observers, TraceParent, lines::millis};
use crate::ids::{CorrelationId, TenantId};

/// The result of a received request or record: the event `inbound.completed`.
#[derive(Clone, Debug)]
pub(crate) struct InboundLine<'a> {
    /// The registered name of the strategy.
    pub(crate) strategy: &'a str,
    /// The tenant, if one tenant's credentials authenticated the whole request.
    pub(crate) tenant_id: Option<&'a TenantId>,
    /// `done`, `redeliver` or `refused`.
    pub(crate) outcome: &'static str,
    /// The reason for a refusal.
    pub(crate) reason: Option<&'a str>,
    /// HTTP status of the response.
    pub(crate) http_status: u16,
    /// Number of events stored, by this or an earlier delivery.
    pub(crate) accepted: u32,
    /// Number of events and elements that can never be handled, stored as dead letters.
    pub(crate) poisoned: u32,
    /// Number of events that must be delivered again.
    pub(crate) unstored: u32,
    /// Size of the body in bytes.
    pub(crate) body_bytes: usize,
    /// Correlation id of the request.
    pub(crate) correlation_id: Option<&'a CorrelationId>,
    /// The sender's trace parent.
    pub(crate) trace: Option<TraceParent>,
    /// Time from arrival to response.
    pub(crate) duration: Duration,
}

impl<'a> InboundLine<'a> {
    /// A line for a request without events. Set the other fields.
    pub(crate) fn new(strategy: &'a str, outcome: &'static str, http_status: u16) -> Self {
        Self {
            strategy,
            tenant_id: None,
            outcome,
            reason: None,
            http_status,
            accepted: 0,
            poisoned: 0,
            unstored: 0,
            body_bytes: 0,
            correlation_id: None,
            trace: None,
            duration: Duration::ZERO,
        }
    }

    /// Logs the line. Almost free without a subscriber.
    pub(crate) fn emit(&self) {
        tracing::info!(
            strategy = self.strategy,
            tenant_id = self.tenant_id.map(TenantId::as_str),
            outcome = self.outcome,
            reason = self.reason,
            http_status = self.http_status,
            accepted = self.accepted,
            poisoned = self.poisoned,
            unstored = self.unstored,
            body_bytes = self.body_bytes,
            correlation_id = self.correlation_id.map(CorrelationId::as_str),
            trace = self.trace.map(tracing::field::display),
            duration_ms = millis(self.duration),
            "inbound.completed"
        );
    }

    /// Passes the request's metrics to the observers.
    pub(crate) fn observe(&self, observers: &Observers) {
        if observers.is_empty() {
            return;
        }
        let dimensions = Dimensions { tenant: self.tenant_id, strategy: Some(self.strategy), outcome: Some(self.outcome), fault: None };
        let count = |name, n: u32| observers.record(&Metric { name, value: f64::from(n), dimensions });
        count(MetricName::InboundRequests, 1);
        for (name, n) in [
            (MetricName::InboundEvents, self.accepted),
            (MetricName::InboundPoisoned, self.poisoned),
            (MetricName::InboundUnstored, self.unstored),
        ] {
            if n > 0 {
                count(name, n);
            }
        }
    }
}
