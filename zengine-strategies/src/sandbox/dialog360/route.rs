//! Routing of requests, and their responses.

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Response};
use serde_json::{Value, json};

use super::errors::{Failure, json_answer};
use super::registration::{Own, Registration};
use super::settings::Settings;
use super::state::State;
use super::{control, health, media};
use crate::sandbox::clock::Clock;
use crate::sandbox::control::Call;
use crate::sandbox::journal::Journal;
use crate::sandbox::provider::{Engine, Provider, ProviderRequest, ProviderResponse, Refusal, RequestRoute, StartOptions};
use crate::sandbox::waba::Number;
use crate::sandbox::waba::errors::{GraphError, is_code, number_of};
use crate::sandbox::waba::files;
use crate::sandbox::waba::provider::{Accepted, WhatsApp};
use crate::sandbox::waba::query::Query;

/// Maximum length of an upload, and of any other body, in bytes.
const UPLOAD_BYTES: usize = 101 * 1024 * 1024;
const JSON_BYTES: usize = 4 * 1024 * 1024;

/// The path of sends in the provider's sandbox, which answers 201.
const SANDBOX_MESSAGES: &str = "/v1/messages";

/// The 360dialog part of the emulator.
pub type Dialog = WhatsApp<State>;

type Answer = Result<ProviderResponse<Accepted>, Failure>;

impl Dialog {
    fn dispatch(&self, edge: &str, request: &ProviderRequest<'_>) -> Answer {
        let (head, state) = (request.head, &*self.state);
        let path = head.uri.path();
        let number = state.sender(&head.headers).ok_or_else(Failure::key)?;
        let query = Query::new(head.uri.query().unwrap_or_default(), None, path.to_owned());
        let id = path.trim_matches('/');
        let now_ms = self.engine.clock.now_ms();
        if matches!(edge, "media_url" | "media_download")
            && state.change(&number.id, |record| record.calls.is_blocked(now_ms)) == Some(true)
        {
            return Err(Failure::throttled());
        }
        let found = match (edge, &head.method) {
            ("messages", &Method::POST) => {
                let (answer, accepted) = self.accept(number, true, &head.headers, request.json)?;
                let status = if path == SANDBOX_MESSAGES { 201 } else { 200 };
                return Ok(ProviderResponse { response: json_answer(status, &answer), accepted });
            }
            ("media_upload", &Method::POST) => {
                if state.change(&number.id, |record| record.calls.upload(now_ms)) != Some(true) {
                    return Err(Failure::throttled());
                }
                files::upload(&state.shared, &number.id, &head.headers, request.body).map_err(|error| Failure::told(&error))?
            }
            ("media_url", _) => media::look_up(state, &number, id)?,
            ("media_delete", _) => media::delete(state, &number, id)?,
            ("media_download", &Method::GET) => {
                return Ok(ProviderResponse { response: media::download(state, &number, &query)?, accepted: None });
            }
            ("health_status", &Method::GET) => {
                let record = state.record(&number.id).ok_or_else(Failure::key)?;
                health::status(&record.node, query.get("fields"))?
            }
            ("number_webhook", method) => number_webhook(state, &number, method, request.json)?,
            ("account_webhook", method) => account_webhook(state, &number, method, request.json)?,
            ("unknown", _) => return Err(Failure::blocked(path)),
            _ => return Err(Failure::method()),
        };
        Ok(ProviderResponse { response: json_answer(200, &found), accepted: None })
    }

    fn refusal(&self, failure: &Failure) -> Response<Bytes> {
        failure.answer(&self.state.shared.ids.trace())
    }
}

/// `GET`, `POST /v1/configs/webhook`.
fn number_webhook(state: &State, number: &Number, method: &Method, json: &Value) -> Result<Value, Failure> {
    match *method {
        Method::POST => {
            let registration = Registration::read(json, &[]).map_err(|text| Failure::Config(400, text))?;
            state.hide(&registration);
            let shown = registration.shown();
            state.change(&number.id, |record| record.webhook = Own::Set(registration));
            Ok(shown)
        }
        Method::GET => {
            let found = match state.record(&number.id).map(|record| record.webhook) {
                Some(Own::Set(registration)) => Some(registration),
                Some(Own::AtStart) => state.at_start(),
                Some(Own::Cleared) | None => None,
            };
            found.map(|registration| registration.shown()).ok_or_else(|| Failure::Config(404, "Webhook is not set".to_owned()))
        }
        _ => Err(Failure::method()),
    }
}

