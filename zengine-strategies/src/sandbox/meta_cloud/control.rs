//! The Meta emulator's own control calls.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::inbound::Inbound;
use super::route::Meta;
use super::settings::{Number, Rules, Webhooks};
use super::state::State;
use super::templates::{Template, changed};
use super::tokens::Signup;
use super::updates::Update;
use super::{media, oauth};
use crate::sandbox::control::{ControlCall, ControlError, at_index};
use crate::sandbox::provider::millis;
use crate::sandbox::webhooks::Signature;
use crate::sandbox::{Delivery, form, lock};

pub(super) const CALLS: &[(&str, &str)] = &[
    ("GET /_sandbox/credentials", "app id, app secret, verify token, and the token of every number"),
    (
        "POST /_sandbox/updates",
        "one webhook POST of one update or of several in an array, waiting for its end unless ?wait=false: {\"number\", \"message\"|\"text\"+\"from\"|\"status\"|\"field\"+\"value\"}",
    ),
    ("POST /_sandbox/webhooks/raw", "posts the body as it is; ?signature=true|wrong|none"),
    ("GET /_sandbox/webhooks", "callback and plan of webhooks"),
    ("PUT /_sandbox/webhooks", "changes them: {\"callback\", \"statuses\", \"copies\", \"batch\", \"redelivery_ms\", \"timeout_ms\"}"),
    ("POST /_sandbox/handshake", "verifies the callback: {\"verify_token\"}"),
    ("GET /_sandbox/rules", "the rules that can be switched"),
    ("PUT /_sandbox/rules", "switches them: {\"throughput\": 80, \"pair_limit\": true, …}"),
    ("POST /_sandbox/numbers", "adds a number: {\"id\", \"account\", \"token\", \"display_number\", \"name\", \"fresh\", \"coexisting\"}"),
    ("POST /_sandbox/node", "sets a field of a number's node: {\"number\", \"field\", \"value\"}"),
    ("GET /_sandbox/verification-code", "the code that was sent last: ?number="),
    ("POST /_sandbox/codes", "a code of embedded signup: {\"accounts\": [\"900100\"], \"days\": 60, \"redirect_uri\"}"),
    (
        "POST /_sandbox/tokens",
        "ends a token or lets it expire: {\"token\"|\"number\", \"subcode\": 467|\"expire_in_ms\"}; or issues a short-lived one: {\"accounts\"}",
    ),
    ("POST /_sandbox/media", "stores the body as a file that a number received; ?number=&type=image/png"),
    ("GET /_sandbox/templates", "the templates of all accounts"),
    ("POST /_sandbox/templates", "adds a template: {\"name\", \"language\", \"account\", \"category\", \"status\", \"components\"}"),
    ("PUT /_sandbox/templates", "changes one, with its webhook: {\"name\", \"language\", \"status\"+\"reason\"|\"quality\"|\"category\"}"),
    ("GET /_sandbox/deliveries", "what became of the webhooks"),
];

/// Handles a call; `None` if there is no such call.
pub(super) async fn answer(meta: &Meta, call: &ControlCall<'_>) -> Option<Result<Value, ControlError>> {
    Some(match (call.method.as_str(), call.path) {
        ("GET", "credentials") => Ok(credentials(&meta.state)),
        ("POST", "updates") => updates(meta, call).await,
        ("POST", "webhooks/raw") => raw(meta, call).await,
        ("GET", "webhooks") => Ok(webhooks(&meta.state)),
        ("PUT", "webhooks") => set_webhooks(meta, call),
        ("POST", "handshake") => handshake(meta, call).await,
        ("GET", "rules") => Ok(rules(&meta.state)),
        ("PUT", "rules") => set_rules(meta, call),
        ("POST", "numbers") => add_number(meta, call),
        ("POST", "node") => set_node(meta, call),
        ("GET", "verification-code") => verification_code(meta, call),
        ("POST", "codes") => issue_code(meta, call),
        ("POST", "tokens") => tokens(meta, call),
        ("POST", "media") => add_media(meta, call),
        ("GET", "templates") => {
            let nodes: Vec<_> = meta.state.templates.all().iter().map(|template| Value::from(template.node())).collect();
            Ok(json!({"templates": nodes}))
        }
        ("POST", "templates") => add_template(meta, call),
        ("PUT", "templates") => change_template(meta, call).await,
        ("GET", "deliveries") => Ok(json!({"deliveries": meta.engine.webhooks.log().iter().map(delivery).collect::<Vec<_>>()})),
        _ => return None,
    })
}

