//! Errors inside webhooks: in a status, beside a message, or of a whole number.

use zengine_connector::message::ProviderError;

use super::errors::GraphError;
use super::json::{Object, ValueRef};

/// All errors of the member `errors`, which is an array and has been seen as a single object.
pub(super) fn all(obj: &Object<'_>) -> Vec<ProviderError> {
    match obj.get("errors") {
        Some(raw) => raw.elements().map_or_else(|| vec![one(raw)], |items| items.map(one).collect()),
        None => vec![],
    }
}

/// The errors of an object and of the objects directly inside it, in lists too.
pub(super) fn with_parts(obj: &Object<'_>) -> Vec<ProviderError> {
    let parts = obj
        .members()
        .filter(|(name, _)| name != "errors")
        .flat_map(|(_, raw)| std::iter::once(raw).chain(raw.elements().into_iter().flatten()));
    all(obj).into_iter().chain(parts.filter_map(ValueRef::object).flat_map(|part| all(&part))).collect()
}

/// One error, classed by its code.
pub(super) fn one(raw: ValueRef<'_>) -> ProviderError {
    let obj = raw.object().unwrap_or_default();
    let title: Option<String> = obj.first_text(&["title", "message", "error_description"]).map(Into::into);
    let message = obj.owned_text("message").filter(|message| Some(message) != title.as_ref());
    let error = GraphError {
        code: obj.integer("code").or_else(|| obj.integer("error_code")),
        subcode: obj.integer("error_subcode"),
        is_transient: obj.boolean("is_transient") == Some(true),
        is_plain: false,
        is_quoted: false,
        status: None,
        trace_id: obj.owned_text("fbtrace_id"),
        gateway_trace: None,
        field: None,
        title,
        details: obj.object("error_data").and_then(|data| data.owned_text("details")).or_else(|| obj.owned_text("error_data")),
        user_title: obj.owned_text("error_user_title"),
        user_message: obj.owned_text("error_user_msg").or(message),
    };
    error.to_provider_error(Some(raw.into()))
}
