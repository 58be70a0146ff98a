//! Access to files.

use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};

use super::state::State;
use crate::sandbox::waba::check::Checked;
use crate::sandbox::waba::errors::{GraphError, json_answer};
use crate::sandbox::waba::files::{self, Media};
use crate::sandbox::waba::query::Query;

/// The media, if it exists and belongs to the number, if given.
fn owned(state: &State, token: &str, id: &str, number: Option<&str>) -> Checked<Media> {
    let media = files::get(&state.shared, id)?;
    if number.is_some_and(|number| number != media.owner) {
        return Err(GraphError::no_object(id));
    }
    state.number_for(token, &media.owner).map(|_| media).map_err(|_| GraphError::no_object(id))
}

/// `GET /{version}/{media_id}`.
pub(super) fn resolve(state: &State, token: &str, id: &str, number: Option<&str>, base_url: &str) -> Checked<Value> {
    owned(state, token, id, number).map(|media| files::info(&state.shared, &media, id, base_url))
}

/// `DELETE /{version}/{media_id}`.
pub(super) fn delete(state: &State, token: &str, id: &str, number: Option<&str>) -> Checked<Value> {
    owned(state, token, id, number).map(|_| files::remove(&state.shared, id))
}

/// `GET` of an address from `resolve`.
pub(super) fn download(state: &State, token: Option<&str>, query: &Query) -> Response<Bytes> {
    let refuse = |status| json_answer(status, &json!({"error": "not available"}));
    let Some(token) = token.filter(|token| state.tokens.valid(token).is_ok()) else { return refuse(401) };
    let media = files::of_address(&state.shared, query).filter(|media| state.number_for(token, &media.owner).is_ok());
    media.map_or_else(|| refuse(404), files::response)
}
