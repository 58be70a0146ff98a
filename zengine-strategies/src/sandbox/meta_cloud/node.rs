//! Reads: the node of a number (health), the numbers of an account, the statuses of a message.

use serde_json::{Map, Value, json};

use super::check::Checked;
use super::errors::GraphError;
use super::settings::Number;
use super::state::State;

/// What a node tells when no fields are asked for.
const BY_DEFAULT: &str = "id,display_phone_number,verified_name,quality_rating,code_verification_status";

/// `GET /{version}/{phone_number_id}`.
pub(super) fn node(state: &State, id: &str, fields: Option<&str>) -> Checked<Value> {
    let all = state.node(id).ok_or_else(|| GraphError::no_object(id))?;
    select(&all, fields.unwrap_or(BY_DEFAULT))
}

fn select(all: &Map<String, Value>, fields: &str) -> Checked<Value> {
    let mut asked = Map::new();
    for field in fields.split(',').map(str::trim).chain(["id"]) {
        match all.get(field) {
            Some(value) => asked.insert(field.to_owned(), value.clone()),
            None => return Err(GraphError::bad(format!("Tried accessing nonexisting field ({field})"))),
        };
    }
    Ok(asked.into())
}

/// `GET /{version}/{waba_id}/phone_numbers`.
pub(super) fn phone_numbers(state: &State, token: &str, waba_id: &str) -> Checked<Value> {
    let numbers = state.numbers_of(waba_id);
    let visible: Vec<_> = numbers.iter().filter(|(number, _)| number.token == token).collect();
    if visible.is_empty() {
        return Err(GraphError::no_object(waba_id));
    }
    let nodes = visible.into_iter().map(|(_, fields)| select(fields, BY_DEFAULT)).collect::<Checked<Vec<_>>>()?;
    Ok(json!({"data": nodes}))
}

/// `GET /{version}/{phone_number_id}/message_history`.
pub(super) fn history(state: &State, number: &Number, message_id: Option<&str>) -> Checked<Value> {
    let id = message_id.ok_or_else(|| GraphError::missing("message_id"))?;
    let Some(statuses) = state.statuses_of(&number.id, id) else { return Ok(json!({"data": []})) };
    let events: Vec<_> = statuses
        .iter()
        .enumerate()
        .map(|(index, (status, at_ms))| {
            json!({"id": format!("{id}-{index}"), "delivery_status": status.to_ascii_uppercase(), "timestamp": at_ms / 1_000})
        })
        .collect();
    Ok(json!({"data": [{"id": id, "message_id": id, "events": {"data": events}}]}))
}
