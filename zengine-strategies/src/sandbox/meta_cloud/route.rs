//! From a request to its answer: authorization, the edge, the fault, the journal.

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use serde_json::{Value, json};

use super::check::Checked;
use super::courier::Courier;
use super::errors::{GraphError, json_answer};
use super::messages::{self, Message, Parsed, Recipient};
use super::payload::Status;
use super::settings::Number;
use super::state::State;
use super::{ids, media, node};
use crate::sandbox::clock;
use crate::sandbox::faults::{Action, Answer, Fault, Target};
use crate::sandbox::journal::Entry;
use crate::sandbox::server::{Reply, Request, Unreadable};

/// Longest body of an upload, and of anything else.
const UPLOAD_BYTES: usize = 101 * 1024 * 1024;
const JSON_BYTES: usize = 4 * 1024 * 1024;

/// Why a message failed, where the plan of webhooks says `failed` and no fault names the code.
const UNDELIVERABLE: i64 = 131_026;

/// The parts of the emulator that requests need.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) state: Arc<State>,
    pub(super) courier: Arc<Courier>,
}

/// An answer, and the message that was accepted with it.
struct Outcome {
    response: Response<Bytes>,
    accepted: Option<Accepted>,
}

struct Accepted {
    number: Number,
    message: Message,
    wamid: String,
}

impl Desk {
    pub(super) async fn handle(self, request: Request) -> Reply {
        let (method, path) = (request.head.method.clone(), request.head.uri.path().to_owned());
        let edges: Vec<&str> = path.trim_matches('/').split('/').collect();
        let number = edges.get(1).filter(|id| self.state.number(id).is_some()).copied();
        let sends = edges.len() == 3 && edges[2] == "messages";
        let target = Target { method: &method, path: &path, number, sends };
        let note = |body| Entry {
            at_ms: clock::now_ms(),
            method: method.to_string(),
            path: path.clone(),
            status: 0,
            accepted: false,
            phone_number_id: number.map(str::to_owned),
            wamid: None,
            fault: None,
            body,
        };
        if let Some(fault) = self.state.faults.take_before_body(target) {
            let written = self.state.journal.append(Entry { fault: Some(fault.name()), ..note(Value::Null) });
            return written.map_or_else(|_| self.broken(), |()| Reply::Reset);
        }
        let is_upload = edges.get(2) == Some(&"media");
        let (head, body) = match request.read(if is_upload { UPLOAD_BYTES } else { JSON_BYTES }).await {
            Ok(read) => read,
            // Half a request is none: the provider never saw it.
            Err(Unreadable::Gone) => return Reply::Reset,
            Err(Unreadable::TooLong) => {
                let written = self.state.journal.append(Entry { status: 413, ..note(Value::Null) });
                let refusal = self.refuse(&GraphError::bad("The request is too large.").with_status(413));
                return written.map_or_else(|_| self.broken(), |()| Reply::Whole(refusal));
            }
        };
        let seen = if body.is_empty() {
            Value::Null
        } else if is_upload {
            json!({"bytes": body.len()})
        } else {
            serde_json::from_slice(&body).unwrap_or_else(|_| String::from_utf8_lossy(&body).into())
        };
        let fault = self.state.faults.take(target, &seen);
        let mut outcome = match &fault {
            Some(fault) if !fault.accepts() => Outcome { response: self.faulty(fault), accepted: None },
            _ => self.answer(&head, &edges, &body, &seen),
        };
        // A refusal of the request itself goes before a fault behind which it would have been accepted.
        let fault = fault.filter(|fault| !fault.accepts() || outcome.response.status().is_success());
        if let Some(fault) = &fault
            && matches!(fault.action, Action::Answer { accepted: true, .. })
        {
            outcome.response = self.faulty(fault);
        }
        if let Some(fault) = &fault {
            add_headers(outcome.response.headers_mut(), &fault.headers);
        }
        let silent = matches!(fault.as_ref().map(|fault| &fault.action), Some(Action::Hang { .. } | Action::Reset { .. }));
        let entry = Entry {
            status: if silent { 0 } else { outcome.response.status().as_u16() },
            accepted: outcome.accepted.is_some(),
            wamid: outcome.accepted.as_ref().map(|accepted| accepted.wamid.clone()),
            fault: fault.as_ref().map(Fault::name),
            ..note(seen)
        };
        if self.state.journal.append(entry).is_err() {
            return self.broken();
        }
        if let Some(accepted) = outcome.accepted {
            self.follow(accepted, fault.as_ref());
        }
        match fault.map(|fault| fault.action) {
            Some(Action::Hang { .. }) => Reply::Silence,
            Some(Action::Reset { .. }) => Reply::Reset,
            Some(Action::CutBody) => Reply::Cut(outcome.response),
            Some(Action::Slow(delay)) => {
                clock::pause(delay).await;
                Reply::Whole(outcome.response)
            }
            Some(Action::Answer { .. } | Action::Undeliverable(_)) | None => Reply::Whole(outcome.response),
        }
    }

