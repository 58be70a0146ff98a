//! Control calls: the operations of an emulator's handle over HTTP, for programs in other languages and for web pages.
//!
//! They share one reserved path prefix, respond with JSON, and are not recorded in the journal.

mod call;
mod guard;

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

pub(super) use self::call::{ControlCall, ControlError};
pub(super) use self::call::{at_index, duration};
use super::faults::FaultSpec;
use super::handler::RequestHandler;
use super::journal::{EntryKind, events};
use super::provider::{Provider, millis};
use super::server::{ChunkedBody, ReadError, Reply, Request};
use super::text::fields;
use super::webhooks::WebhookFaultSpec;

/// Path prefix of control calls.
const PREFIX: &str = "/_sandbox";
/// Maximum length of a control call's body, in bytes.
const BODY_BYTES: usize = 128 * 1024 * 1024;
/// Default `limit` of journal lines in one response.
const LINES: u64 = 10_000;

/// The control calls of every emulator.
const CALLS: &[(&str, &str)] = &[
    ("GET /_sandbox", "this index"),
    ("GET /_sandbox/state", "what the emulator holds"),
    ("POST /_sandbox/reset", "goes back to the state of the start; the journal is emptied, its numbers go on"),
    ("GET /_sandbox/faults", "the faults that wait"),
    ("POST /_sandbox/faults", "queues a fault, or several in an array"),
    ("DELETE /_sandbox/faults", "forgets the faults that wait"),
    ("GET /_sandbox/webhook-faults", "the webhook faults that wait"),
    ("POST /_sandbox/webhook-faults", "queues a webhook fault, or several in an array"),
    ("DELETE /_sandbox/webhook-faults", "forgets the webhook faults that wait"),
    ("GET /_sandbox/journal", "the journal as JSON lines; ?after=NUMBER&limit=COUNT&kind=request|webhook"),
    ("DELETE /_sandbox/journal", "empties the journal in memory"),
    ("GET /_sandbox/journal/stream", "the journal as server-sent events; resumes by Last-Event-ID or ?after=NUMBER; ?heartbeat_ms="),
    ("GET /_sandbox/clock", "the emulator's time"),
    ("POST /_sandbox/clock", "moves the emulator's time ahead: {\"advance\": \"60d\"}"),
    ("POST /_sandbox/connections", "refuses connections for a while: {\"refuse_ms\": 500}"),
    ("POST /_sandbox/settle", "waits until all webhooks are delivered or given up: {\"timeout_ms\": 10000}"),
];

/// Whether a path is reserved for control calls.
pub(super) fn is_control(path: &str) -> bool {
    path.strip_prefix(PREFIX).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Handles a control call.
pub(super) async fn handle<P: Provider>(handler: &RequestHandler<P>, request: Request) -> Reply {
    if let Some(why) = guard::refusal(&request.head.headers) {
        return Reply::Whole(json_answer(403, &ControlError::bad_request(why).body()));
    }
    let allowed = guard::origin(&request.head.headers).cloned();
    let mut reply = answer(handler, request).await;
    if let Some(origin) = allowed {
        let headers = match &mut reply {
            Reply::Whole(response) => response.headers_mut(),
            Reply::Stream(response) => response.headers_mut(),
            _ => return reply,
        };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::VARY, HeaderValue::from_static("Origin"));
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, PUT, DELETE"));
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type, last-event-id"));
    }
    reply
}

async fn answer<P: Provider>(handler: &RequestHandler<P>, request: Request) -> Reply {
    let (head, body) = match request.read(BODY_BYTES).await {
        Ok(read) => read,
        Err(ReadError::Disconnected) => return Reply::Reset,
        Err(ReadError::TooLong) => return failed(&ControlError::with_status(413, "the body is too long")),
    };
    let path = head.uri.path().strip_prefix(PREFIX).unwrap_or_default().trim_matches('/');
    let query = fields(head.uri.query().unwrap_or_default());
    let call = ControlCall { method: &head.method, path, query, headers: &head.headers, body: &body };
    if call.method == Method::OPTIONS {
        return Reply::Whole(empty(204));
    }
    let found = match (call.method.as_str(), path) {
        ("GET", "journal") => return journal(handler, &call).unwrap_or_else(|error| failed(&error)),
        ("GET", "journal/stream") => return stream(handler, &call).unwrap_or_else(|error| failed(&error)),
        _ => common(handler, &call).await,
    };
    let found = match found {
        Some(found) => found,
        None => match handler.provider.control(&call).await {
            Some(found) => found,
            None => Err(unknown(handler, &call)),
        },
    };
    match found {
        Ok(value) => Reply::Whole(json_answer(200, &value)),
        Err(error) => failed(&error),
    }
}