/// The Meta part of the control call `state`.
pub(super) fn state(state: &State) -> Value {
    let numbers: Vec<_> = state
        .accounts
        .records(|_| true)
        .into_iter()
        .map(|record| {
            json!({
                "id": record.number.id,
                "account": record.number.waba_id,
                "display_number": record.number.display,
                "name": record.number.name,
                "registered": record.registered,
                "coexisting": record.number.coexists,
                "status": record.node.get("status"),
                "quality_rating": record.node.get("quality_rating"),
                "callback": record.callback.map(|callback| callback.url),
            })
        })
        .collect();
    json!({
        "app_id": state.settings.app_id,
        "business_id": state.settings.business_id,
        "callback": state.callback(),
        "numbers": numbers,
        "subscribed_accounts": state.accounts.subscribed(),
        "valid_tokens": state.tokens.count(),
        "media": lock(&state.media).len(),
        "templates": state.templates.all().len(),
    })
}

fn credentials(state: &State) -> Value {
    let numbers: Vec<_> =
        state.accounts.records(|_| true).into_iter().map(|record| json!({"id": record.number.id, "token": record.number.token})).collect();
    json!({
        "app_id": state.settings.app_id,
        "app_secret": state.settings.app_secret,
        "app_token": state.settings.app_token(),
        "verify_token": state.settings.verify_token,
        "business_id": state.settings.business_id,
        "system_user_id": state.settings.system_user_id,
        "numbers": numbers,
    })
}

/// One update, in one of its forms.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct UpdateForm {
    number: String,
    message: Option<Value>,
    from: Option<String>,
    text: Option<String>,
    name: Option<String>,
    status: Option<Value>,
    field: Option<String>,
    value: Option<Value>,
}

impl UpdateForm {
    fn update(self) -> Result<Update, &'static str> {
        let forms = "give one of `message`, `text` with `from`, `status`, or `field` with `value`";
        let named = |mut message: Inbound| {
            if let Some(name) = self.name {
                message = message.named(name);
            }
            message
        };
        match (self.message, self.text, self.status, self.field) {
            (Some(message @ Value::Object(_)), None, None, None) => Ok(Update::message(self.number, named(Inbound::raw(message)))),
            (Some(_), None, None, None) => Err("`message` must be an object"),
            (None, Some(text), None, None) => {
                let from = self.from.ok_or("`text` needs `from`, the digits of a phone number")?;
                Ok(Update::message(self.number, named(Inbound::text(from, text))))
            }
            (None, None, Some(status @ Value::Object(_)), None) => Ok(Update::raw_status(self.number, status)),
            (None, None, Some(_), None) => Err("`status` must be an object, an element of `statuses`"),
            (None, None, None, Some(field)) => Ok(Update::field(self.number, field, self.value.ok_or("`field` needs `value`")?)),
            _ => Err(forms),
        }
    }
}

async fn updates(meta: &Meta, call: &ControlCall<'_>) -> Result<Value, ControlError> {
    let list = call.list()?;
    let (count, mut updates) = (list.len(), Vec::new());
    for (index, value) in list.into_iter().enumerate() {
        let form: UpdateForm = form::read(&value).map_err(|error| at_index(index, count, &error))?;
        if form.field.is_none() && !meta.state.accounts.exists(&form.number) {
            return Err(at_index(index, count, &format!("there is no number `{}`", form.number)));
        }
        updates.push(form.update().map_err(|error| at_index(index, count, error))?);
    }
    if updates.is_empty() {
        return Err(ControlError::bad_request("there is no update"));
    }
    match call.parameter("wait") {
        None | Some("true") => Ok(delivery(&meta.send(updates).await)),
        Some("false") => {
            let (later, guard) = (meta.clone(), meta.engine.webhooks.pending_guard());
            drop(tokio::spawn(async move {
                later.send(updates).await;
                drop(guard);
            }));
            Ok(json!({"queued": true}))
        }
        Some(_) => Err(ControlError::bad_request("`wait` must be true or false")),
    }
}