    /// An emulator that cannot keep its journal must not accept anything.
    fn broken(&self) -> Reply {
        Reply::Whole(self.refuse(&GraphError::because(131_000, "The emulator cannot write its journal.")))
    }

    fn refuse(&self, error: &GraphError) -> Response<Bytes> {
        error.answer(&self.state.ids.trace())
    }

    /// The answer of a fault, in Meta's words where it has any.
    fn faulty(&self, fault: &Fault) -> Response<Bytes> {
        let Action::Answer { answer, .. } = &fault.action else { return Response::new(Bytes::new()) };
        match answer {
            Answer::Throttle => self.refuse(&GraphError::because(130_429, "Message failed to send because there were too many messages.")),
            Answer::Code { code, status } => {
                let error = GraphError::because(*code, "The emulator was told to fail.");
                self.refuse(&status.map_or(error.clone(), |status| error.with_status(status)))
            }
            Answer::Raw { status, content_type, body } => {
                let mut response = Response::new(Bytes::from(body.clone()));
                *response.status_mut() = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                add_headers(response.headers_mut(), &[(header::CONTENT_TYPE.to_string(), content_type.clone())]);
                response
            }
        }
    }

    fn answer(&self, head: &Parts, edges: &[&str], body: &Bytes, json: &Value) -> Outcome {
        let mut accepted = None;
        let response = match self.dispatch(head, edges, body, json, &mut accepted) {
            Ok(response) => response,
            Err(error) => self.refuse(&error),
        };
        Outcome { response, accepted }
    }

    fn dispatch(
        &self,
        head: &Parts,
        edges: &[&str],
        body: &Bytes,
        json: &Value,
        accepted: &mut Option<Accepted>,
    ) -> Checked<Response<Bytes>> {
        let query = Query::of(head);
        let token = bearer(&head.headers).or_else(|| query.get("access_token"));
        if edges == ["whatsapp_business", "attachments"] && head.method == Method::GET {
            let bearer = bearer(&head.headers);
            return Ok(media::download(&self.state, bearer.as_deref(), query.get("mid").as_deref(), query.get("ext").as_deref()));
        }
        let unknown = || GraphError::unknown_path(head.uri.path());
        let [version, id, edge @ ..] = edges else { return Err(unknown()) };
        if !is_version(version) || id.is_empty() {
            return Err(unknown());
        }
        let proof = query.get("appsecret_proof").or_else(|| json.get("appsecret_proof").and_then(Value::as_str).map(str::to_owned));
        let token = self.state.authenticate(token.as_deref(), proof.as_deref())?;
        let owner = query.get("phone_number_id");
        let fields = query.get("fields");
        let found = match (&head.method, edge) {
            (&Method::POST, ["messages"]) => self.message(head, id, &token, json, accepted)?,
            (&Method::POST, ["media"]) => media::upload(&self.state, &self.state.number_for(&token, id)?, &head.headers, body)?,
            (&Method::GET, ["message_history"]) => {
                let number = self.state.number_for(&token, id)?;
                node::history(&self.state, &number, query.get("message_id").as_deref())?
            }
            (&Method::GET, ["phone_numbers"]) => node::phone_numbers(&self.state, &token, id)?,
            (&Method::GET, []) if self.state.number(id).is_some() => {
                let number = self.state.number_for(&token, id)?;
                node::node(&self.state, &number.id, fields.as_deref())?
            }
            (&Method::GET, []) => media::resolve(&self.state, &token, id, owner.as_deref(), &base_url(head))?,
            (&Method::DELETE, []) => media::delete(&self.state, &token, id, owner.as_deref())?,
            (_, ["messages" | "media"]) => return Err(GraphError::bad(format!("Unsupported {} request.", head.method))),
            _ => return Err(unknown()),
        };
        Ok(json_answer(200, &found))
    }

