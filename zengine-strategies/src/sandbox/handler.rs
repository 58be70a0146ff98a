//! Request handling of every emulator: fault, provider, journal.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Response, header, response};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::control;
use super::faults::{Fault, RequestFaultKind, Target};
use super::journal::{JournalEntry, body_value};
use super::provider::{Engine, Provider, ProviderRequest, ProviderResponse, Refusal, add_header, page};
use super::server::{ChunkedBody, PortGate, ReadError, Reply, Request};
use super::text::{content_type, head_on_the_wire};

/// Maximum chunk length of a padded response, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;

/// Handles requests to the provider, and passes control calls on.
pub(super) struct RequestHandler<P> {
    pub(super) engine: Arc<Engine>,
    pub(super) provider: Arc<P>,
    pub(super) gate: PortGate,
}

impl<P> Clone for RequestHandler<P> {
    fn clone(&self) -> Self {
        Self { engine: Arc::clone(&self.engine), provider: Arc::clone(&self.provider), gate: self.gate.clone() }
    }
}

impl<P: Provider> RequestHandler<P> {
    pub(super) async fn handle(self, request: Request) -> Reply {
        if control::is_control(request.head.uri.path()) {
            return control::handle(&self, request).await;
        }
        let (method, path) = (request.head.method.clone(), request.head.uri.path().to_owned());
        let route = self.provider.route(&request.head);
        let usual = route.sends && method == Method::POST;
        let target = Target { usual, edge: route.edge, sender: route.sender.as_deref(), path: &path };
        let query = request.head.uri.query().map(str::to_owned);
        let entry_with = |body| JournalEntry {
            at_ms: self.engine.clock.now_ms(),
            method: method.to_string(),
            path: path.clone(),
            query: query.clone(),
            edge: Some(route.edge.to_owned()),
            sender: route.sender.clone(),
            body,
            ..JournalEntry::default()
        };
        if let Some(fault) = self.engine.faults.take_before_body(target) {
            let written = self.engine.journal.append(JournalEntry { fault: Some(fault.name()), ..entry_with(Value::Null) });
            return written.map_or_else(|_| self.journal_failed(), |()| Reply::Reset);
        }
        let (head, body) = match request.read(route.limit).await {
            Ok(read) => read,
            // The provider never saw an incomplete request.
            Err(ReadError::Disconnected) => return Reply::Reset,
            Err(ReadError::TooLong) => {
                let written = self.engine.journal.append(JournalEntry { status: 413, ..entry_with(Value::Null) });
                return written.map_or_else(|_| self.journal_failed(), |()| Reply::Whole(self.provider.refuse(Refusal::TooLong)));
            }
        };
        let json = if body.is_empty() {
            Value::Null
        } else if route.is_file {
            json!({"bytes": body.len()})
        } else {
            serde_json::from_slice(&body).unwrap_or_else(|_| String::from_utf8_lossy(&body).into())
        };
        let fault = self.engine.faults.take(target, &json);
        let mut answer = match &fault {
            Some(fault) if !fault.accepts() => {
                ProviderResponse { response: self.fault_response(fault).unwrap_or_default(), accepted: None }
            }
            _ => self.provider.answer(ProviderRequest { head: &head, body: &body, json: &json }).await,
        };
        // An ordinary refusal takes precedence over a fault that accepts the message.
        let fault = fault.filter(|fault| !fault.accepts() || answer.response.status().is_success());
        if let Some(fault) = &fault {
            answer.response = self.apply_fault(fault, answer.response);
        }
        let kind = fault.as_ref().map(|fault| &fault.kind);
        let is_silent = matches!(kind, Some(RequestFaultKind::Hang {} | RequestFaultKind::Reset { .. } | RequestFaultKind::Garbage {}));
        let shown = if is_silent { Value::Null } else { answer_of(&answer.response) };
        let entry = JournalEntry {
            status: if is_silent { 0 } else { answer.response.status().as_u16() },
            accepted: answer.accepted.is_some(),
            message_id: answer.accepted.as_ref().map(|(id, _)| id.clone()),
            code: shown.pointer(P::CODE).map(|code| code.as_str().map_or_else(|| code.to_string(), str::to_owned)),
            fault: fault.as_ref().map(Fault::name),
            answer: shown,
            ..entry_with(json)
        };
        if self.engine.journal.append(entry).is_err() {
            return self.journal_failed();
        }
        if let Some(accepted) = answer.accepted {
            let failure = match kind {
                Some(RequestFaultKind::Undeliverable { code }) => Some(code.as_str()),
                _ => None,
            };
            self.provider.follow(accepted, failure);
        }
        self.reply(kind, answer.response).await
    }

