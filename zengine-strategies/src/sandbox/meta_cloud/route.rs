//! Routing of requests, and their responses.

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, Response, header};
use serde_json::Value;

use super::control;
use super::handle::{HandshakeError, handshake_url};
use super::settings::Settings;
use super::state::State;
use super::{media, node, oauth, onboarding, subscriptions};
use crate::sandbox::clock::Clock;
use crate::sandbox::control::Call;
use crate::sandbox::journal::Journal;
use crate::sandbox::provider::{Engine, Provider, ProviderRequest, ProviderResponse, Refusal, RequestRoute, StartOptions};
use crate::sandbox::text::is_form;
use crate::sandbox::waba::errors::{GraphError, is_code, json_answer, number_of};
use crate::sandbox::waba::files;
use crate::sandbox::waba::provider::{Accepted, CallAnswer, WhatsApp};
use crate::sandbox::waba::query::Query;
use crate::sandbox::waba::templates::manage;
use crate::sandbox::waba::updates::Update;

/// Maximum length of an upload, and of any other body, in bytes.
const UPLOAD_BYTES: usize = 101 * 1024 * 1024;
const JSON_BYTES: usize = 4 * 1024 * 1024;

/// The Meta part of the emulator.
pub type Meta = WhatsApp<State>;

impl Meta {
    fn dispatch(&self, edge: &str, request: &ProviderRequest<'_>) -> CallAnswer {
        let (head, json) = (request.head, request.json);
        let path = head.uri.path();
        let unknown = || GraphError::unknown_path(path);
        let form = is_form(&head.headers).then(|| std::str::from_utf8(request.body).ok()).flatten();
        let query = Query::new(head.uri.query().unwrap_or_default(), form, format!("{}{path}", base_url(head)));
        let parameter = |key: &str| query.get(key).map(str::to_owned).or_else(|| json.get(key).and_then(Value::as_str).map(str::to_owned));
        let token = bearer(&head.headers).or_else(|| parameter("access_token"));
        let state = &*self.state;
        for token in token.as_deref().into_iter().chain(query.get("input_token")) {
            state.trust(token);
        }
        match (edge, &head.method) {
            ("oauth", &Method::GET | &Method::POST) => return oauth::access_token(state, &query).map(only),
            ("oauth_revoke", &Method::GET | &Method::POST) => return oauth::revoke(state, &query).map(only),
            ("debug_token", &Method::GET) => return oauth::debug_token(state, token.as_deref(), &query).map(only),
            ("unknown", _) => return Err(unknown()),
            _ => {}
        }
        let edges: Vec<&str> = path.trim_matches('/').split('/').collect();
        let [_, id, ..] = edges[..] else { return Err(unknown()) };
        let (proof, time) = (parameter("appsecret_proof"), parameter("appsecret_time"));
        let token = state.authenticate(token.as_deref(), proof.as_deref(), time.as_deref())?;
        if is_management(edge) {
            let account = state.accounts.number(id).map_or_else(|| id.to_owned(), |number| number.waba_id);
            state.shared.rate_limits.manage(&state.shared.rules(), &account, self.engine.clock.now_ms())?;
        }
        if matches!(edge, "subscribed_apps" | "template_list" | "template_create" | "template_delete") {
            state.account_for(&token, id)?;
        }
        let owner = query.get("phone_number_id");
        let may = |account: &str| state.account_for(&token, account).is_ok();
        let found = match (edge, &head.method) {
            ("messages", &Method::POST) => {
                let number = state.number_for(&token, id)?;
                let registered = state.accounts.record(id).is_some_and(|record| record.registered);
                return self.accept(number, registered, &head.headers, json);
            }
            ("media_upload", &Method::POST) => {
                files::upload(&state.shared, &state.number_for(&token, id)?.id, &head.headers, request.body)?
            }
            ("media_url", &Method::GET) => media::resolve(state, &token, id, owner, &base_url(head))?,
            ("media_delete", &Method::DELETE) => media::delete(state, &token, id, owner)?,
            ("message_history", &Method::GET) => node::history(state, &state.number_for(&token, id)?, query.get("message_id"))?,
            ("phone_numbers", &Method::GET) => node::phone_numbers(state, &token, id, &query)?,
            ("node", &Method::GET) => node::node(state, &state.number_for(&token, id)?.id, query.get("fields"))?,
            ("node", &Method::POST) => onboarding::change_number(state, &state.number_for(&token, id)?, json, &query)?,
            ("register" | "deregister" | "request_code" | "verify_code" | "number_settings" | "smb_app_data", &Method::POST) => {
                let number = state.number_for(&token, id)?;
                let (answer, updates) = onboarding::call(state, edge, &number, json, &query)?;
                self.notify(updates);
                answer
            }
            ("subscribed_apps", _) => subscriptions::subscribed_apps(state, &head.method, id, json, &query)?,
            ("template_list", _) => manage::list(&state.shared, id, &query)?,
            ("template_create", _) => {
                let (answer, template) = manage::create(&state.shared, id, json)?;
                self.review(template);
                answer
            }
            ("template_delete", _) => {
                let (answer, updates) = manage::delete(&state.shared, id, &query)?;
                let updates = updates.into_iter().map(|(field, value)| Update::field(id, field, value)).collect();
                self.notify(updates);
                answer
            }
            ("template_node", &Method::GET) => manage::node(&state.shared, may, id, &query)?,
            ("template_edit", _) => {
                let (answer, template) = manage::edit(&state.shared, may, id, json)?;
                self.review(template);
                answer
            }
            ("app_subscriptions", _) => subscriptions::of_app(state, &head.method, id, &token, &query)?,
            ("access_tokens" | "system_user_access_tokens", &Method::POST) => oauth::mint(state, edge, id, &token, &query, json)?,
            _ => return Err(GraphError::bad(format!("Unsupported {} request.", head.method))),
        };
        Ok((found, None))
    }