    fn message(&self, head: &Parts, id: &str, token: &str, json: &Value, accepted: &mut Option<Accepted>) -> Checked<Value> {
        let number = self.state.number_for(token, id)?;
        let content_type = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !content_type.to_ascii_lowercase().starts_with("application/json") || !json.is_object() {
            return Err(GraphError::bad("The request must be a JSON object with the content type application/json."));
        }
        let message = match messages::parse(json, id, &self.state)? {
            Parsed::Read => return Ok(json!({"success": true})),
            Parsed::Message(message) => message,
        };
        let (party, contact) = match &message.recipient {
            Recipient::Phone { input, wa_id } => (wa_id, json!({"input": input, "wa_id": wa_id, "user_id": ids::user_id(wa_id)})),
            Recipient::User { id } => (id, json!({"input": id, "user_id": id})),
            Recipient::Group { id } => (id, json!({"input": id, "wa_id": id})),
        };
        self.state.pace.admit(id, party, clock::now_ms())?;
        let wamid = self.state.ids.message(party, true);
        let mut sent = json!({"id": wamid});
        if let Recipient::Group { id } = &message.recipient {
            sent["group_id"] = id.as_str().into();
        }
        if message.kind == "template" {
            sent["message_status"] = "accepted".into();
        }
        let answer = json!({"messaging_product": "whatsapp", "contacts": [contact], "messages": [sent]});
        *accepted = Some(Accepted { number, message, wamid });
        Ok(answer)
    }

    /// Sends the webhooks that follow an accepted message.
    fn follow(&self, accepted: Accepted, fault: Option<&Fault>) {
        let plan = self.courier.plan();
        let failure = match fault.map(|fault| &fault.action) {
            Some(Action::Undeliverable(code)) => Some(*code),
            _ => None,
        };
        let mut steps = plan.statuses;
        if failure.is_some() {
            // Told even where the plan is silent: without it the failure could not be seen.
            let pause = steps.first().map(|(_, pause)| *pause).unwrap_or_default();
            steps = vec![("failed".to_owned(), pause)];
        } else if accepted.message.kind == "reaction" {
            steps.retain(|(status, _)| status == "sent");
        }
        if steps.is_empty() {
            return;
        }
        let later = steps.iter().map(|(status, _)| status.clone()).find(|status| status != "sent" && status != "failed");
        let (desk, busy) = (self.clone(), self.courier.busy());
        tokio::spawn(async move {
            let Accepted { number, message, wamid } = &accepted;
            for (status, pause) in &steps {
                clock::pause(*pause).await;
                desk.state.record_status(&number.id, wamid, status);
                let priced = status == "sent" || later.as_ref() == Some(status);
                let failure = (status == "failed").then_some(failure.unwrap_or(UNDELIVERABLE));
                desk.courier.submit(Status { number, message, wamid, name: status, priced, failure }.change()).await;
            }
            drop(busy);
        });
    }
}

/// `v` and two numbers, as in `v26.0`.
fn is_version(segment: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.len() <= 3 && text.bytes().all(|c| c.is_ascii_digit());
    segment.strip_prefix('v').and_then(|rest| rest.split_once('.')).is_some_and(|(major, minor)| number(major) && number(minor))
}

fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}

/// The address under which the client reached the emulator.
fn base_url(head: &Parts) -> String {
    let host = head.headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or("127.0.0.1");
    format!("http://{host}")
}

fn add_headers(headers: &mut HeaderMap, added: &[(String, String)]) {
    for (name, value) in added {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name.as_str()), HeaderValue::from_str(value)) {
            headers.insert(name, value);
        }
    }
}

/// The parameters behind `?`.
struct Query<'a>(&'a str);

impl<'a> Query<'a> {
    fn of(head: &'a Parts) -> Self {
        Self(head.uri.query().unwrap_or_default())
    }

    fn get(&self, key: &str) -> Option<String> {
        self.0.split('&').filter_map(|pair| pair.split_once('=')).find(|(name, _)| *name == key).map(|(_, value)| decoded(value))
    }
}

/// Undoes percent encoding.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let escaped = behind.get(..2).filter(|_| *first == b'%').and_then(|pair| std::str::from_utf8(pair).ok());
        if let Some(byte) = escaped.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            bytes.push(byte);
            rest = &behind[2..];
        } else {
            bytes.push(if *first == b'+' { b' ' } else { *first });
            rest = behind;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_have_two_numbers() {
        assert!(is_version("v26.0") && is_version("v9.12"));
        assert!(!is_version("v26") && !is_version("26.0") && !is_version("v26.") && !is_version("vx.0"));
    }

    #[test]
    fn queries_are_decoded() {
        assert_eq!(decoded("a%2Cb+c%zz%C3%A9"), "a,b c%zzé");
    }
}
