//! The provider's answer to a call: a receipt, what was read or changed, or the attempt's error.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, Response};
use serde_json::Value;
use zengine_connector::error::{NeedsReach, ProviderDetails, Violation};
use zengine_connector::http::retry_after;
use zengine_connector::{ErrorKind, ProviderMessageId, Reach, Receipt, SendContext, SendError};

use super::errors::{Class, GraphError, classify};
use super::wire::{Accepted, Addressee};

/// Maximum wait that is taken from a header.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);

/// The receipt of a message.
pub(crate) fn message(response: &Response<Bytes>, cx: &SendContext) -> Result<Receipt, SendError> {
    let accepted = Accepted::read(&success(response, cx)?);
    // Accepted all the same: an answer without an id that can be kept must not lead to a second message.
    let id = accepted.id.and_then(|id| ProviderMessageId::new(id).ok());
    let receipt = Receipt::accepted(id.ok_or_else(|| SendError::of(ErrorKind::Protocol, "accepted without a message id").maybe())?);
    let receipt = match accepted.addressee {
        nobody if nobody == Addressee::default() => receipt,
        addressee => receipt.clone().with_data(&addressee).unwrap_or(receipt),
    };
    Ok(match accepted.status {
        Some(note) => receipt.with_note(note),
        None => receipt,
    })
}

/// The receipt of a read mark or a typing notice: it has no id.
pub(crate) fn mark(response: &Response<Bytes>, cx: &SendContext) -> Result<Receipt, SendError> {
    match success(response, cx)?.get("success") {
        Some(Value::Bool(true)) => Ok(Receipt::unnumbered()),
        _ => Err(SendError::of(ErrorKind::Protocol, "the answer does not confirm the message").maybe()),
    }
}

/// The body of a successful answer. An `error` member decides before the status: proxies answer 200 around one.
fn success(response: &Response<Bytes>, cx: &SendContext) -> Result<Value, SendError> {
    if let Some((refused, reach)) = refused(response, cx.now(), cx.attempt().get()) {
        return Err(refused.reach(reach));
    }
    serde_json::from_slice(response.body())
        .map_err(|_| SendError::of(ErrorKind::Protocol, "accepted with an answer that cannot be read").maybe())
}

/// The body of the answer to a call that only reads, so every error is safe to repeat.
pub(crate) fn read(response: &Response<Bytes>, now: SystemTime, operation: &'static str) -> Result<Value, SendError> {
    if let Some((refused, _)) = refused(response, now, 1) {
        return Err(refused.context("operation", operation).not_sent());
    }
    serde_json::from_slice(response.body())
        .map_err(|_| SendError::of(ErrorKind::Protocol, "the answer cannot be read").context("operation", operation).not_sent())
}

/// The error of a read whose answer was lost: it may be repeated.
pub(crate) fn again(lost: SendError, operation: &'static str) -> SendError {
    let kind = lost.kind();
    SendError::of(kind, "the query was not answered").context("operation", operation).source(lost.into_error()).not_sent()
}

/// The body of the answer to a call that changes something.
pub(crate) fn changed(response: &Response<Bytes>, now: SystemTime, operation: &'static str) -> Result<Value, SendError> {
    if let Some((refused, reach)) = refused(response, now, 1) {
        return Err(refused.context("operation", operation).reach(reach));
    }
    serde_json::from_slice(response.body())
        .map_err(|_| SendError::of(ErrorKind::Protocol, "done with an answer that cannot be read").context("operation", operation).maybe())
}

/// The error of an answer that reports no success, and how far the message got.
pub(crate) fn refused(response: &Response<Bytes>, now: SystemTime, attempt: u32) -> Option<(NeedsReach, Reach)> {
    let (error, class) = judge(response)?;
    let header = retry_after(response.headers(), now);
    let wait = class.wait(attempt, header, || usage(response.headers()));
    let mut refused = SendError::of(class.kind, class.what).context("http_status", response.status().as_u16());
    let details = error.to_details();
    if details != ProviderDetails::default() {
        refused = refused.details(details);
    }
    if let Some(code) = error.code {
        refused = refused.code(code.to_string());
    }
    if let Some(trace) = error.trace_id.filter(|trace| is_trace(trace)) {
        refused = refused.context("provider_request_id", trace);
    }
    if let Some(scope) = class.scope {
        refused = refused.scope(scope);
    }
    if let Some(wait) = wait {
        refused = refused.retry_after(wait);
    }
    Some((refused, class.reach))
}

/// Whether a text is an id of a call, which is printed: some twenty letters and digits.
fn is_trace(text: &str) -> bool {
    text.len() <= 128 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
}

/// The meaning of an answer that reports no success.
pub(crate) fn judge(response: &Response<Bytes>) -> Option<(GraphError, Class)> {
    let status = response.status();
    let body = serde_json::from_slice::<Value>(response.body()).ok();
    let member = |name| body.as_ref().and_then(|body| body.get(name)).filter(|error| !error.is_null());
    let error = member("error").or_else(|| member("errors").filter(|_| !status.is_success())?.get(0));
    if status.is_success() && error.is_none() {
        return None;
    }
    let error = error.map(GraphError::read).unwrap_or_default();
    // A 200 with an error of no known code says nothing of how far the message got.
    let class = classify(&error, (!status.is_success()).then_some(status.as_u16()));
    Some((error, class))
}

/// The error of a message that breaks a limit.
pub(crate) fn invalid(violations: Vec<Violation>) -> SendError {
    let mut error = SendError::of(ErrorKind::MessageInvalid, "the message breaks a limit of WhatsApp");
    if let Some(first) = violations.first() {
        error = error.context("field", &first.pointer);
        if let (Some(limit), Some(actual)) = (first.limit, first.actual) {
            error = error.context("limit", limit).context("actual", actual);
        }
    }
    error.violations(violations).not_sent()
}

/// The longest `estimated_time_to_regain_access`, in minutes, of `X-Business-Use-Case-Usage`.
fn usage(headers: &HeaderMap) -> Option<Duration> {
    let usage: Value = serde_json::from_slice(headers.get("x-business-use-case-usage")?.as_bytes()).ok()?;
    let entries = usage.as_object()?.values().filter_map(Value::as_array).flatten();
    let minutes = entries.filter_map(|entry| {
        let minutes = entry.get("estimated_time_to_regain_access")?;
        minutes.as_u64().or_else(|| minutes.as_str()?.parse().ok())
    });
    let longest = minutes.max().filter(|minutes| *minutes > 0)?;
    Some(Duration::from_secs(longest.saturating_mul(60)).min(LONGEST_WAIT))
}