    /// Turns the response into a reply, as the fault requires.
    async fn reply(&self, kind: Option<&RequestFaultKind>, response: Response<Bytes>) -> Reply {
        match kind {
            Some(RequestFaultKind::Hang {}) => Reply::Silence,
            Some(RequestFaultKind::Reset { .. }) => Reply::Reset,
            Some(RequestFaultKind::CutBody {}) => Reply::Cut(response),
            Some(RequestFaultKind::Stall {}) => Reply::Stall(response),
            Some(RequestFaultKind::Garbage {}) => {
                Reply::RawBytes(Bytes::from_static(b"\x15\x03\x01\x00\x02\x02\x46 no HTTP at all\r\n\r\n"))
            }
            Some(RequestFaultKind::WrongLength { by }) => Reply::RawBytes(with_wrong_length(&response, *by)),
            Some(RequestFaultKind::Oversize { bytes }) => Reply::Stream(self.with_padding(response, *bytes)),
            Some(RequestFaultKind::Drip { pieces, ms }) => Reply::Stream(self.in_pieces(response, *pieces, *ms)),
            Some(RequestFaultKind::Slow { ms }) => {
                self.engine.clock.pause(Duration::from_millis(*ms)).await;
                Reply::Whole(response)
            }
            _ => Reply::Whole(response),
        }
    }

    /// The response in pieces, with a pause before each.
    fn in_pieces(&self, response: Response<Bytes>, pieces: u32, pause_ms: u64) -> Response<ChunkedBody> {
        let (head, body) = response.into_parts();
        let length = body.len();
        let size = length.div_ceil(usize::try_from(pieces).unwrap_or(usize::MAX).max(1)).max(1);
        let pieces = (0..length).step_by(size).map(move |start| body.slice(start..length.min(start + size)));
        self.chunked(head, Some(length as u64), pieces, pause_ms)
    }

    /// The response without a length and with this many more bytes.
    fn with_padding(&self, response: Response<Bytes>, bytes: u64) -> Response<ChunkedBody> {
        let (mut head, body) = response.into_parts();
        head.headers.remove(header::CONTENT_LENGTH);
        let filling = Bytes::from(vec![0; CHUNK_BYTES]);
        let size = move |start: u64| usize::try_from(bytes - start).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
        let padding = (0..bytes).step_by(CHUNK_BYTES).map(move |start| filling.slice(..size(start)));
        self.chunked(head, None, std::iter::once(body).chain(padding), 0)
    }

    /// A response whose body comes in these chunks, each after a pause, until the client has gone.
    fn chunked(
        &self,
        head: response::Parts,
        length: Option<u64>,
        pieces: impl Iterator<Item = Bytes> + Send + 'static,
        pause_ms: u64,
    ) -> Response<ChunkedBody> {
        let (sender, chunks) = mpsc::channel(1);
        let clock = self.engine.clock.clone();
        let mut due = clock.now_ms();
        drop(tokio::spawn(async move {
            for piece in pieces {
                due = due.saturating_add(pause_ms);
                clock.pause_until(due).await;
                if sender.send(piece).await.is_err() {
                    return;
                }
            }
        }));
        Response::from_parts(head, ChunkedBody { chunks, length })
    }

    /// The refusal without a journal: an emulator that cannot write it must not accept anything.
    fn journal_failed(&self) -> Reply {
        Reply::Whole(self.provider.refuse(Refusal::JournalFailed))
    }

