//! Answers as far as they are read. Only the deciding members are required: another member that is absent or of another
//! type does not turn an accepted message into an error.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The recipient as WhatsApp names it: the data of a receipt.
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

redacted!(Addressee {});

/// The answer to a message.
pub(crate) struct Accepted {
    /// The message's id, if there is one.
    pub(crate) id: Option<String>,
    pub(crate) addressee: Addressee,
    /// Of templates: `accepted`, `held_for_quality_assessment` or `paused`.
    pub(crate) status: Option<String>,
}

impl Accepted {
    pub(crate) fn read(body: &Value) -> Self {
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
pub(crate) fn id(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A member as text, also if it is a number.
pub(crate) fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key).and_then(id)
}

/// The elements of a member that is an array.
pub(crate) fn items<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
