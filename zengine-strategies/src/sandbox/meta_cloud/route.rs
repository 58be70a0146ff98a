//! Routing of requests, and their responses.

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, Response, header};
use serde_json::{Value, json};

use super::control;
use super::handle::{HandshakeError, handshake_url};
use super::query::Query;
use super::settings::Settings;
use super::state::{Sending, State};
use super::updates::Update;
use super::{media, node, oauth, onboarding, subscriptions, templates};
use crate::sandbox::Delivery;
use crate::sandbox::clock::Clock;
use crate::sandbox::control::Call;
use crate::sandbox::journal::Journal;
use crate::sandbox::provider::{Engine, Provider, ProviderRequest, ProviderResponse, Refusal, RequestRoute, StartOptions};
use crate::sandbox::text::{content_type, is_form};
use crate::sandbox::waba::Number;
use crate::sandbox::waba::check::Checked;
use crate::sandbox::waba::errors::{GraphError, json_answer};
use crate::sandbox::waba::ids;
use crate::sandbox::waba::messages::{self, Message, Parsed, Recipient};
use crate::sandbox::waba::payload::Status;
use crate::sandbox::waba::templates::{Template, TemplateUpdate};
use crate::sandbox::webhooks::{Signature, StatusStep};

/// Maximum length of an upload, and of any other body, in bytes.
const UPLOAD_BYTES: usize = 101 * 1024 * 1024;
const JSON_BYTES: usize = 4 * 1024 * 1024;

/// Default error code of a `failed` status.
const UNDELIVERABLE: i64 = 131_026;

/// The Meta part of the emulator.
#[derive(Clone)]
pub struct Meta {
    pub(super) state: Arc<State>,
    pub(super) engine: Arc<Engine>,
}

redacted!(Meta {});

/// An accepted message.
#[derive(Debug)]
pub struct Accepted {
    number: Number,
    message: Message,
}

