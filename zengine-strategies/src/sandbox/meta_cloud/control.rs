//! The Meta emulator's own control calls.

use serde_json::{Value, json};

use super::oauth;
use super::route::Meta;
use super::state::State;
use super::tokens::Signup;
use crate::sandbox::control::{Call, ControlCall, ControlError, calls, each, merged};
use crate::sandbox::waba::Inbound;
use crate::sandbox::waba::templates::Template;
use crate::sandbox::waba::updates::Update;
use crate::sandbox::waba::{Number, files};
use crate::sandbox::webhooks::Signature;
use crate::sandbox::{Delivery, form, lock};

pub(super) const CALLS: &[Call<Meta>] = calls![
    GET "credentials" "" "app id and secret, verify token, tokens of the numbers" => Show(credentials),
    POST "updates" "`{\"number\", \"from\", \"text\"}`, `{\"number\", \"message\": {…}}`, `{\"number\", \"status\": {…}}`, `{\"number\", \"field\", \"value\"}`, or an array of them"
        "one webhook POST; answers when it is delivered or given up, at once with `?wait=false`" => Later(|meta, call| Box::pin(updates(meta, call))),
    POST "webhooks/raw" "the body itself; `?signature=true\\|wrong\\|none`" "posts it as it is" => Later(|meta, call| Box::pin(raw(meta, call))),
    GET "webhooks" "" "where webhooks go, and how" => Show(webhooks),
    PUT "webhooks" "`callback`, `statuses: [{\"status\", \"ms\"}]`, `copies`, `batch: {\"most\", \"ms\"}`, `redelivery_ms: […]`, `timeout_ms`"
        "changes them; absent ones stay" => Now(set_webhooks),
    POST "handshake" "`{\"verify_token\"}`" "verifies the callback" => Later(|meta, call| Box::pin(handshake(meta, call))),
    GET "rules" "" "the rules that can be switched" => Show(|meta| json!(meta.state.shared.rules())),
    PUT "rules" "numbers, or null for no limit: `throughput` (messages per second and number), `management_limit` (calls per hour and account); `true` or `false`: `pair_limit`, `service_window`, `appsecret_proof`, `known_templates_only`, `known_media_only`"
        "switches them; absent ones stay" => Now(set_rules),
    POST "numbers" "`{\"id\", \"account\", \"token\", \"display_number\", \"name\", \"fresh\", \"coexisting\"}`" "adds a number" => Now(add_number),
    POST "node" "`{\"number\", \"field\", \"value\"}`" "sets a field of its node: health, quality" => Now(set_node),
    GET "verification-code" "`?number=`" "the code of `request_code`" => Now(verification_code),
    POST "codes" "`{\"accounts\": [\"900100\"], \"days\": 60, \"redirect_uri\"}`" "a code of embedded signup" => Now(issue_code),
    POST "tokens" "`{\"token\"}` or `{\"number\"}` with `subcode` or `expire_in_ms`; `{\"accounts\"}`" "ends a token; issues a short-lived one" => Now(tokens),
    POST "media" "the file itself; `?number=&type=image/png`" "a file that a number received" => Now(add_media),
    GET "templates" "" "the templates of all accounts" => Show(|meta| json!({"templates": meta.state.shared.templates.select(|_| true).iter().map(Template::node).collect::<Vec<_>>()})),
    POST "templates" "`{\"name\", \"language\", \"account\", \"category\", \"status\", \"components\"}`" "adds one" => Now(add_template),
    PUT "templates" "`{\"name\", \"language\"}` with `status` and `reason`, `quality` or `category`" "changes one, with its webhook"
        => Later(|meta, call| Box::pin(change_template(meta, call))),
    GET "deliveries" "" "what became of webhooks" => Show(|meta| json!({"deliveries": meta.engine.webhooks.log().iter().map(delivery).collect::<Vec<_>>()})),
];

type Answered = Result<Value, ControlError>;

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
        "callback": state.shared.callback(),
        "numbers": numbers,
        "subscribed_accounts": state.accounts.subscribed(),
        "valid_tokens": state.tokens.count(),
        "media": lock(&state.shared.media).len(),
        "templates": state.shared.templates.select(|_| true).len(),
    })
}