/// The common calls with a JSON response.
async fn common<P: Provider>(handler: &RequestHandler<P>, call: &ControlCall<'_>) -> Option<Result<Value, ControlError>> {
    let engine = &handler.engine;
    Some(match (call.method.as_str(), call.path) {
        ("GET", "") => Ok(index(handler)),
        ("GET", "state") => Ok(state(handler)),
        ("POST", "reset") => {
            handler.reset();
            Ok(json!({"reset": true}))
        }
        ("GET", "faults") => Ok(json!({"waiting": engine.faults.waiting().iter().map(FaultSpec::of).collect::<Vec<_>>()})),
        ("POST", "faults") => queue(call, FaultSpec::read).map(|faults| {
            for fault in faults {
                engine.faults.push(fault);
            }
            json!({"waiting": engine.faults.len()})
        }),
        ("DELETE", "faults") => {
            engine.faults.clear();
            Ok(json!({"waiting": 0}))
        }
        ("GET", "webhook-faults") => {
            Ok(json!({"waiting": engine.webhooks.waiting_faults().iter().map(WebhookFaultSpec::of).collect::<Vec<_>>()}))
        }
        ("POST", "webhook-faults") => queue(call, WebhookFaultSpec::read).map(|faults| {
            for fault in faults {
                engine.webhooks.push_fault(fault);
            }
            json!({"waiting": engine.webhooks.waiting_faults().len()})
        }),
        ("DELETE", "webhook-faults") => {
            engine.webhooks.clear_faults();
            Ok(json!({"waiting": 0}))
        }
        ("DELETE", "journal") => {
            engine.journal.clear();
            Ok(json!({"cleared": true}))
        }
        ("GET", "clock") => Ok(clock(handler)),
        ("POST", "clock") => advance(handler, call),
        ("POST", "connections") => refuse(handler, call).await,
        ("POST", "settle") => settle(handler, call).await,
        _ => return None,
    })
}

/// Parses one fault or several; all or none are queued.
fn queue<F>(call: &ControlCall<'_>, read: impl Fn(&Value) -> Result<F, String>) -> Result<Vec<F>, ControlError> {
    let list = call.list()?;
    let count = list.len();
    list.iter().enumerate().map(|(index, value)| read(value).map_err(|message| at_index(index, count, &message))).collect()
}

fn index<P: Provider>(handler: &RequestHandler<P>) -> Value {
    let calls: Vec<_> = CALLS.iter().chain(handler.provider.calls()).map(|(call, does)| json!({"call": call, "does": does})).collect();
    json!({
        "emulator": P::NAME,
        "version": env!("CARGO_PKG_VERSION"),
        "base_url": handler.engine.base_url(),
        "calls": calls,
        "docs": "https://github.com/zengine/zengine-connector/blob/main/docs/emulators.md",
    })
}

fn state<P: Provider>(handler: &RequestHandler<P>) -> Value {
    let engine = &handler.engine;
    let mut state = json!({
        "emulator": P::NAME,
        "base_url": engine.base_url(),
        "clock": clock(handler),
        "requests": engine.journal.request_count(),
        "accepted": engine.journal.accepted_count(),
        "webhooks": engine.journal.webhook_count(),
        "waiting_faults": engine.faults.len(),
        "waiting_webhook_faults": engine.webhooks.waiting_faults().len(),
    });
    if let (Some(all), Value::Object(own)) = (state.as_object_mut(), handler.provider.state()) {
        all.extend(own);
    }
    state
}

