//! The 360dialog emulator's own control calls.

use serde_json::{Value, json};

use super::route::Dialog;
use super::state::State;
use crate::sandbox::control::{Call, ControlCall, ControlError, calls};
use crate::sandbox::lock;
use crate::sandbox::waba::Number;
use crate::sandbox::waba::control::{
    Answered, add_media, add_template, change_template, deliveries, no_number, raw, rules, set_rules, set_webhooks, templates, updates,
    webhooks,
};

pub(super) const CALLS: &[Call<Dialog>] = calls![
    GET "credentials" "" "keys of the numbers, platform secret" => Show(credentials),
    POST "updates" "`{\"number\", \"from\", \"text\"}`, `{\"number\", \"message\": {…}}`, `{\"number\", \"status\": {…}}`, `{\"number\", \"field\", \"value\"}`, or an array of them"
        "one webhook POST; answers when it is delivered or given up, at once with `?wait=false`" => Later(|dialog, call| Box::pin(updates(dialog, call))),
    POST "webhooks/raw" "the body itself; `?signature=true\\|wrong\\|none`" "posts it as it is, to the first number's webhook"
        => Later(|dialog, call| Box::pin(raw(dialog, call))),
    GET "webhooks" "" "where webhooks go, and how" => Show(webhooks),
    PUT "webhooks" "`callback`, `statuses: [{\"status\", \"ms\"}]`, `copies`, `batch: {\"most\", \"ms\"}`, `redelivery_ms: […]`, `timeout_ms`"
        "changes them; absent ones stay" => Now(set_webhooks),
    GET "rules" "" "the rules that can be switched" => Show(rules),
    PUT "rules" "a number, or null for no limit: `throughput` (messages per second and number); `true` or `false`: `pair_limit`, `service_window`, `known_templates_only`, `known_media_only`"
        "switches them; absent ones stay" => Now(set_rules),
    POST "numbers" "`{\"id\", \"account\", \"key\", \"display_number\", \"name\"}`" "adds a number" => Now(add_number),
    POST "node" "`{\"number\", \"field\", \"value\"}`" "sets a field of its health" => Now(set_node),
    POST "keys" "`{\"number\", \"key\"}`" "gives it a new key; clears its webhook" => Now(set_key),
    POST "media" "the file itself; `?number=&type=image/png`" "a file that a number received" => Now(add_media),
    GET "templates" "" "the templates of all accounts" => Show(templates),
    POST "templates" "`{\"name\", \"language\", \"account\", \"category\", \"status\", \"components\"}`" "adds one" => Now(add_template),
    PUT "templates" "`{\"name\", \"language\"}` with `status` and `reason`, `quality` or `category`" "changes one, with its webhook"
        => Later(|dialog, call| Box::pin(change_template(dialog, call))),
    GET "deliveries" "" "what became of webhooks" => Show(deliveries),
];

/// The 360dialog part of the control call `state`.
pub(super) fn state(state: &State) -> Value {
    let now_ms = state.shared.clock.now_ms();
    let records = state.records().into_iter().map(|record| {
        json!({
            "id": record.number.id,
            "account": record.number.waba_id,
            "display_number": record.number.display,
            "name": record.number.name,
            "media_blocked": record.calls.is_blocked(now_ms),
        })
    });
    json!({
        "callback": state.shared.callback(),
        "numbers": records.collect::<Vec<_>>(),
        "media": lock(&state.shared.media).len(),
        "templates": state.shared.templates.select(|_| true).len(),
    })
}

fn credentials(Dialog { state, .. }: &Dialog) -> Value {
    let numbers = state.records().into_iter().map(|record| json!({"id": record.number.id, "key": record.number.token}));
    json!({"platform_secret": state.settings.platform_secret, "numbers": numbers.collect::<Vec<_>>()})
}

form! { NumberForm {
    id: String,
    account: String,
    key: Option<String>,
    display_number: Option<String>,
    name: Option<String>,
} }

fn add_number(dialog: &Dialog, call: &ControlCall<'_>) -> Answered {
    let form: NumberForm = call.read()?;
    if form.id.is_empty() || form.account.is_empty() {
        return Err(ControlError::bad_request("`id` and `account` must not be empty"));
    }
    let mut number = Number::new(form.id, form.account);
    number.token = form.key.unwrap_or(number.token);
    number.display = form.display_number.unwrap_or(number.display);
    number.name = form.name.unwrap_or(number.name);
    let answer = json!({"id": number.id, "key": number.token});
    dialog.state.add_number(number);
    Ok(answer)
}

form! { NodeForm {
    number: String,
    field: String,
    value: Value,
} }

fn set_node(dialog: &Dialog, call: &ControlCall<'_>) -> Answered {
    let NodeForm { number, field, value } = call.read()?;
    let set = dialog.state.change(&number, |record| record.node.insert(field, value));
    set.map(|_| json!({"set": true})).ok_or_else(|| no_number(&number))
}

form! { KeyForm {
    number: String,
    key: String,
} }

fn set_key(dialog: &Dialog, call: &ControlCall<'_>) -> Answered {
    let KeyForm { number, key } = call.read()?;
    if dialog.state.set_key(&number, key) { Ok(json!({"set": true})) } else { Err(no_number(&number)) }
}
