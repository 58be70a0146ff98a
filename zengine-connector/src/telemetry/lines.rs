//! The log lines of sends and attempts.

use std::time::Duration;

use super::{Dimensions, Metric, MetricName, Observers, RecipientHmac, TraceParent};
use crate::{
    error::{ErrorKind, Fault, Reach},
    ids::{ClientMessageId, CorrelationId, FailureId, TenantId},
};

/// The result of a send: the event `send.completed`.
///
/// Replays, rejections and panics have one too. A field without a value has no key.
#[derive(Clone, Debug)]
pub(crate) struct SendLine<'a> {
    /// The tenant.
    pub(crate) tenant_id: &'a TenantId,
    /// The registered name of the strategy, or the unknown name that the caller gave.
    pub(crate) strategy: &'a str,
    /// The caller's id of the message.
    pub(crate) client_message_id: &'a ClientMessageId,
    /// `delivered`, `failed`, `unknown`, `deferred`, or `error`.
    pub(crate) outcome: &'static str,
    /// The reason for a deferral, in snake case.
    pub(crate) reason: Option<&'a str>,
    /// Kind of the last error.
    pub(crate) kind: Option<ErrorKind>,
    /// The provider's own code of the last error.
    pub(crate) code: Option<&'a str>,
    /// Reach of the last failed attempt.
    pub(crate) reach: Option<Reach>,
    /// Number of provider calls.
    pub(crate) attempts: u32,
    /// Whether the outcome is that of an earlier send, and this one sent nothing.
    pub(crate) replayed: bool,
    /// Whether a delivered send's record is stored (rule 26).
    pub(crate) dedup_recorded: bool,
    /// Time spent waiting for another process's claim.
    pub(crate) waited: Duration,
    /// The owner token of the claim.
    pub(crate) lease_owner: Option<&'a str>,
    /// The breaker's state when the last attempt requested its permit.
    pub(crate) breaker_state: Option<&'a str>,
    /// The epoch of that state.
    pub(crate) breaker_epoch: Option<u64>,
    /// Id of the dead letter, if there is one.
    pub(crate) failure_id: Option<&'a FailureId>,
    /// The recipient, as a keyed hash.
    pub(crate) recipient_hmac: Option<RecipientHmac>,
    /// Correlation id of the request.
    pub(crate) correlation_id: Option<&'a CorrelationId>,
    /// The caller's trace parent.
    pub(crate) trace: Option<TraceParent>,
    /// Time from the call to its end.
    pub(crate) duration: Duration,
}

/// The result of one provider call: the event `send.attempt`.
#[derive(Clone, Debug)]
pub(crate) struct AttemptLine<'a> {
    /// The tenant.
    pub(crate) tenant_id: &'a TenantId,
    /// The registered name of the strategy.
    pub(crate) strategy: &'a str,
    /// The caller's id of the message.
    pub(crate) client_message_id: &'a ClientMessageId,
    /// `accepted`, or the kind of the error.
    pub(crate) outcome: &'static str,
    /// The party at fault.
    pub(crate) fault: Option<Fault>,
    /// Reach of the request, if it failed.
    pub(crate) reach: Option<Reach>,
    /// The provider's own code.
    pub(crate) code: Option<&'a str>,
    /// Number of the attempt in the send, from 1.
    pub(crate) attempt: u32,
    /// The wait before the attempt.
    pub(crate) delay: Duration,
    /// The breaker's state when the attempt requested its permit.
    pub(crate) breaker_state: Option<&'a str>,
    /// The epoch of that state.
    pub(crate) breaker_epoch: Option<u64>,
    /// Correlation id of the request.
    pub(crate) correlation_id: Option<&'a CorrelationId>,
    /// The caller's trace parent.
    pub(crate) trace: Option<TraceParent>,
    /// Time from the start of the call to its end.
    pub(crate) duration: Duration,
}

/// Whether a subscriber may take lines of level INFO.
pub(crate) fn info_enabled() -> bool {
    tracing::enabled!(tracing::Level::INFO)
}

/// Whether a subscriber may take a line of any level.
pub(crate) fn any_level_enabled() -> bool {
    tracing::level_filters::LevelFilter::current() != tracing::level_filters::LevelFilter::OFF
}