/// `GET`, `POST /waba_webhook`.
fn account_webhook(state: &State, number: &Number, method: &Method, json: &Value) -> Result<Value, Failure> {
    let account = &number.waba_id;
    match *method {
        Method::POST => {
            let refused = |text: String| Failure::Handler(400, text);
            let registration = Registration::read(json, &["override_all"]).map_err(refused)?;
            let replaces = match json.get("override_all") {
                None => false,
                Some(value) => value.as_bool().ok_or_else(|| refused("The field override_all must be a boolean.".to_owned()))?,
            };
            state.hide(&registration);
            state.register(account, registration, replaces);
            Ok(json!({"message": "Operation started"}))
        }
        Method::GET => {
            let registration = state.of_account(account).ok_or_else(|| Failure::Handler(404, "Webhook is not set".to_owned()))?;
            let numbers = state.records().into_iter().filter(|record| record.number.waba_id == *account);
            let mut shown = registration.shown();
            shown["waba_id"] = account.as_str().into();
            shown["phone_numbers"] = numbers.map(|record| record.number.display).collect();
            Ok(shown)
        }
        _ => Err(Failure::method()),
    }
}

impl Provider for Dialog {
    type Settings = Settings;
    type State = State;
    type Accepted = Accepted;

    const NAME: &'static str = "whatsapp-360dialog";
    const ID: &'static str = "/messages/0/id";
    const CODE: &'static str = "/error/code";
    const SECRETS: &'static [&'static str] = &["key", "platform_secret"];
    const CALLS: &'static [Call<Self>] = control::CALLS;

    fn options(settings: &Settings) -> StartOptions {
        let Settings { port, seed, journal, webhooks, .. } = settings;
        StartOptions { port: *port, seed: seed.unwrap_or(1), journal: journal.clone(), webhooks: webhooks.clone() }
    }

    fn open(settings: Settings, clock: &Clock, journal: &Arc<Journal>) -> State {
        State::new(settings, clock, journal)
    }

    fn new(state: Arc<State>, engine: Arc<Engine>) -> Self {
        Self { state, engine }
    }

    fn route(&self, head: &Parts) -> RequestRoute {
        let edges: Vec<&str> = head.uri.path().trim_matches('/').split('/').collect();
        let edge = match (&edges[..], &head.method) {
            (["messages"] | ["v1", "messages"], _) => "messages",
            (["media"], _) => "media_upload",
            (["whatsapp_business", "attachments"], _) => "media_download",
            (["health_status"], _) => "health_status",
            (["v1", "configs", "webhook"], _) => "number_webhook",
            (["waba_webhook"], _) => "account_webhook",
            ([id], &Method::GET) if is_media_id(id) => "media_url",
            ([id], &Method::DELETE) if is_media_id(id) => "media_delete",
            _ => "unknown",
        };
        let is_file = edge == "media_upload";
        let sender = self.state.sender(&head.headers).map(|number| number.id);
        RequestRoute { edge, sender, sends: edge == "messages", limit: if is_file { UPLOAD_BYTES } else { JSON_BYTES }, is_file }
    }

    async fn answer(&self, request: ProviderRequest<'_>) -> ProviderResponse<Accepted> {
        let edge = self.route(request.head).edge;
        self.dispatch(edge, &request).unwrap_or_else(|failure| ProviderResponse { response: self.refusal(&failure), accepted: None })
    }

    fn refuse(&self, refusal: Refusal<'_>) -> Response<Bytes> {
        self.refusal(&match refusal {
            Refusal::TooLong => Failure::Gateway(413, 413, "The request is too large".to_owned()),
            other => GraphError::of_engine(other).into(),
        })
    }

    fn is_code(code: &str) -> bool {
        is_code(code)
    }

    fn follow(&self, accepted: (String, Accepted), failure: Option<&str>) {
        self.statuses(accepted, failure.map(number_of));
    }

    fn state(&self) -> Value {
        control::state(&self.state)
    }

    fn reset(&self) {
        self.state.reset();
    }
}

fn is_media_id(segment: &str) -> bool {
    !segment.is_empty() && segment.bytes().all(|b| b.is_ascii_digit())
}
