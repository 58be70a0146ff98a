//! Read calls: the node of a number (health), the numbers of an account, the statuses of a message.

use serde_json::{Map, Value, json};

use super::state::State;
use crate::sandbox::waba::Number;
use crate::sandbox::waba::check::Checked;
use crate::sandbox::waba::errors::GraphError;
use crate::sandbox::waba::query::{Query, select};

/// Default fields of a node.
const BY_DEFAULT: &str = "id,display_phone_number,verified_name,quality_rating,code_verification_status";

/// `GET /{version}/{phone_number_id}`.
pub(super) fn node(state: &State, id: &str, fields: Option<&str>) -> Checked<Value> {
    let record = state.accounts.record(id).ok_or_else(|| GraphError::no_object(id))?;
    let mut all = record.node;
    let subscription = state.accounts.subscription(&record.number.waba_id);
    let mut callbacks = Map::new();
    callbacks.extend(record.callback.map(|callback| ("phone_number".to_owned(), callback.url.into())));
    callbacks.extend(
        subscription.and_then(|found| found.callback).map(|callback| ("whatsapp_business_account".to_owned(), callback.url.into())),
    );
    callbacks.extend(state.shared.callback().map(|url| ("application".to_owned(), url.into())));
    all.insert("webhook_configuration".to_owned(), callbacks.into());
    select(&all, fields.unwrap_or(BY_DEFAULT))
}

/// `GET /{version}/{waba_id}/phone_numbers`.
pub(super) fn phone_numbers(state: &State, token: &str, waba_id: &str, query: &Query) -> Checked<Value> {
    state.account_for(token, waba_id)?;
    let records = state.accounts.records(|record| record.number.waba_id == waba_id);
    let visible: Vec<_> = records.into_iter().filter(|record| state.number_for(token, &record.number.id).is_ok()).collect();
    let fields = query.get("fields").unwrap_or(BY_DEFAULT);
    let nodes = visible.iter().map(|record| node(state, &record.number.id, Some(fields))).collect::<Checked<Vec<_>>>()?;
    query.page(&nodes)
}

/// `GET /{version}/{phone_number_id}/message_history`.
pub(super) fn history(state: &State, number: &Number, message_id: Option<&str>) -> Checked<Value> {
    let id = message_id.ok_or_else(|| GraphError::missing("message_id"))?;
    let Some(statuses) = state.shared.statuses_of(&number.id, id) else { return Ok(json!({"data": []})) };
    let events: Vec<_> = statuses
        .iter()
        .enumerate()
        .map(|(index, (status, at_ms))| {
            json!({"id": format!("{id}-{index}"), "delivery_status": status.to_ascii_uppercase(), "timestamp": at_ms / 1_000})
        })
        .collect();
    Ok(json!({"data": [{"id": id, "message_id": id, "events": {"data": events}}]}))
}