    /// The response of a fault, in the provider's format if it has one; `None` for faults that leave the provider's.
    fn fault_response(&self, fault: &Fault) -> Option<Response<Bytes>> {
        Some(match &fault.kind {
            RequestFaultKind::Throttle {} => self.provider.refuse(Refusal::Throttled),
            RequestFaultKind::Error { code, status } => self.provider.refuse(Refusal::Code { code, status: *status }),
            RequestFaultKind::Unavailable {} => page(503, "text/plain", "upstream connect error".to_owned()),
            RequestFaultKind::Html { status } => {
                let html = "<html><body><h1>Sorry, something went wrong.</h1></body></html>".to_owned();
                page(status.unwrap_or(502), "text/html", html)
            }
            RequestFaultKind::Redirect { location, status } => {
                let mut response = page(status.unwrap_or(302), "text/html", String::new());
                add_header(&mut response, "location", location);
                response
            }
            RequestFaultKind::Raw { status, content_type, body } => {
                let body = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
                page(status.unwrap_or(200), content_type.as_deref().unwrap_or("application/json"), body)
            }
            _ => return None,
        })
    }

    /// Applies a fault to a response.
    fn apply_fault(&self, fault: &Fault, response: Response<Bytes>) -> Response<Bytes> {
        let mut response = match &fault.kind {
            RequestFaultKind::Change { pointer, value } => changed(response, pointer, Some(value)),
            RequestFaultKind::Remove { pointer } => changed(response, pointer, None),
            RequestFaultKind::WrongHash {} => changed(response, "/sha256", Some(&"0".repeat(64).into())),
            RequestFaultKind::NoId {} => changed(response, P::ID, None),
            // A refusal is the fault's response already.
            _ => if fault.accepts() { self.fault_response(fault) } else { None }.unwrap_or(response),
        };
        for (name, value) in fault.headers() {
            add_header(&mut response, name, value);
        }
        response
    }
}

/// The body of a response for the journal.
fn answer_of(response: &Response<Bytes>) -> Value {
    let content_type = content_type(response.headers());
    if content_type.starts_with("application/json") || content_type.starts_with("text/") {
        return body_value(response.body());
    }
    if response.body().is_empty() { Value::Null } else { json!({"bytes": response.body().len()}) }
}

/// Sets or removes the value at a JSON pointer of a response; without such a place, the response is unchanged.
fn changed(response: Response<Bytes>, pointer: &str, value: Option<&Value>) -> Response<Bytes> {
    let (head, body) = response.into_parts();
    let unescaped = |key: &str| key.replace("~1", "/").replace("~0", "~");
    let replaced = || {
        let mut json: Value = serde_json::from_slice(&body).ok()?;
        let (parent, key) = pointer.rsplit_once('/').unwrap_or_default();
        match (json.pointer_mut(parent)?, value) {
            (Value::Object(members), Some(value)) => drop(members.insert(unescaped(key), value.clone())),
            (Value::Object(members), None) => drop(members.remove(&unescaped(key))),
            (Value::Array(items), Some(value)) => value.clone_into(items.get_mut(key.parse::<usize>().ok()?)?),
            (Value::Array(items), None) => {
                let index = key.parse::<usize>().ok().filter(|index| *index < items.len())?;
                drop(items.remove(index));
            }
            _ => return None,
        }
        Some(Bytes::from(json.to_string()))
    };
    let body = replaced().unwrap_or(body);
    Response::from_parts(head, body)
}

/// The whole response as bytes, with a content length that is off by `by`.
fn with_wrong_length(response: &Response<Bytes>, by: i64) -> Bytes {
    let length = i64::try_from(response.body().len()).unwrap_or(i64::MAX).saturating_add(by).max(0);
    let start = format!("HTTP/1.1 {}\r\ncontent-length: {length}\r\nconnection: close\r\n", response.status());
    let mut wire = head_on_the_wire(start, response.headers());
    wire.extend_from_slice(response.body());
    Bytes::from(wire)
}
