//! The provider's answer to a call: a receipt, what was read or changed, or the attempt's error.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, Response};
use serde_json::{Map, Value};
use zengine_connector::error::{NeedsReach, ProviderDetails, Violation};
use zengine_connector::http::{read_json, retry_after};
use zengine_connector::{ErrorKind, ProviderMessageId, Reach, Receipt, SendContext, SendError};

use super::errors::{Class, Dialect, GraphError, classify_answer};
use super::gateway::Hidden;
use super::wire::{Accepted, Addressee};

/// Maximum wait that is taken from a header.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);

/// The receipt of a message of an account.
pub(crate) fn message(response: &Response<Bytes>, cx: &SendContext, account: &str) -> Result<Receipt, SendError> {
    let accepted = Accepted::read(&success(response, cx, account)?);
    // Accepted all the same: an answer without an id that can be kept must not lead to a second message.
    let id = accepted.id.and_then(|id| ProviderMessageId::new(id).ok());
    let receipt = Receipt::accepted(id.ok_or_else(|| odd(response, "accepted without a message id").maybe())?);
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
pub(crate) fn mark(response: &Response<Bytes>, cx: &SendContext, account: &str) -> Result<Receipt, SendError> {
    confirm(response, &success(response, cx, account)?, "mark").map(|()| Receipt::unnumbered())
}

/// Checks the answer to a change that is only done or not.
pub(crate) fn done(response: &Response<Bytes>, now: SystemTime, operation: &'static str) -> Result<(), SendError> {
    confirm(response, &changed(response, now, operation)?, operation)
}

fn confirm(response: &Response<Bytes>, body: &Value, operation: &'static str) -> Result<(), SendError> {
    match body.get("success").or_else(|| body.pointer("/meta/success")) {
        Some(word) if *word == true || *word == "true" => Ok(()),
        Some(Value::Bool(false)) => {
            let refused = SendError::of(ErrorKind::InvalidContent, "the provider reports that it was not done");
            Err(refused.context("operation", operation).processed())
        }
        _ => Err(odd(response, "the answer does not say that it is done").context("operation", operation).maybe()),
    }
}

fn success(response: &Response<Bytes>, cx: &SendContext, account: &str) -> Result<Value, SendError> {
    body(response, cx.now(), cx.attempt().get(), account).map_err(|(error, reach)| error.reach(reach))
}

/// The body of the answer to a call that only reads, so every error is safe to repeat.
pub(crate) fn read(response: &Response<Bytes>, now: SystemTime, operation: &'static str) -> Result<Value, SendError> {
    body(response, now, 1, "").map_err(|(error, _)| error.context("operation", operation).not_sent())
}

/// The error of a read whose answer was lost: it may be repeated.
pub(crate) fn again(lost: SendError, operation: &'static str) -> SendError {
    let kind = lost.kind();
    SendError::of(kind, "the query was not answered").context("operation", operation).source(lost.into_error()).not_sent()
}

/// The body of the answer to a call that changes something.
pub(crate) fn changed(response: &Response<Bytes>, now: SystemTime, operation: &'static str) -> Result<Value, SendError> {
    body(response, now, 1, "").map_err(|(error, reach)| error.context("operation", operation).reach(reach))
}

/// The body of a successful answer, or the error and how far the message got. An `error` member decides before the status: proxies
/// answer 200 around one.
fn body(response: &Response<Bytes>, now: SystemTime, attempt: u32, account: &str) -> Result<Value, (NeedsReach, Reach)> {
    if let Some((error, class)) = judge(response) {
        let wait = class.wait(attempt, retry_after(response.headers(), now), || usage(response.headers(), account));
        return Err((refusal(response, error, &class, wait), class.reach));
    }
    read_json(response).map_err(|_| (odd(response, "the answer cannot be read"), Reach::Maybe))
}

/// The error of an answer that is no refusal and cannot be used.
fn odd(response: &Response<Bytes>, what: &'static str) -> NeedsReach {
    SendError::of(ErrorKind::Protocol, what).context("http_status", response.status().as_u16())
}

/// The error of an answer of this class, with the provider's words.
pub(crate) fn refusal(response: &Response<Bytes>, error: GraphError, class: &Class, wait: Option<Duration>) -> NeedsReach {
    let mut refused = SendError::of(class.kind, class.what).context("http_status", response.status().as_u16());
    let details = error.to_details();
    if details != ProviderDetails::default() {
        refused = refused.details(details);
    }
    if let Some(code) = error.code {
        refused = refused.code(code.to_string());
    }
    // The gateway's id before Meta's, which stands in the details: support is asked at the gateway.
    if let Some(trace) = error.gateway_trace.or(error.trace_id).filter(|trace| is_trace(trace)) {
        refused = refused.context("provider_request_id", trace);
    }
    if let Some(field) = error.field {
        refused = refused.context("field", field);
    }
    if let Some(scope) = class.scope {
        refused = refused.scope(scope);
    }
    if let Some(wait) = wait {
        refused = refused.retry_after(wait);
    }
    refused
}

/// Whether a text is an id of a call, which is printed: some twenty letters and digits.
fn is_trace(text: &str) -> bool {
    text.len() <= 128 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
}

/// The meaning of an answer that reports no success.
pub(crate) fn judge(response: &Response<Bytes>) -> Option<(GraphError, Class)> {
    let status = response.status();
    let refused = !status.is_success();
    let dialect = response.extensions().get::<Dialect>().copied().unwrap_or_default();
    let mut error = dialect.read(read_json(response).ok().as_ref(), response.body(), refused)?;
    let class = classify_answer(dialect, &error, status.as_u16());
    if let Some(hidden) = response.extensions().get::<Hidden>() {
        for text in error.texts_mut() {
            hidden.scrub(text);
        }
    }
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

/// The longest `estimated_time_to_regain_access`, in minutes, of `X-Business-Use-Case-Usage`: of the account if it is named, else of
/// WhatsApp, else of all.
fn usage(headers: &HeaderMap, account: &str) -> Option<Duration> {
    let usage: Map<String, Value> = serde_json::from_slice(headers.get("x-business-use-case-usage")?.as_bytes()).ok()?;
    let entries = usage.iter().flat_map(|(id, list)| list.as_array().into_iter().flatten().map(move |entry| (id, entry)));
    let known = entries.filter_map(|(id, entry)| {
        let minutes = entry.get("estimated_time_to_regain_access")?;
        let minutes: u64 = minutes.as_u64().or_else(|| minutes.as_str()?.parse().ok())?;
        Some((id == account, entry["type"] == "whatsapp", minutes))
    });
    // The nearest relation comes first in the order.
    let (.., longest) = known.max().filter(|(.., minutes)| *minutes > 0)?;
    Some(Duration::from_secs(longest.saturating_mul(60)).min(LONGEST_WAIT))
}
