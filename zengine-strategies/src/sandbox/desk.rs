//! From a request to its answer: the fault, the provider, the journal. Every emulator works like this.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::control;
use super::faults::{Action, Answer, Fault, Target};
use super::journal::{Entry, shown};
use super::provider::{Engine, Exchange, Outcome, Provider, Refusal};
use super::server::{Door, Reply, Request, Stream, Unreadable};

/// Longest piece of a padded answer.
const PIECE: usize = 64 * 1024;

/// The parts that requests need.
pub(super) struct Desk<P> {
    pub(super) engine: Arc<Engine>,
    pub(super) provider: Arc<P>,
    pub(super) door: Door,
}

impl<P> Clone for Desk<P> {
    fn clone(&self) -> Self {
        Self { engine: Arc::clone(&self.engine), provider: Arc::clone(&self.provider), door: self.door.clone() }
    }
}

impl<P: Provider> Desk<P> {
    pub(super) async fn handle(self, request: Request) -> Reply {
        if control::is_control(request.head.uri.path()) {
            return control::handle(&self, request).await;
        }
        let (method, path) = (request.head.method.clone(), request.head.uri.path().to_owned());
        let place = self.provider.place(&method, &path);
        let target = Target { method: &method, path: &path, number: place.number.as_deref(), edge: place.edge, sends: place.sends };
        let query = request.head.uri.query().map(str::to_owned);
        let note = |body| Entry {
            at_ms: self.engine.clock.now_ms(),
            method: method.to_string(),
            path: path.clone(),
            query: query.clone(),
            edge: Some(place.edge.to_owned()),
            phone_number_id: place.number.clone(),
            body,
            ..Entry::default()
        };
        if let Some(fault) = self.engine.faults.take_before_body(target) {
            let written = self.engine.journal.append(Entry { fault: Some(fault.name()), ..note(Value::Null) });
            return written.map_or_else(|_| self.broken(), |()| Reply::Reset);
        }
        let (head, body) = match request.read(place.limit).await {
            Ok(read) => read,
            // Half a request is none: the provider never saw it.
            Err(Unreadable::Gone) => return Reply::Reset,
            Err(Unreadable::TooLong) => {
                let written = self.engine.journal.append(Entry { status: 413, ..note(Value::Null) });
                return written.map_or_else(|_| self.broken(), |()| Reply::Whole(self.provider.refuse(Refusal::TooLong)));
            }
        };
        let seen = if body.is_empty() {
            Value::Null
        } else if place.is_file {
            json!({"bytes": body.len()})
        } else {
            serde_json::from_slice(&body).unwrap_or_else(|_| String::from_utf8_lossy(&body).into())
        };
        let fault = self.engine.faults.take(target, &seen);
        let mut outcome = match &fault {
            Some(fault) if !fault.accepts() => Outcome { response: self.faulty(fault), accepted: None },
            _ => self.provider.answer(Exchange { head: &head, body: &body, json: &seen }).await,
        };
        // A refusal of the request itself goes before a fault behind which it would have been accepted.
        let fault = fault.filter(|fault| !fault.accepts() || outcome.response.status().is_success());
        if let Some(fault) = &fault {
            outcome.response = self.disturbed(fault, outcome.response);
            add_headers(outcome.response.headers_mut(), &fault.headers);
        }
        let silent =
            matches!(fault.as_ref().map(|fault| &fault.action), Some(Action::Hang { .. } | Action::Reset { .. } | Action::Garbage { .. }));
        let entry = Entry {
            status: if silent { 0 } else { outcome.response.status().as_u16() },
            accepted: outcome.accepted.is_some(),
            wamid: outcome.accepted.as_ref().map(|(id, _)| id.clone()),
            fault: fault.as_ref().map(Fault::name),
            answer: if silent { Value::Null } else { answer_of(&outcome.response) },
            ..note(seen)
        };
        if self.engine.journal.append(entry).is_err() {
            return self.broken();
        }
        if let Some(accepted) = outcome.accepted {
            let failure = match fault.as_ref().map(|fault| &fault.action) {
                Some(Action::Undeliverable(code)) => Some(*code),
                _ => None,
            };
            self.provider.follow(accepted, failure);
        }
        self.reply(fault.map(|fault| fault.action), outcome.response).await
    }