fn credentials(Meta { state, .. }: &Meta) -> Value {
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

// One update, in one of its forms.
form! { UpdateForm {
    number: String,
    message: Option<Value>,
    from: Option<String>,
    text: Option<String>,
    name: Option<String>,
    status: Option<Value>,
    field: Option<String>,
    value: Option<Value>,
} }

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

async fn updates(meta: &Meta, call: &ControlCall<'_>) -> Answered {
    let updates = each(call.list()?, |value| {
        let form: UpdateForm = form::read(&value)?;
        if form.field.is_none() && !meta.state.accounts.exists(&form.number) {
            return Err(format!("there is no number `{}`", form.number));
        }
        form.update().map_err(str::to_owned)
    })?;
    if updates.is_empty() {
        return Err(ControlError::bad_request("there is no update"));
    }
    match call.parameter("wait") {
        None | Some("true") => Ok(delivery(&meta.send(updates).await)),
        Some("false") => {
            let later = meta.clone();
            meta.engine.webhooks.background(async move { drop(later.send(updates).await) });
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

async fn raw(meta: &Meta, call: &ControlCall<'_>) -> Answered {
    let signature = match call.parameter("signature") {
        None | Some("true") => Signature::Valid,
        Some("wrong") => Signature::Wrong,
        Some("none") => Signature::Absent,
        Some(_) => return Err(ControlError::bad_request("`signature` must be true, wrong or none")),
    };
    Ok(delivery(&meta.send_raw(call.body.clone(), signature).await))
}

fn webhooks(Meta { state, engine }: &Meta) -> Value {
    let mut webhooks = json!(engine.webhooks.settings());
    webhooks["callback"] = json!(state.shared.callback());
    webhooks
}

fn set_webhooks(meta: &Meta, call: &ControlCall<'_>) -> Answered {
    let mut changes = call.json()?;
    let callback = match changes.as_object_mut().and_then(|members| members.remove("callback")) {
        None => meta.state.shared.callback(),
        Some(Value::Null) => None,
        Some(Value::String(url)) if url.starts_with("http://") => Some(url),
        Some(_) => return Err(ControlError::bad_request("`callback` must begin with http://: the emulator speaks no TLS")),
    };
    let settings = merged(&meta.engine.webhooks.settings(), changes)?;
    meta.state.shared.set_callback(callback);
    meta.engine.webhooks.set(settings.in_range());
    Ok(webhooks(meta))
}

form! { HandshakeForm { verify_token: Option<String> } }

async fn handshake(meta: &Meta, call: &ControlCall<'_>) -> Answered {
    let form: HandshakeForm = call.read()?;
    let callback =
        meta.state.shared.callback().ok_or_else(|| ControlError::bad_request("no callback address is set: PUT /_sandbox/webhooks"))?;
    let token = form.verify_token.as_deref().unwrap_or(&meta.state.settings.verify_token);
    Ok(match meta.handshake(&callback, token).await {
        Ok(()) => json!({"verified": true}),
        Err(error) => json!({"verified": false, "reason": error.to_string()}),
    })
}

fn set_rules(meta: &Meta, call: &ControlCall<'_>) -> Answered {
    meta.state.shared.set_rules(merged(&meta.state.shared.rules(), call.json()?)?);
    Ok(json!(meta.state.shared.rules()))
}

form! { NumberForm {
    id: String,
    account: String,
    token: Option<String>,
    display_number: Option<String>,
    name: Option<String>,
    #[serde(default)]
    fresh: bool,
    #[serde(default)]
    coexisting: bool,
} }

fn add_number(meta: &Meta, call: &ControlCall<'_>) -> Answered {
    let form: NumberForm = call.read()?;
    if form.id.is_empty() || form.account.is_empty() {
        return Err(ControlError::bad_request("`id` and `account` must not be empty"));
    }
    let mut number = Number::new(form.id, form.account);
    number.token = form.token.unwrap_or(number.token);
    number.display = form.display_number.unwrap_or(number.display);
    number.name = form.name.unwrap_or(number.name);
    number.fresh = form.fresh;
    number.coexists = form.coexisting;
    let answer = json!({"id": number.id, "token": number.token});
    meta.state.add_number(number);
    Ok(answer)
}

form! { NodeForm {
    number: String,
    field: String,
    value: Value,
} }

fn set_node(meta: &Meta, call: &ControlCall<'_>) -> Answered {
    let NodeForm { number, field, value } = call.read()?;
    let set = meta.state.accounts.change(&number, |record| record.node.insert(field, value));
    set.map(|_| json!({"set": true})).ok_or_else(|| no_number(&number))
}

fn no_number(id: &str) -> ControlError {
    ControlError::not_found(format!("there is no number `{id}`"))
}

fn verification_code(meta: &Meta, call: &ControlCall<'_>) -> Answered {
    let number = call.required("number", "")?;
    let record = meta.state.accounts.record(number).ok_or_else(|| no_number(number))?;
    Ok(json!({"code": record.verification}))
}

form! { CodeForm {
    accounts: Vec<String>,
    days: Option<u32>,
    redirect_uri: Option<String>,
} }

fn issue_code(meta: &Meta, call: &ControlCall<'_>) -> Answered {
    let form: CodeForm = call.read()?;
    if form.days.is_some_and(|days| days != 60) {
        return Err(ControlError::bad_request("`days` must be 60; without it the token never expires"));
    }
    let signup = Signup { expires: form.days.is_some(), redirect_uri: form.redirect_uri, ..Signup::of(form.accounts) };
    Ok(json!({"code": meta.state.tokens.issue_code(&meta.state.shared.ids, signup)}))
}

form! { TokenForm {
    token: Option<String>,
    number: Option<String>,
    subcode: Option<i64>,
    expire_in_ms: Option<u64>,
    accounts: Option<Vec<String>>,
} }

fn tokens(meta: &Meta, call: &ControlCall<'_>) -> Answered {
    let form: TokenForm = call.read()?;
    if let Some(accounts) = form.accounts {
        return Ok(json!({"token": oauth::short_lived(&meta.state, accounts)}));
    }
    let token = match (form.token, form.number) {
        (Some(token), None) => token,
        (None, Some(id)) => meta.state.accounts.number(&id).ok_or_else(|| no_number(&id))?.token,
        _ => return Err(ControlError::bad_request("give either `token` or `number`")),
    };
    let found = match (form.subcode, form.expire_in_ms) {
        (subcode, None) => meta.state.tokens.invalidate(&token, subcode.unwrap_or(467)),
        (None, Some(ms)) => meta.state.tokens.expire_in(&token, ms),
        _ => return Err(ControlError::bad_request("`subcode` and `expire_in_ms` exclude each other")),
    };
    if found { Ok(json!({"changed": true})) } else { Err(ControlError::not_found("the token is unknown")) }
}

form! { TemplateForm {
    name: String,
    language: String,
    account: Option<String>,
    category: Option<String>,
    status: Option<String>,
    components: Option<Value>,
} }

fn add_template(meta: &Meta, call: &ControlCall<'_>) -> Answered {
    let form: TemplateForm = call.read()?;
    if form.components.as_ref().is_some_and(|components| !components.is_array()) {
        return Err(ControlError::bad_request("`components` must be an array"));
    }
    let template = Template { account: form.account, ..Template::new(form.name, form.language) };
    let template = form.components.into_iter().fold(template, Template::with_components);
    let template = form.category.into_iter().fold(template, Template::with_category);
    let template = form.status.into_iter().fold(template, Template::with_status);
    Ok(json!({"id": meta.state.shared.templates.add(template, &meta.state.shared.ids)}))
}

form! { ChangeForm {
    name: String,
    language: String,
    status: Option<String>,
    reason: Option<String>,
    quality: Option<String>,
    category: Option<String>,
} }

async fn change_template(meta: &Meta, call: &ControlCall<'_>) -> Answered {
    let ChangeForm { name, language, status, reason, quality, category } = call.read()?;
    let sent = match (status, quality, category) {
        (Some(status), None, None) => {
            meta.change_template(&name, &language, |template| template.set_status(&status, reason.as_deref())).await
        }
        (None, Some(quality), None) => meta.change_template(&name, &language, |template| template.set_quality(&quality)).await,
        (None, None, Some(category)) => meta.change_template(&name, &language, |template| template.set_category(&category)).await,
        _ => return Err(ControlError::bad_request("give one of `status`, `quality`, `category`")),
    };
    sent.map(|sent| delivery(&sent)).ok_or_else(|| ControlError::not_found("there is no such template"))
}

fn add_media(meta: &Meta, call: &ControlCall<'_>) -> Answered {
    let number = call.required("number", "")?;
    let mime = call.required("type", ", as in image/png")?;
    if !meta.state.accounts.exists(number) {
        return Err(no_number(number));
    }
    Ok(json!({"id": files::receive(&meta.state.shared, number, mime, call.body.clone())}))
}