impl Meta {
    fn dispatch(&self, edge: &str, request: &ProviderRequest<'_>) -> Checked<(Value, Option<(String, Accepted)>)> {
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
            let account = state.number(id).map_or_else(|| id.to_owned(), |number| number.waba_id);
            state.rate_limits.manage(&state.rules(), &account, self.engine.clock.now_ms())?;
        }
        if matches!(edge, "subscribed_apps" | "template_list" | "template_create" | "template_delete") {
            state.account_for(&token, id)?;
        }
        let owner = query.get("phone_number_id");
        let found = match (edge, &head.method) {
            ("messages", &Method::POST) => return self.message(head, id, &token, json),
            ("media_upload", &Method::POST) => media::upload(state, &state.number_for(&token, id)?, &head.headers, request.body)?,
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
            ("template_list", _) => templates::list(state, id, &query)?,
            ("template_create", _) => {
                let (answer, template) = templates::create(state, id, json)?;
                self.review(template);
                answer
            }
            ("template_delete", _) => {
                let (answer, updates) = templates::delete(state, id, &query)?;
                let updates = updates.into_iter().map(|(field, value)| Update::field(id, field, value)).collect();
                self.notify(updates);
                answer
            }
            ("template_node", &Method::GET) => templates::node(state, &token, id, &query)?,
            ("template_edit", _) => {
                let (answer, template) = templates::edit(state, &token, id, json)?;
                self.review(template);
                answer
            }
            ("app_subscriptions", _) => subscriptions::of_app(state, &head.method, id, &token, &query)?,
            ("access_tokens" | "system_user_access_tokens", &Method::POST) => oauth::mint(state, edge, id, &token, &query, json)?,
            _ => return Err(GraphError::bad(format!("Unsupported {} request.", head.method))),
        };
        Ok((found, None))
    }

    fn message(&self, head: &Parts, id: &str, token: &str, json: &Value) -> Checked<(Value, Option<(String, Accepted)>)> {
        let number = self.state.number_for(token, id)?;
        if !content_type(&head.headers).to_ascii_lowercase().starts_with("application/json") || !json.is_object() {
            return Err(GraphError::bad("The request must be a JSON object with the content type application/json."));
        }
        let message = match messages::parse(json, &Sending { state: &self.state, number: &number })? {
            Parsed::Read => return Ok((json!({"success": true}), None)),
            Parsed::Message(message) => message,
        };
        let (party, contact) = match &message.recipient {
            Recipient::Phone { input, wa_id } => (wa_id, json!({"input": input, "wa_id": wa_id, "user_id": ids::user_id(wa_id)})),
            Recipient::User { id } => (id, json!({"input": id, "user_id": id})),
            Recipient::Group { id } => (id, json!({"input": id, "wa_id": id})),
        };
        self.state.rate_limits.admit(&self.state.rules(), &number, party, self.engine.clock.now_ms())?;
        let wamid = self.state.ids.message(party, true);
        let mut sent = json!({"id": wamid});
        if let Recipient::Group { id } = &message.recipient {
            sent["group_id"] = id.as_str().into();
        }
        if message.kind == "template" {
            sent["message_status"] = "accepted".into();
        }
        let answer = json!({"messaging_product": "whatsapp", "contacts": [contact], "messages": [sent]});
        Ok((answer, Some((wamid, Accepted { number, message }))))
    }

    /// Sends several updates in one POST and waits for its end.
    pub(super) async fn send(&self, updates: Vec<Update>) -> Delivery {
        let base_url = self.engine.base_url();
        let found: Vec<_> = updates.into_iter().filter_map(|update| update.item(&self.state, &base_url)).collect();
        let id = found.iter().find_map(|(_, id)| id.clone());
        if found.is_empty() {
            return Delivery::held(self.engine.clock.now_ms(), None);
        }
        self.engine.webhooks.deliver(found.into_iter().map(|(item, _)| item).collect(), id).await
    }

    /// Posts these bytes to the app's callback.
    pub(super) async fn send_raw(&self, body: Bytes, signature: Signature) -> Delivery {
        self.engine.webhooks.deliver_raw(self.state.callback(), body, signature).await
    }

    /// Sends updates in the background, one POST each, in order.
    pub(super) fn notify(&self, updates: Vec<Update>) {
        if updates.is_empty() {
            return;
        }
        let (state, base_url) = (Arc::clone(&self.state), self.engine.base_url());
        let webhooks = Arc::clone(&self.engine.webhooks);
        self.engine.webhooks.background(async move {
            for (item, _) in updates.into_iter().filter_map(|update| update.item(&state, &base_url)) {
                webhooks.submit(item).await;
            }
        });
    }

    /// Reviews a template in the background, as configured.
    fn review(&self, template: Template) {
        let review = &self.state.settings.review;
        let Some(verdict) = review.verdict.clone() else { return };
        let (due, clock) = (self.engine.clock.due(review.after), self.engine.clock.clone());
        let (state, webhooks) = (Arc::clone(&self.state), Arc::clone(&self.engine.webhooks));
        self.engine.webhooks.background(async move {
            clock.pause_until(due).await;
            let changed = state.templates.change(
                |other| other.id == template.id && other.status == "PENDING",
                |template| match &verdict {
                    Ok(()) => template.set_status("APPROVED", None),
                    Err(reason) => template.set_status("REJECTED", Some(reason)),
                },
            );
            for item in changed.into_iter().flat_map(|(template, update)| state.items(&template, &update)) {
                webhooks.submit(item).await;
            }
        });
    }

    /// Changes a template and waits until its webhooks are delivered. `None` if there is no such template.
    pub(super) async fn change_template(
        &self,
        name: &str,
        language: &str,
        change: impl FnOnce(&mut Template) -> TemplateUpdate,
    ) -> Option<Delivery> {
        let fits = |template: &Template| template.name == name && template.language == language;
        let (template, update) = self.state.templates.change(fits, change)?;
        Some(self.engine.webhooks.deliver(self.state.items(&template, &update), None).await)
    }

    /// Performs the handshake with a callback.
    pub(super) async fn handshake(&self, callback: &str, verify_token: &str) -> Result<(), HandshakeError> {
        let challenge = self.state.ids.digits();
        match self.engine.webhooks.get(handshake_url(callback, &challenge, verify_token)).await {
            None => Err(HandshakeError::NoAnswer),
            Some((200, body)) if body == challenge.as_bytes() => Ok(()),
            Some((200, _)) => Err(HandshakeError::WrongChallenge),
            Some((status, _)) => Err(HandshakeError::Refused(status)),
        }
    }

    fn refusal(&self, error: &GraphError) -> Response<Bytes> {
        error.answer(&self.state.ids.trace())
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

    fn route(&self, method: &Method, path: &str) -> RequestRoute {
        let edges: Vec<&str> = path.trim_matches('/').split('/').collect();
        let versioned = edges.first().is_some_and(|first| is_version(first));
        let number = edges.get(1).filter(|id| versioned && self.state.accounts.exists(id)).map(|id| (*id).to_owned());
        // OAuth also works without a version, as in Meta's own examples.
        let rest = if versioned { &edges[1..] } else { &edges[..] };
        let edge = match rest {
            ["oauth", "access_token"] => "oauth",
            ["oauth", "revoke"] => "oauth_revoke",
            ["debug_token"] => "debug_token",
            ["whatsapp_business", "attachments"] if !versioned => "media_download",
            [id, "message_templates"] if versioned && !id.is_empty() => match *method {
                Method::POST => "template_create",
                Method::DELETE => "template_delete",
                _ => "template_list",
            },
            [id, name] if versioned && !id.is_empty() => edge_of(name),
            [id] if versioned && !id.is_empty() => self.kind_of(id, method),
            _ => "unknown",
        };
        let is_file = edge == "media_upload";
        RequestRoute { edge, sender: number, sends: edge == "messages", limit: if is_file { UPLOAD_BYTES } else { JSON_BYTES }, is_file }
    }

    async fn answer(&self, request: ProviderRequest<'_>) -> ProviderResponse<Accepted> {
        let head = request.head;
        let edge = self.route(&head.method, head.uri.path()).edge;
        if edge == "media_download" && head.method == Method::GET {
            let query = Query::new(head.uri.query().unwrap_or_default(), None, String::new());
            let response = media::download(&self.state, bearer(&head.headers).as_deref(), query.get("mid"), query.get("ext"));
            return ProviderResponse { response, accepted: None };
        }
        match self.dispatch(edge, &request) {
            Ok((found, accepted)) => ProviderResponse { response: json_answer(200, &found), accepted },
            Err(error) => ProviderResponse { response: self.refusal(&error), accepted: None },
        }
    }

    fn refuse(&self, refusal: Refusal<'_>) -> Response<Bytes> {
        let error = match refusal {
            Refusal::TooLong => GraphError::bad("The request is too large.").with_status(413),
            Refusal::JournalFailed => GraphError::because(131_000, "The emulator cannot write its journal."),
            Refusal::Throttled => GraphError::because(130_429, "Message failed to send because there were too many messages."),
            Refusal::Code { code, status } => {
                let error = GraphError::because(number_of(code), "Error injected by the emulator.");
                status.map_or(error.clone(), |status| error.with_status(status))
            }
        };
        self.refusal(&error)
    }

    fn is_code(code: &str) -> bool {
        code.parse::<i64>().is_ok()
    }

    fn follow(&self, (wamid, accepted): (String, Accepted), failure: Option<&str>) {
        let failure = failure.map(number_of);
        let mut steps = self.engine.webhooks.settings().statuses;
        if failure.is_some() {
            // Sent even if the settings have no statuses: the failure would otherwise be invisible.
            let ms = steps.first().map_or(0, |step| step.ms);
            steps = vec![StatusStep { status: "failed".to_owned(), ms }];
        } else if accepted.message.kind == "reaction" {
            steps.retain(|step| step.status == "sent");
        }
        if steps.is_empty() {
            return;
        }
        let later = steps.iter().map(|step| step.status.clone()).find(|status| status != "sent" && status != "failed");
        let (state, clock) = (Arc::clone(&self.state), self.engine.clock.clone());
        let webhooks = Arc::clone(&self.engine.webhooks);
        let mut due = clock.now_ms();
        self.engine.webhooks.background(async move {
            let Accepted { number, message } = &accepted;
            for StatusStep { status, ms } in &steps {
                due = due.saturating_add(*ms);
                clock.pause_until(due).await;
                state.record_status(&number.id, &wamid, status);
                let priced = status == "sent" || later.as_ref() == Some(status);
                let failure = (status == "failed").then_some(failure.unwrap_or(UNDELIVERABLE));
                let status = Status { number, message, wamid: &wamid, name: status, priced, failure, at_s: clock.now_s() };
                webhooks.submit(status.item()).await;
            }
        });
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
        } else if self.state.templates.get(id).is_some() {
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

/// A code of a fault as Graph's number; other texts are its unknown error.
fn number_of(code: &str) -> i64 {
    code.parse().unwrap_or(1)
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