    /// What goes over the wire.
    async fn reply(&self, action: Option<Action>, response: Response<Bytes>) -> Reply {
        match action {
            Some(Action::Hang { .. }) => Reply::Silence,
            Some(Action::Reset { .. }) => Reply::Reset,
            Some(Action::CutBody) => Reply::Cut(response),
            Some(Action::Stall) => Reply::Stall(response),
            Some(Action::Garbage { .. }) => Reply::Wire(Bytes::from_static(b"\x15\x03\x01\x00\x02\x02\x46 no HTTP at all\r\n\r\n")),
            Some(Action::Length(by)) => Reply::Wire(misannounced(&response, by)),
            Some(Action::Oversize(bytes)) => Reply::Stream(padded(response, bytes)),
            Some(Action::Drip { pieces, pause }) => {
                let (head, body) = response.into_parts();
                let length = Some(body.len() as u64);
                let (sender, receiver) = mpsc::channel(1);
                let clock = self.engine.clock.clone();
                let mut due = clock.now_ms();
                drop(tokio::spawn(async move {
                    let size = body.len().div_ceil(usize::try_from(pieces).unwrap_or(usize::MAX)).max(1);
                    for start in (0..body.len()).step_by(size) {
                        due = due.saturating_add(u64::try_from(pause.as_millis()).unwrap_or(u64::MAX));
                        clock.pause_until(due).await;
                        if sender.send(body.slice(start..body.len().min(start + size))).await.is_err() {
                            return;
                        }
                    }
                }));
                Reply::Stream(Response::from_parts(head, Stream { pieces: receiver, length }))
            }
            Some(Action::Slow(delay)) => {
                self.engine.clock.pause(delay).await;
                Reply::Whole(response)
            }
            _ => Reply::Whole(response),
        }
    }

    /// An emulator that cannot keep its journal must not accept anything.
    fn broken(&self) -> Reply {
        Reply::Whole(self.provider.refuse(Refusal::Broken))
    }

    /// The answer of a fault, in the provider's words where it has any.
    fn faulty(&self, fault: &Fault) -> Response<Bytes> {
        let Action::Answer { answer, .. } = &fault.action else { return Response::new(Bytes::new()) };
        match answer {
            Answer::Throttle => self.provider.refuse(Refusal::Throttled),
            Answer::Code { code, status } => self.provider.refuse(Refusal::Code { code: *code, status: *status }),
            Answer::Raw { status, content_type, body } => {
                let mut response = Response::new(Bytes::from(body.clone()));
                *response.status_mut() = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                add_headers(response.headers_mut(), &[(header::CONTENT_TYPE.to_string(), content_type.clone())]);
                response
            }
        }
    }

    /// The answer as the fault leaves it.
    fn disturbed(&self, fault: &Fault, response: Response<Bytes>) -> Response<Bytes> {
        match &fault.action {
            Action::Answer { accepted: true, .. } => self.faulty(fault),
            Action::Change { pointer, value } => changed(response, pointer, value.as_ref()),
            Action::WithoutId => changed(response, P::ID, None),
            _ => response,
        }
    }
}

/// The body of an answer for the journal.
fn answer_of(response: &Response<Bytes>) -> Value {
    let content_type = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if content_type.starts_with("application/json") || content_type.starts_with("text/") {
        return shown(response.body());
    }
    if response.body().is_empty() { Value::Null } else { json!({"bytes": response.body().len()}) }
}

/// Another value at a place of a JSON answer, or none; an answer without such a place stays as it is.
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

/// The whole answer as bytes, with a length that is not its own.
fn misannounced(response: &Response<Bytes>, by: i64) -> Bytes {
    let length = i64::try_from(response.body().len()).unwrap_or(i64::MAX).saturating_add(by).max(0);
    let mut wire = format!("HTTP/1.1 {}\r\ncontent-length: {length}\r\nconnection: close\r\n", response.status()).into_bytes();
    for (name, value) in response.headers() {
        wire.extend_from_slice(name.as_str().as_bytes());
        wire.extend_from_slice(b": ");
        wire.extend_from_slice(value.as_bytes());
        wire.extend_from_slice(b"\r\n");
    }
    wire.extend_from_slice(b"\r\n");
    wire.extend_from_slice(response.body());
    Bytes::from(wire)
}

/// An answer of unknown length with so many bytes more.
fn padded(response: Response<Bytes>, bytes: u64) -> Response<Stream> {
    let (mut head, body) = response.into_parts();
    head.headers.remove(header::CONTENT_LENGTH);
    let (sender, pieces) = mpsc::channel(4);
    drop(tokio::spawn(async move {
        if sender.send(body).await.is_err() {
            return;
        }
        let filling = Bytes::from(vec![0; PIECE]);
        let mut left = bytes;
        while left > 0 {
            let size = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
            if sender.send(filling.slice(..size)).await.is_err() {
                return;
            }
            left -= size as u64;
        }
    }));
    Response::from_parts(head, Stream { pieces, length: None })
}

pub(super) fn add_headers(headers: &mut HeaderMap, added: &[(String, String)]) {
    for (name, value) in added {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name.as_str()), HeaderValue::from_str(value)) {
            headers.insert(name, value);
        }
    }
}
