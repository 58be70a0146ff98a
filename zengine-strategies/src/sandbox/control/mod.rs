//! Control calls: the operations of an emulator's handle over HTTP, for programs in other languages and for web pages.
//!
//! They share one reserved path prefix, respond with JSON, and are not recorded in the journal.

mod call;
mod guard;
mod table;

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use self::call::duration;
pub(super) use self::call::{ControlCall, ControlError, each, merged};
pub(super) use self::table::{Call, Handler, calls};
use super::faults::{FaultKind, FaultQueue, FaultRule, RequestFaultKind};
use super::handler::RequestHandler;
use super::journal::{EntryKind, events};
use super::provider::{Provider, ms, page};
use super::server::{ChunkedBody, ReadError, Reply, Request};
use super::text::fields;

/// Path prefix of control calls.
pub(super) const PREFIX: &str = "/_sandbox";
/// Maximum length of a control call's body, in bytes.
const BODY_BYTES: usize = 128 * 1024 * 1024;
/// Default `limit` of journal lines in one response.
const LINES: u64 = 10_000;
/// Maximum number of faults that calls may have waiting: each request looks through them.
const FAULTS: usize = 1_000;

impl<P: Provider> RequestHandler<P> {
    /// The control calls of every emulator.
    const CALLS: &'static [Call<Self>] = calls![
        GET "" "" "name, version, address, all calls" => Show(index),
        GET "state" "" "counters, clock, and what the provider's part holds" => Show(state),
        POST "reset" "" "back to the start; empties the journal in memory, its numbers go on" => Show(reset),
        GET "faults" "" "the [faults](#faults-of-requests) that wait" => Show(|handler| waiting(&handler.engine.faults)),
        POST "faults" "a [fault](#faults-of-requests) or an array" "queues them, all or none" => Now(add_faults),
        DELETE "faults" "" "forgets the faults that wait" => Show(|handler| forget(&handler.engine.faults)),
        GET "webhook-faults" "" "the [webhook faults](#faults-of-webhooks) that wait"
            => Show(|handler| waiting(&handler.engine.webhooks.faults)),
        POST "webhook-faults" "a [webhook fault](#faults-of-webhooks) or an array" "queues them, all or none"
            => Now(|handler, call| add(call, &handler.engine.webhooks.faults, |_| Ok(()))),
        DELETE "webhook-faults" "" "forgets the webhook faults that wait" => Show(|handler| forget(&handler.engine.webhooks.faults)),
        GET "journal" "`?after=NUMBER&limit=COUNT&kind=request\\|webhook`" "the [journal](#the-journal) as JSON lines" => Raw(journal),
        DELETE "journal" "" "empties the journal in memory; its numbers go on" => Show(clear_journal),
        GET "journal/stream" "`?after=NUMBER&heartbeat_ms=`, or `Last-Event-ID`" "the journal as server-sent events" => Raw(stream),
        GET "clock" "" "the emulator's time" => Show(clock),
        POST "clock" "`{\"advance\": \"60d\"}` or `{\"advance_ms\": 1000}`" "moves the emulator's time ahead" => Now(advance),
        POST "connections" "`{\"refuse_ms\": 500}`" "closes the port for so long, in real time"
            => Later(|handler, call| Box::pin(refuse(handler, call))),
        POST "settle" "`{\"timeout_ms\": 10000}`" "waits until all webhooks are delivered or given up; `{\"settled\": true}`"
            => Later(|handler, call| Box::pin(settle(handler, call))),
    ];
}

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
        let mut nothing = Response::default();
        *nothing.status_mut() = StatusCode::NO_CONTENT;
        return Reply::Whole(nothing);
    }
    let found = match table::run(RequestHandler::<P>::CALLS, handler, &call).await {
        Some(found) => found,
        None => table::run(P::CALLS, &*handler.provider, &call).await.unwrap_or_else(|| Err(unknown::<P>(&call))),
    };
    found.unwrap_or_else(|error| failed(&error))
}

fn waiting<K: FaultKind + Clone>(queue: &FaultQueue<K>) -> Value {
    json!({"waiting": queue.waiting()})
}

fn forget<K: FaultKind + Clone>(queue: &FaultQueue<K>) -> Value {
    queue.clear();
    json!({"waiting": 0})
}