fn delivery(delivery: &Delivery) -> Value {
    json!({
        "at_ms": delivery.at_ms,
        "attempts": delivery.attempts,
        "status": delivery.status,
        "delivered": delivery.is_delivered(),
        "message_id": delivery.message_id,
    })
}

async fn raw(meta: &Meta, call: &ControlCall<'_>) -> Result<Value, ControlError> {
    let signature = match call.parameter("signature") {
        None | Some("true") => Signature::Valid,
        Some("wrong") => Signature::Wrong,
        Some("none") => Signature::Absent,
        Some(_) => return Err(ControlError::bad_request("`signature` must be true, wrong or none")),
    };
    Ok(delivery(&meta.send_raw(call.body.clone(), signature).await))
}

fn webhooks(state: &State) -> Value {
    let Webhooks { statuses, plan } = state.webhooks();
    let statuses: Vec<_> = statuses.iter().map(|(status, pause)| json!({"status": status, "ms": millis(*pause)})).collect();
    json!({
        "callback": state.callback(),
        "statuses": statuses,
        "copies": plan.copies,
        "batch": plan.batch.map(|(most, within)| json!({"most": most, "ms": millis(within)})),
        "redelivery_ms": plan.redelivery.into_iter().map(millis).collect::<Vec<_>>(),
        "timeout_ms": millis(plan.timeout),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
#[allow(clippy::option_option, reason = "null is not the same as absent")]
struct WebhooksForm {
    #[serde(default, deserialize_with = "present")]
    callback: Option<Option<String>>,
    statuses: Option<Vec<StatusForm>>,
    copies: Option<u32>,
    #[serde(default, deserialize_with = "present")]
    batch: Option<Option<BatchForm>>,
    redelivery_ms: Option<Vec<u64>>,
    timeout_ms: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct StatusForm {
    status: String,
    #[serde(default)]
    ms: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct BatchForm {
    most: usize,
    ms: u64,
}

/// Distinguishes `null` from absence.
fn present<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

fn set_webhooks(meta: &Meta, call: &ControlCall<'_>) -> Result<Value, ControlError> {
    let form: WebhooksForm = call.read()?;
    let mut webhooks = meta.state.webhooks();
    if let Some(Some(url)) = &form.callback
        && !url.starts_with("http://")
    {
        return Err(ControlError::bad_request("`callback` must begin with http://: the emulator speaks no TLS"));
    }
    if let Some(statuses) = form.statuses {
        webhooks = webhooks.with_statuses(statuses.into_iter().map(|form| (form.status, Duration::from_millis(form.ms))));
    }
    if let Some(copies) = form.copies {
        webhooks = webhooks.with_copies(copies);
    }
    match form.batch {
        Some(Some(BatchForm { most, ms })) => webhooks = webhooks.batched(most, Duration::from_millis(ms)),
        Some(None) => webhooks.plan.batch = None,
        None => {}
    }
    if let Some(pauses) = form.redelivery_ms {
        webhooks = webhooks.with_redelivery(pauses.into_iter().map(Duration::from_millis));
    }
    if let Some(ms) = form.timeout_ms {
        webhooks = webhooks.with_timeout(Duration::from_millis(ms));
    }
    if let Some(callback) = form.callback {
        meta.state.set_callback(callback);
    }
    meta.engine.webhooks.set_plan(webhooks.plan.clone());
    meta.state.set_webhooks(webhooks);
    Ok(self::webhooks(&meta.state))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct HandshakeForm {
    verify_token: Option<String>,
}

async fn handshake(meta: &Meta, call: &ControlCall<'_>) -> Result<Value, ControlError> {
    let form: HandshakeForm = call.read()?;
    let callback = meta.state.callback().ok_or_else(|| ControlError::bad_request("no callback address is set: PUT /_sandbox/webhooks"))?;
    let token = form.verify_token.as_deref().unwrap_or(&meta.state.settings.verify_token);
    Ok(match meta.handshake(&callback, token).await {
        Ok(()) => json!({"verified": true}),
        Err(error) => json!({"verified": false, "reason": error.to_string()}),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
#[allow(clippy::option_option, reason = "null is not the same as absent")]
struct RulesForm {
    known_templates_only: Option<bool>,
    known_media_only: Option<bool>,
    appsecret_proof: Option<bool>,
    service_window: Option<bool>,
    pair_limit: Option<bool>,
    #[serde(default, deserialize_with = "present")]
    throughput: Option<Option<u32>>,
    #[serde(default, deserialize_with = "present")]
    management_limit: Option<Option<u32>>,
}

fn rules(state: &State) -> Value {
    let Rules { known_templates_only, known_media_only, proof_required, window_enforced, pairs_limited, per_second, per_hour } =
        state.rules();
    json!({
        "known_templates_only": known_templates_only,
        "known_media_only": known_media_only,
        "appsecret_proof": proof_required,
        "service_window": window_enforced,
        "pair_limit": pairs_limited,
        "throughput": per_second,
        "management_limit": per_hour,
    })
}

fn set_rules(meta: &Meta, call: &ControlCall<'_>) -> Result<Value, ControlError> {
    let form: RulesForm = call.read()?;
    let mut all = meta.state.rules();
    for (rule, given) in [
        (&mut all.known_templates_only, form.known_templates_only),
        (&mut all.known_media_only, form.known_media_only),
        (&mut all.proof_required, form.appsecret_proof),
        (&mut all.window_enforced, form.service_window),
        (&mut all.pairs_limited, form.pair_limit),
    ] {
        *rule = given.unwrap_or(*rule);
    }
    all.per_second = form.throughput.unwrap_or(all.per_second);
    all.per_hour = form.management_limit.unwrap_or(all.per_hour);
    meta.state.set_rules(all);
    Ok(rules(&meta.state))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct NumberForm {
    id: String,
    account: String,
    token: Option<String>,
    display_number: Option<String>,
    name: Option<String>,
    #[serde(default)]
    fresh: bool,
    #[serde(default)]
    coexisting: bool,
}

fn add_number(meta: &Meta, call: &ControlCall<'_>) -> Result<Value, ControlError> {
    let form: NumberForm = call.read()?;
    if form.id.is_empty() || form.account.is_empty() {
        return Err(ControlError::bad_request("`id` and `account` must not be empty"));
    }
    let mut number = Number::new(form.id, form.account);
    if let Some(token) = form.token {
        number = number.with_token(token);
    }
    if let Some(display) = form.display_number {
        number = number.with_display_number(display);
    }
    if let Some(name) = form.name {
        number = number.with_name(name);
    }
    if form.fresh {
        number = number.fresh();
    }
    if form.coexisting {
        number = number.coexisting();
    }
    let answer = json!({"id": number.id, "token": number.token});
    meta.state.add_number(number);
    Ok(answer)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct NodeForm {
    number: String,
    field: String,
    value: Value,
}

fn set_node(meta: &Meta, call: &ControlCall<'_>) -> Result<Value, ControlError> {
    let NodeForm { number, field, value } = call.read()?;
    let set = meta.state.accounts.change(&number, |record| record.node.insert(field, value));
    set.map(|_| json!({"set": true})).ok_or_else(|| no_number(&number))
}

fn no_number(id: &str) -> ControlError {
    ControlError::not_found(format!("there is no number `{id}`"))
}

fn verification_code(meta: &Meta, call: &ControlCall<'_>) -> Result<Value, ControlError> {
    let number = call.parameter("number").ok_or_else(|| ControlError::bad_request("give `?number=`"))?;
    let record = meta.state.accounts.record(number).ok_or_else(|| no_number(number))?;
    Ok(json!({"code": record.verification}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct CodeForm {
    accounts: Vec<String>,
    days: Option<u32>,
    redirect_uri: Option<String>,
}

fn issue_code(meta: &Meta, call: &ControlCall<'_>) -> Result<Value, ControlError> {
    let form: CodeForm = call.read()?;
    let mut signup = Signup::of(form.accounts);
    match form.days {
        None => {}
        Some(60) => signup = signup.lasting_60_days(),
        Some(_) => return Err(ControlError::bad_request("`days` must be 60; without it the token never expires")),
    }
    if let Some(uri) = form.redirect_uri {
        signup = signup.with_redirect_uri(uri);
    }
    Ok(json!({"code": meta.state.tokens.issue_code(&meta.state.ids, signup)}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct TokenForm {
    token: Option<String>,
    number: Option<String>,
    subcode: Option<i64>,
    expire_in_ms: Option<u64>,
    accounts: Option<Vec<String>>,
}

fn tokens(meta: &Meta, call: &ControlCall<'_>) -> Result<Value, ControlError> {
    let form: TokenForm = call.read()?;
    if let Some(accounts) = form.accounts {
        return Ok(json!({"token": oauth::short_lived(&meta.state, accounts)}));
    }
    let token = match (form.token, form.number) {
        (Some(token), None) => token,
        (None, Some(id)) => meta.state.number(&id).ok_or_else(|| no_number(&id))?.token,
        _ => return Err(ControlError::bad_request("give either `token` or `number`")),
    };
    let found = match (form.subcode, form.expire_in_ms) {
        (subcode, None) => meta.state.tokens.invalidate(&token, subcode.unwrap_or(467)),
        (None, Some(ms)) => meta.state.tokens.expire_in(&token, ms),
        _ => return Err(ControlError::bad_request("`subcode` and `expire_in_ms` exclude each other")),
    };
    if found { Ok(json!({"changed": true})) } else { Err(ControlError::not_found("the token is unknown")) }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct TemplateForm {
    name: String,
    language: String,
    account: Option<String>,
    category: Option<String>,
    status: Option<String>,
    components: Option<Value>,
}

fn add_template(meta: &Meta, call: &ControlCall<'_>) -> Result<Value, ControlError> {
    let form: TemplateForm = call.read()?;
    let mut template = Template::new(form.name, form.language);
    if let Some(account) = form.account {
        template = template.for_account(account);
    }
    if let Some(category) = form.category {
        template = template.with_category(category);
    }
    if let Some(status) = form.status {
        template = template.with_status(status);
    }
    match form.components {
        Some(components @ Value::Array(_)) => template = template.with_components(components),
        Some(_) => return Err(ControlError::bad_request("`components` must be an array")),
        None => {}
    }
    Ok(json!({"id": meta.state.templates.add(template, &meta.state.ids)}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct ChangeForm {
    name: String,
    language: String,
    status: Option<String>,
    reason: Option<String>,
    quality: Option<String>,
    category: Option<String>,
}

async fn change_template(meta: &Meta, call: &ControlCall<'_>) -> Result<Value, ControlError> {
    let ChangeForm { name, language, status, reason, quality, category } = call.read()?;
    let sent = match (status, quality, category) {
        (Some(status), None, None) => {
            meta.change_template(&name, &language, |template| changed::status(template, &status, reason.as_deref())).await
        }
        (None, Some(quality), None) => meta.change_template(&name, &language, |template| changed::quality(template, &quality)).await,
        (None, None, Some(category)) => meta.change_template(&name, &language, |template| changed::category(template, &category)).await,
        _ => return Err(ControlError::bad_request("give one of `status`, `quality`, `category`")),
    };
    sent.map(|sent| delivery(&sent)).ok_or_else(|| ControlError::not_found("there is no such template"))
}

fn add_media(meta: &Meta, call: &ControlCall<'_>) -> Result<Value, ControlError> {
    let number = call.parameter("number").ok_or_else(|| ControlError::bad_request("give `?number=`"))?;
    let mime = call.parameter("type").ok_or_else(|| ControlError::bad_request("give `?type=`, as in image/png"))?;
    if !meta.state.accounts.exists(number) {
        return Err(no_number(number));
    }
    Ok(json!({"id": media::receive(&meta.state, number, mime, call.body.clone())}))
}