    /// Performs the handshake with a callback.
    pub(super) async fn handshake(&self, callback: &str, verify_token: &str) -> Result<(), HandshakeError> {
        let challenge = self.state.shared.ids.digits();
        match self.engine.webhooks.get(handshake_url(callback, &challenge, verify_token)).await {
            None => Err(HandshakeError::NoAnswer),
            Some((200, body)) if body == challenge.as_bytes() => Ok(()),
            Some((200, _)) => Err(HandshakeError::WrongChallenge),
            Some((status, _)) => Err(HandshakeError::Refused(status)),
        }
    }

    fn refusal(&self, error: &GraphError) -> Response<Bytes> {
        error.answer(&self.state.shared.ids.trace())
    }
}

impl Provider for Meta {
    type Settings = Settings;
    type State = State;
    type Accepted = Accepted;

    const NAME: &'static str = "whatsapp-meta-cloud";
    const ID: &'static str = "/messages/0/id";
    const CODE: &'static str = "/error/code";
    const SECRETS: &'static [&'static str] =
        &["app_secret", "appsecret_proof", "fb_exchange_token", "hub.verify_token", "input_token", "pin", "revoke_token", "verify_token"];
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
        let versioned = edges.first().is_some_and(|first| is_version(first));
        let number = edges.get(1).filter(|id| versioned && self.state.accounts.exists(id)).map(|id| (*id).to_owned());
        // OAuth also works without a version, as in Meta's own examples.
        let rest = if versioned { &edges[1..] } else { &edges[..] };
        let edge = match rest {
            ["oauth", "access_token"] => "oauth",
            ["oauth", "revoke"] => "oauth_revoke",
            ["debug_token"] => "debug_token",
            ["whatsapp_business", "attachments"] if !versioned => "media_download",
            [id, "message_templates"] if versioned && !id.is_empty() => match head.method {
                Method::POST => "template_create",
                Method::DELETE => "template_delete",
                _ => "template_list",
            },
            [id, name] if versioned && !id.is_empty() => edge_of(name),
            [id] if versioned && !id.is_empty() => self.kind_of(id, &head.method),
            _ => "unknown",
        };
        let is_file = edge == "media_upload";
        RequestRoute { edge, sender: number, sends: edge == "messages", limit: if is_file { UPLOAD_BYTES } else { JSON_BYTES }, is_file }
    }

    async fn answer(&self, request: ProviderRequest<'_>) -> ProviderResponse<Accepted> {
        let head = request.head;
        let edge = self.route(head).edge;
        if edge == "media_download" && head.method == Method::GET {
            let query = Query::new(head.uri.query().unwrap_or_default(), None, String::new());
            let response = media::download(&self.state, bearer(&head.headers).as_deref(), &query);
            return ProviderResponse { response, accepted: None };
        }
        match self.dispatch(edge, &request) {
            Ok((found, accepted)) => ProviderResponse { response: json_answer(200, &found), accepted },
            Err(error) => ProviderResponse { response: self.refusal(&error), accepted: None },
        }
    }

    fn refuse(&self, refusal: Refusal<'_>) -> Response<Bytes> {
        self.refusal(&GraphError::of_engine(refusal))
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

impl Meta {
    /// The kind of request for a path with only an id.
    fn kind_of(&self, id: &str, method: &Method) -> &'static str {
        if self.state.accounts.exists(id) {
            "node"
        } else if self.state.shared.templates.get(id).is_some() {
            if *method == Method::POST { "template_edit" } else { "template_node" }
        } else if *method == Method::DELETE {
            "media_delete"
        } else {
            "media_url"
        }
    }
}

/// The kinds of request that are called like the last part of their path.
const SAME: &str = "messages message_history phone_numbers register deregister request_code verify_code smb_app_data \
     subscribed_apps access_tokens system_user_access_tokens";

/// The kind of request for the last part of a path.
fn edge_of(name: &str) -> &'static str {
    match name {
        "media" => "media_upload",
        "settings" => "number_settings",
        "subscriptions" => "app_subscriptions",
        name => SAME.split(' ').find(|edge| *edge == name).unwrap_or("unknown"),
    }
}

/// Whether requests count towards the hourly quota of an account.
fn is_management(edge: &str) -> bool {
    let others =
        ["messages", "media_upload", "media_url", "media_delete", "access_tokens", "system_user_access_tokens", "app_subscriptions"];
    !others.contains(&edge)
}

fn only(value: Value) -> (Value, Option<(String, Accepted)>) {
    (value, None)
}

/// Whether a segment is a version: `v` and two numbers, such as `v26.0`.
fn is_version(segment: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.len() <= 3 && text.bytes().all(|c| c.is_ascii_digit());
    segment.strip_prefix('v').and_then(|rest| rest.split_once('.')).is_some_and(|(major, minor)| number(major) && number(minor))
}

fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("oauth")).then(|| token.trim().to_owned())
}

/// The emulator's address as used by the client.
fn base_url(head: &Parts) -> String {
    let host = head.headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or("127.0.0.1");
    format!("http://{host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_have_two_numbers() {
        assert!(is_version("v26.0") && is_version("v9.12"));
        assert!(!is_version("v26") && !is_version("26.0") && !is_version("v26.") && !is_version("vx.0"));
    }
}