/// Queues one fault or several, all or none.
fn add<K: FaultKind + Clone>(
    call: &ControlCall<'_>,
    queue: &FaultQueue<K>,
    check: impl Fn(&K) -> Result<(), String>,
) -> Result<Value, ControlError> {
    let read = |value: Value| FaultRule::<K>::deserialize(value).map_err(|error| error.to_string());
    let list = call.list()?;
    let waiting = queue.len();
    if waiting + list.len() > FAULTS {
        let more = list.len();
        return Err(ControlError::bad_request(format!("at most {FAULTS} faults wait; {waiting} do, and these are {more} more")));
    }
    let faults = each(list, |value| read(value).and_then(|fault| check(&fault.kind).map(|()| fault)))?;
    for fault in faults {
        queue.push(fault);
    }
    Ok(json!({"waiting": queue.len()}))
}

fn add_faults<P: Provider>(handler: &RequestHandler<P>, call: &ControlCall<'_>) -> Result<Value, ControlError> {
    add(call, &handler.engine.faults, |kind| match kind {
        RequestFaultKind::Error { code, .. } | RequestFaultKind::Undeliverable { code } if !P::is_code(code) => {
            Err("`code` is not a code of this provider".to_owned())
        }
        _ => Ok(()),
    })
}

fn index<P: Provider>(handler: &RequestHandler<P>) -> Value {
    let common = RequestHandler::<P>::CALLS.iter().map(|call| call.entry(true));
    let calls: Vec<_> = common.chain(P::CALLS.iter().map(|call| call.entry(false))).collect();
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
        "waiting_webhook_faults": engine.webhooks.faults.len(),
    });
    if let (Some(all), Value::Object(own)) = (state.as_object_mut(), handler.provider.state()) {
        all.extend(own);
    }
    state
}

fn reset<P: Provider>(handler: &RequestHandler<P>) -> Value {
    handler.reset();
    json!({"reset": true})
}

fn clear_journal<P: Provider>(handler: &RequestHandler<P>) -> Value {
    handler.engine.journal.clear();
    json!({"cleared": true})
}

fn clock<P: Provider>(handler: &RequestHandler<P>) -> Value {
    json!({"now_ms": handler.engine.clock.now_ms(), "ahead_ms": handler.engine.clock.ahead_ms()})
}

form! { Advance {
    advance: Option<String>,
    advance_ms: Option<u64>,
} }

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

form! { Refuse { refuse_ms: u64 } }

async fn refuse<P: Provider>(handler: &RequestHandler<P>, call: &ControlCall<'_>) -> Result<Value, ControlError> {
    let Refuse { refuse_ms } = call.read()?;
    if !(1..=600_000).contains(&refuse_ms) {
        return Err(ControlError::bad_request("`refuse_ms` must be 1 to 600000: no control call can reopen the port"));
    }
    let refused = handler.gate.refuse(Some(Duration::from_millis(refuse_ms))).await;
    refused.map(|()| json!({"refused_ms": refuse_ms})).map_err(|error| ControlError::with_status(500, error.to_string()))
}

form! { Settle { timeout_ms: Option<u64> } }

async fn settle<P: Provider>(handler: &RequestHandler<P>, call: &ControlCall<'_>) -> Result<Value, ControlError> {
    let Settle { timeout_ms } = call.read()?;
    let timeout = Duration::from_millis(timeout_ms.unwrap_or(10_000).min(600_000));
    let settled = tokio::time::timeout(timeout, handler.engine.webhooks.settle()).await.is_ok();
    Ok(json!({"settled": settled, "waited_at_most_ms": ms(timeout)}))
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
    Ok(Reply::Whole(page(200, "application/x-ndjson", lines)))
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

/// The error of an unknown call, with the methods of the path, or else with all calls.
fn unknown<P: Provider>(call: &ControlCall<'_>) -> ControlError {
    let known: Vec<_> = RequestHandler::<P>::CALLS.iter().map(Call::name).chain(P::CALLS.iter().map(Call::name)).collect();
    let path = table::full(call.path);
    let here: Vec<_> = known.iter().filter(|known| known.split_once(' ').is_some_and(|(_, at)| at == path)).cloned().collect();
    if here.is_empty() {
        return ControlError::not_found(format!("there is no control call `{path}`; there are {}", known.join(", ")));
    }
    ControlError::with_status(405, format!("`{path}` takes {}", here.join(", ")))
}

fn failed(error: &ControlError) -> Reply {
    Reply::Whole(json_answer(error.status, &error.body()))
}

fn json_answer(status: u16, value: &Value) -> Response<Bytes> {
    page(status, "application/json", format!("{value:#}\n"))
}
