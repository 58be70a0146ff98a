//! The outcome as one JSON line: a public format, so members are only added.

use serde::Serialize;
use zengine_connector::{
    ClientMessageId, Error, FailureId, Outcome, ProviderMessageId, Reach, Receipt, TenantId,
    error::{ErrorKind, Fault},
    message::LossReport,
    store::{Attempts, DeadLetterPort},
};

#[derive(Serialize)]
pub(in crate::cli) struct Report<'a> {
    /// `delivered`, `failed`, `unknown` or `deferred`.
    outcome: &'static str,
    strategy: &'a str,
    tenant: &'a TenantId,
    client_message_id: &'a ClientMessageId,
    /// Whether this is the outcome of an earlier send under this id; nothing was sent now.
    replayed: bool,
    /// Calls made to the provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<u32>,
    /// The provider's ids of the message.
    provider_ids: &'a [ProviderMessageId],
    /// The provider's receipt, with the strategy's own `data`.
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<&'a Receipt>,
    /// If false, sending the same id again may duplicate the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    dedup_recorded: Option<bool>,
    /// Content lost by degrading.
    #[serde(skip_serializing_if = "Option::is_none")]
    loss: Option<&'a LossReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorLine<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_id: Option<&'a FailureId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dead_letter: Option<Letter>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// Time until a retry, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
}

/// An error. Never contains a secret, a recipient or a body.
#[derive(Serialize)]
struct ErrorLine<'a> {
    kind: ErrorKind,
    fault: Fault,
    /// How far the message got, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    reach: Option<Reach>,
    /// The provider's own code.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    violations: Vec<ViolationLine<'a>>,
}

#[derive(Serialize)]
struct ViolationLine<'a> {
    pointer: &'a str,
    message: &'a str,
}

/// The dead letter of a failed send; with a store it can be redriven.
#[derive(Serialize)]
struct Letter {
    redrivable: bool,
    attempts: Attempts,
}

impl<'a> ErrorLine<'a> {
    fn of(error: &'a Error, reach: Option<Reach>) -> Self {
        let violations = error.violations().iter();
        Self {
            kind: error.kind(),
            fault: error.fault(),
            reach,
            code: error.provider_code(),
            message: error.message(),
            http_status: error.context("http_status").and_then(|status| status.parse().ok()),
            provider_request_id: error.context("provider_request_id"),
            retry_after_ms: error.retry_after().map(ms),
            violations: violations.map(|found| ViolationLine { pointer: &found.pointer, message: &found.message }).collect(),
        }
    }
}

impl<'a> Report<'a> {
    /// The report of an outcome, with data of its dead letter.
    pub(in crate::cli) async fn of(
        strategy: &'a str,
        tenant: &'a TenantId,
        id: &'a ClientMessageId,
        outcome: &'a Outcome,
        letters: &DeadLetterPort,
    ) -> Self {
        let mut report = Self {
            outcome: outcome.as_str(),
            strategy,
            tenant,
            client_message_id: id,
            replayed: outcome.is_replayed(),
            attempts: None,
            provider_ids: &[],
            receipt: None,
            dedup_recorded: None,
            loss: None,
            error: None,
            failure_id: None,
            dead_letter: None,
            reason: None,
            retry_after_ms: None,
        };
        match outcome {
            Outcome::Delivered(end) => {
                report.attempts = Some(end.attempts);
                report.provider_ids = &end.receipt.provider_ids;
                report.receipt = Some(&end.receipt);
                report.dedup_recorded = Some(end.dedup_recorded);
                report.loss = end.loss.as_ref();
            }
            Outcome::Failed(end) => report.ended(&end.error, &end.failure_id, end.attempts, letters).await,
            Outcome::Unknown(end) => report.ended(&end.error, &end.failure_id, end.attempts, letters).await,
            Outcome::Deferred(end) => {
                report.reason = Some(end.reason.as_str());
                report.retry_after_ms = Some(ms(end.retry_after));
                report.error = end.error.as_ref().map(|error| ErrorLine::of(error, None));
            }
        }
        report
    }

    async fn ended(&mut self, error: &'a Error, failure_id: &'a FailureId, attempts: u32, letters: &DeadLetterPort) {
        // If the store does not answer, the report omits the letter; the outcome stands.
        let letter = match letters.store() {
            Ok(store) => store.get(failure_id).await.ok().flatten(),
            Err(_) => None,
        };
        let reach = letter.as_ref().and_then(|letter| letter.last_error.as_ref()).map(|error| error.reach);
        self.attempts = Some(attempts);
        self.error = Some(ErrorLine::of(error, reach));
        self.failure_id = Some(failure_id);
        self.dead_letter = letter.map(|letter| Letter { redrivable: letter.redrivable, attempts: letter.attempts });
    }
}

fn ms(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