fn clock<P: Provider>(handler: &RequestHandler<P>) -> Value {
    json!({"now_ms": handler.engine.clock.now_ms(), "ahead_ms": handler.engine.clock.ahead_ms()})
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct Advance {
    advance: Option<String>,
    advance_ms: Option<u64>,
}

fn advance<P: Provider>(handler: &RequestHandler<P>, call: &ControlCall<'_>) -> Result<Value, ControlError> {
    let by = match call.read::<Advance>()? {
        Advance { advance: Some(text), advance_ms: None } => {
            duration(&text).ok_or_else(|| ControlError::bad_request("`advance` must be a number and ms, s, m, h or d, as in \"60d\""))?
        }
        Advance { advance: None, advance_ms: Some(ms) } => Duration::from_millis(ms),
        _ => return Err(ControlError::bad_request("give either `advance` or `advance_ms`")),
    };
    handler.engine.clock.advance(by);
    Ok(clock(handler))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct Refuse {
    refuse_ms: u64,
}

async fn refuse<P: Provider>(handler: &RequestHandler<P>, call: &ControlCall<'_>) -> Result<Value, ControlError> {
    let Refuse { refuse_ms } = call.read()?;
    if !(1..=600_000).contains(&refuse_ms) {
        return Err(ControlError::bad_request("`refuse_ms` must be 1 to 600000: no control call can reopen the port"));
    }
    let refused = handler.gate.refuse(Some(Duration::from_millis(refuse_ms))).await;
    refused.map(|()| json!({"refused_ms": refuse_ms})).map_err(|error| ControlError::with_status(500, error.to_string()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct Settle {
    timeout_ms: Option<u64>,
}

async fn settle<P: Provider>(handler: &RequestHandler<P>, call: &ControlCall<'_>) -> Result<Value, ControlError> {
    let Settle { timeout_ms } = call.read()?;
    let timeout = Duration::from_millis(timeout_ms.unwrap_or(10_000).min(600_000));
    let settled = tokio::time::timeout(timeout, handler.engine.webhooks.settle()).await.is_ok();
    Ok(json!({"settled": settled, "waited_at_most_ms": millis(timeout)}))
}

fn journal<P: Provider>(handler: &RequestHandler<P>, call: &ControlCall<'_>) -> Result<Reply, ControlError> {
    let after = call.number("after")?.unwrap_or(0);
    let limit = usize::try_from(call.number("limit")?.unwrap_or(LINES)).unwrap_or(usize::MAX);
    let kind = match call.parameter("kind") {
        None => None,
        Some("request") => Some(EntryKind::Request),
        Some("webhook") => Some(EntryKind::Webhook),
        Some(_) => return Err(ControlError::bad_request("`kind` must be request or webhook")),
    };
    let entries = handler.engine.journal.after(after, if kind.is_some() { usize::MAX } else { limit });
    let mut lines = Vec::new();
    for entry in entries.iter().filter(|entry| kind.is_none_or(|kind| kind == entry.kind)).take(limit) {
        serde_json::to_writer(&mut lines, entry).map_err(|error| ControlError::with_status(500, error.to_string()))?;
        lines.push(b'\n');
    }
    let mut response = Response::new(Bytes::from(lines));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    Ok(Reply::Whole(response))
}

fn stream<P: Provider>(handler: &RequestHandler<P>, call: &ControlCall<'_>) -> Result<Reply, ControlError> {
    let last = call.headers.get("last-event-id").and_then(|value| value.to_str().ok()).map(str::trim).filter(|id| !id.is_empty());
    // A reconnecting browser's `Last-Event-ID` is newer than its address.
    let after = match last {
        Some(id) => id.parse().map_err(|_| ControlError::bad_request("`Last-Event-ID` must be the number of an entry"))?,
        None => call.number("after")?.unwrap_or(0),
    };
    let heartbeat = Duration::from_millis(call.number("heartbeat_ms")?.unwrap_or(15_000).clamp(50, 600_000));
    let chunks = events(&handler.engine.journal, after, heartbeat);
    let mut response = Response::new(ChunkedBody { chunks, length: None });
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(Reply::Stream(response))
}

/// The error of an unknown call; lists the methods of the path, if any.
fn unknown<P: Provider>(handler: &RequestHandler<P>, call: &ControlCall<'_>) -> ControlError {
    let known: Vec<_> = CALLS.iter().chain(handler.provider.calls()).map(|(call, _)| *call).collect();
    let path = format!("{PREFIX}/{}", call.path);
    let here: Vec<_> = known.iter().filter(|known| known.split_once(' ').is_some_and(|(_, at)| at == path)).copied().collect();
    if here.is_empty() {
        return ControlError::not_found(format!("there is no control call `{path}`; GET {PREFIX} lists them"));
    }
    ControlError::with_status(405, format!("`{path}` takes {}", here.join(", ")))
}

fn failed(error: &ControlError) -> Reply {
    Reply::Whole(json_answer(error.status, &error.body()))
}

fn empty(status: u16) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
}

fn json_answer(status: u16, value: &Value) -> Response<Bytes> {
    let mut text = serde_json::to_vec_pretty(value).unwrap_or_default();
    text.push(b'\n');
    let mut response = empty(status);
    *response.body_mut() = Bytes::from(text);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
