//! The node of a phone number, with the fields that a health check asks for.

use serde_json::Value;
use zengine_connector::error::ProviderDetails;

use super::wire::{id, items};

/// The node of a phone number, with the fields that a health check asks for.
pub(crate) struct Node {
    pub(crate) id: Option<String>,
    pub(crate) status: Option<String>,
    pub(crate) quality: Option<String>,
    pub(crate) can_send: Option<String>,
    /// Meta's words about what keeps the number from sending, its status among them.
    pub(crate) words: ProviderDetails,
}

impl Node {
    pub(crate) fn read(body: &Value) -> Self {
        let word = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(str::to_ascii_uppercase);
        Self {
            id: body.get("id").and_then(id),
            status: word("/status"),
            quality: word("/quality_rating"),
            can_send: word("/health_status/can_send_message").or_else(|| word("/health_status/can_send_messages")),
            words: Self::words(body),
        }
    }

    fn words(body: &Value) -> ProviderDetails {
        let entities = || {
            body.get("health_status")
                .map_or(&[][..], |health| items(health, "entities"))
                .iter()
                .filter(|entity| entity["can_send_message"] != "AVAILABLE")
        };
        let errors = || entities().flat_map(|entity| items(entity, "errors"));
        let lines = |texts: Vec<&str>| (!texts.is_empty()).then(|| texts.join("\n"));
        let status = body.get("status").and_then(Value::as_str).filter(|word| !word.eq_ignore_ascii_case("CONNECTED"));
        let of_errors = |member: &str| lines(errors().filter_map(|error| error.get(member)?.as_str()).collect());
        let mut words = ProviderDetails::default();
        words.subcode = errors().find_map(|error| id(error.get("error_code")?));
        words.title = of_errors("error_description");
        words.message = of_errors("possible_solution");
        let more = entities().flat_map(|entity| items(entity, "additional_info")).filter_map(Value::as_str);
        words.details = lines(status.into_iter().chain(more).collect());
        words
    }
}