/// A whole number of milliseconds.
pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl<'a> SendLine<'a> {
    /// A line for a send without a provider call. Set the other fields.
    pub(crate) fn new(tenant_id: &'a TenantId, strategy: &'a str, client_message_id: &'a ClientMessageId, outcome: &'static str) -> Self {
        Self {
            tenant_id,
            strategy,
            client_message_id,
            outcome,
            reason: None,
            kind: None,
            code: None,
            reach: None,
            attempts: 0,
            replayed: false,
            dedup_recorded: true,
            waited: Duration::ZERO,
            lease_owner: None,
            breaker_state: None,
            breaker_epoch: None,
            failure_id: None,
            recipient_hmac: None,
            correlation_id: None,
            trace: None,
            duration: Duration::ZERO,
        }
    }

    /// Logs the line: as WARN if the outcome is unknown or a delivered send is not recorded, as ERROR if the dead letter could
    /// not be stored, else as INFO. Almost free without a subscriber.
    pub(crate) fn emit(&self) {
        macro_rules! event {
            ($level:ident) => {
                tracing::event!(
                    tracing::Level::$level,
                    tenant_id = self.tenant_id.as_str(),
                    strategy = self.strategy,
                    client_message_id = self.client_message_id.as_str(),
                    outcome = self.outcome,
                    reason = self.reason,
                    kind = self.kind.map(ErrorKind::as_str),
                    fault = self.fault().map(Fault::as_str),
                    reach = self.reach.map(Reach::as_str),
                    code = self.code,
                    attempts = self.attempts,
                    replayed = self.replayed,
                    dedup_recorded = self.dedup_recorded,
                    waited_ms = millis(self.waited),
                    lease_owner = self.lease_owner,
                    breaker_state = self.breaker_state,
                    breaker_epoch = self.breaker_epoch,
                    failure_id = self.failure_id.map(FailureId::as_str),
                    recipient_hmac = self.recipient_hmac.as_ref().map(RecipientHmac::as_str),
                    correlation_id = self.correlation_id.map(CorrelationId::as_str),
                    trace = self.trace.map(tracing::field::display),
                    duration_ms = millis(self.duration),
                    "send.completed"
                )
            };
        }
        if self.kind == Some(ErrorKind::DeadLetterFailed) {
            event!(ERROR);
        } else if self.outcome == "unknown" || !self.dedup_recorded {
            event!(WARN);
        } else {
            event!(INFO);
        }
    }

    /// Passes the send's metrics to the observers (rule 82). A replay counts as a send and as nothing else.
    pub(crate) fn observe(&self, observers: &Observers) {
        if observers.is_empty() {
            return;
        }
        let dimensions =
            Dimensions { tenant: Some(self.tenant_id), strategy: Some(self.strategy), outcome: Some(self.outcome), fault: self.fault() };
        let count = |name, n: u32| observers.record(&Metric { name, value: f64::from(n), dimensions });
        count(MetricName::Sends, 1);
        if self.replayed {
            return;
        }
        #[allow(clippy::cast_precision_loss)] // exact up to 2^53 milliseconds
        observers.record(&Metric { name: MetricName::Duration, value: millis(self.duration) as f64, dimensions });
        if self.attempts > 0 {
            count(MetricName::Attempts, self.attempts);
        }
        match (self.outcome, self.attempts) {
            ("delivered", 0 | 1) => count(MetricName::FirstTrySuccess, 1),
            ("delivered", _) => count(MetricName::RetriedSuccess, 1),
            ("deferred", _) => count(MetricName::Deferred, 1),
            ("unknown", _) => count(MetricName::Unknown, 1),
            _ => {}
        }
        if self.failure_id.is_some() {
            count(MetricName::DeadLetters, 1);
        }
        if self.kind == Some(ErrorKind::DeadLetterFailed) {
            count(MetricName::DeadLettersFailed, 1);
        }
        if !self.dedup_recorded {
            count(MetricName::DedupNotRecorded, 1);
        }
    }

    /// The party at fault for the last error.
    fn fault(&self) -> Option<Fault> {
        self.kind.map(ErrorKind::fault)
    }
}

impl<'a> AttemptLine<'a> {
    /// A line for an accepted attempt. Set the other fields.
    pub(crate) fn new(tenant_id: &'a TenantId, strategy: &'a str, client_message_id: &'a ClientMessageId, attempt: u32) -> Self {
        Self {
            tenant_id,
            strategy,
            client_message_id,
            outcome: "accepted",
            fault: None,
            reach: None,
            code: None,
            attempt,
            delay: Duration::ZERO,
            breaker_state: None,
            breaker_epoch: None,
            correlation_id: None,
            trace: None,
            duration: Duration::ZERO,
        }
    }

    /// Logs the line. Almost free without a subscriber.
    pub(crate) fn emit(&self) {
        tracing::info!(
            tenant_id = self.tenant_id.as_str(),
            strategy = self.strategy,
            client_message_id = self.client_message_id.as_str(),
            outcome = self.outcome,
            fault = self.fault.map(Fault::as_str),
            reach = self.reach.map(Reach::as_str),
            code = self.code,
            attempt = self.attempt,
            delay_ms = millis(self.delay),
            breaker_state = self.breaker_state,
            breaker_epoch = self.breaker_epoch,
            correlation_id = self.correlation_id.map(CorrelationId::as_str),
            trace = self.trace.map(tracing::field::display),
            duration_ms = millis(self.duration),
            "send.attempt"
        );
    }
}
