//! The Meta emulator's own control calls.

use serde_json::{Value, json};

use super::oauth;
use super::route::Meta;
use super::state::State;
use super::tokens::Signup;
use crate::sandbox::control::{Call, ControlCall, ControlError, calls};
use crate::sandbox::lock;
use crate::sandbox::waba::Number;
use crate::sandbox::waba::control::{
    Answered, add_media, add_template, change_template, deliveries, no_number, raw, rules, set_rules, set_webhooks, templates, updates,
    webhooks,
};

pub(super) const CALLS: &[Call<Meta>] = calls![
    GET "credentials" "" "app id and secret, verify token, tokens of the numbers" => Show(credentials),
    POST "updates" "`{\"number\", \"from\", \"text\"}`, `{\"number\", \"message\": {…}}`, `{\"number\", \"status\": {…}}`, `{\"number\", \"field\", \"value\"}`, or an array of them"
        "one webhook POST; answers when it is delivered or given up, at once with `?wait=false`" => Later(|meta, call| Box::pin(updates(meta, call))),
    POST "webhooks/raw" "the body itself; `?signature=true\\|wrong\\|none`" "posts it as it is" => Later(|meta, call| Box::pin(raw(meta, call))),
    GET "webhooks" "" "where webhooks go, and how" => Show(webhooks),
    PUT "webhooks" "`callback`, `statuses: [{\"status\", \"ms\"}]`, `copies`, `batch: {\"most\", \"ms\"}`, `redelivery_ms: […]`, `timeout_ms`"
        "changes them; absent ones stay" => Now(set_webhooks),
    POST "handshake" "`{\"verify_token\"}`" "verifies the callback" => Later(|meta, call| Box::pin(handshake(meta, call))),
    GET "rules" "" "the rules that can be switched" => Show(rules),
    PUT "rules" "numbers, or null for no limit: `throughput` (messages per second and number), `management_limit` (calls per hour and account); `true` or `false`: `pair_limit`, `service_window`, `appsecret_proof`, `known_templates_only`, `known_media_only`"
        "switches them; absent ones stay" => Now(set_rules),
    POST "numbers" "`{\"id\", \"account\", \"token\", \"display_number\", \"name\", \"fresh\", \"coexisting\"}`" "adds a number" => Now(add_number),
    POST "node" "`{\"number\", \"field\", \"value\"}`" "sets a field of its node: health, quality" => Now(set_node),
    GET "verification-code" "`?number=`" "the code of `request_code`" => Now(verification_code),
    POST "codes" "`{\"accounts\": [\"900100\"], \"days\": 60, \"redirect_uri\"}`" "a code of embedded signup" => Now(issue_code),
    POST "tokens" "`{\"token\"}` or `{\"number\"}` with `subcode` or `expire_in_ms`; `{\"accounts\"}`" "ends a token; issues a short-lived one" => Now(tokens),
    POST "media" "the file itself; `?number=&type=image/png`" "a file that a number received" => Now(add_media),
    GET "templates" "" "the templates of all accounts" => Show(templates),
    POST "templates" "`{\"name\", \"language\", \"account\", \"category\", \"status\", \"components\"}`" "adds one" => Now(add_template),
    PUT "templates" "`{\"name\", \"language\"}` with `status` and `reason`, `quality` or `category`" "changes one, with its webhook"
        => Later(|meta, call| Box::pin(change_template(meta, call))),
    GET "deliveries" "" "what became of webhooks" => Show(deliveries),
];

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
