//! Meta's answers, as far as they are read. Only the deciding members are required: another member that is absent or of
//! another type does not turn an accepted message into an error.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use zengine_connector::error::ProviderDetails;

/// The recipient as Meta names it: the data of a receipt.
///
/// ```
/// # use zengine_strategies::whatsapp_meta_cloud::Addressee;
/// let data: Addressee = serde_json::from_str(r#"{"wa_id":"15551230001"}"#)?;
/// assert_eq!(data.wa_id.as_deref(), Some("15551230001"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Addressee {
    /// The WhatsApp id; may differ from the number that was given (Argentina, Brazil, Mexico). Absent for a business-scoped id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wa_id: Option<String>,
    /// The business-scoped user id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_id: Option<String>,
}

impl fmt::Debug for Addressee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Addressee(***)")
    }
}

/// The answer to a message.
pub(super) struct Accepted {
    /// The message's id, if there is one.
    pub(super) id: Option<String>,
    pub(super) addressee: Addressee,
    /// Of templates: `accepted`, `held_for_quality_assessment` or `paused`.
    pub(super) status: Option<String>,
}

impl Accepted {
    pub(super) fn read(body: &Value) -> Self {
        let text = |pointer: &str| body.pointer(pointer).and_then(id);
        let word = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        Self {
            id: text("/messages/0/id"),
            addressee: Addressee {
                wa_id: text("/contacts/0/wa_id"),
                user_id: text("/contacts/0/user_id"),
                group_id: text("/messages/0/group_id"),
            },
            status: word("/messages/0/message_status")
                .filter(|status| (1..=64).contains(&status.len()) && status.bytes().all(|b| b.is_ascii_graphic())),
        }
    }
}

/// An id, which may be written as a number.
pub(super) fn id(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn list(value: Option<&Value>) -> std::slice::Iter<'_, Value> {
    value.and_then(Value::as_array).map_or(&[][..], Vec::as_slice).iter()
}

/// The node of a phone number, with the fields that a health check asks for.
pub(super) struct Node {
    pub(super) id: Option<String>,
    pub(super) status: Option<String>,
    pub(super) quality: Option<String>,
    pub(super) can_send: Option<String>,
    /// Meta's words about what keeps the number from sending.
    pub(super) words: ProviderDetails,
}

impl Node {
    pub(super) fn read(body: &Value) -> Self {
        let word = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(str::to_ascii_uppercase);
        Self {
            id: body.get("id").and_then(id),
            status: word("/status"),
            quality: word("/quality_rating"),
            can_send: word("/health_status/can_send_message"),
            words: Self::words(body),
        }
    }

    fn words(body: &Value) -> ProviderDetails {
        let entities = || list(body.pointer("/health_status/entities")).filter(|entity| entity["can_send_message"] != "AVAILABLE");
        let errors = || entities().flat_map(|entity| list(entity.get("errors")));
        let lines = |texts: Vec<&str>| (!texts.is_empty()).then(|| texts.join("\n"));
        let of_errors = |member: &str| lines(errors().filter_map(|error| error.get(member)?.as_str()).collect());
        let mut words = ProviderDetails::default();
        words.subcode = errors().find_map(|error| id(error.get("error_code")?));
        words.title = of_errors("error_description");
        words.message = of_errors("possible_solution");
        words.details = lines(entities().flat_map(|entity| list(entity.get("additional_info"))).filter_map(Value::as_str).collect());
        words
    }
}
