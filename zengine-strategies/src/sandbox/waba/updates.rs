//! Updates in webhooks: people's messages, statuses, and other fields.

use std::fmt;

use serde_json::{Map, Value, json};

use super::errors::GraphError;
use super::payload::{item, value_of};
use super::provider::WabaState;
use super::shared::Shared;
use super::{Inbound, files, ids};
use crate::sandbox::lock;
use crate::sandbox::webhooks::Item;

/// Fields with the number in `metadata`.
const WITH_METADATA: &[&str] = &["messages", "calls", "history", "user_preferences", "automatic_events", "standby", "message_echoes"];

/// One update in a webhook POST; see [`MetaCloud::send_updates`](crate::sandbox::meta_cloud::MetaCloud::send_updates).
#[derive(Clone)]
#[must_use = "it does nothing until the emulator sends it"]
pub struct Update {
    number: String,
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    Message(Box<Inbound>),
    Status(Value),
    Field(String, Value),
}

impl Update {
    /// Creates an update with a person's message to a number.
    pub fn message(phone_number_id: impl Into<String>, message: impl Into<Inbound>) -> Self {
        Self { number: phone_number_id.into(), kind: Kind::Message(Box::new(message.into())) }
    }

    /// Creates an update with a status of a sent message, known here or not: `sent`, `delivered`, `read`, `played`, `failed`, ….
    pub fn status(phone_number_id: impl Into<String>, message_id: impl Into<String>, status: &str, recipient: &str) -> Self {
        let mut value =
            json!({"id": message_id.into(), "status": status, "recipient_id": recipient, "recipient_user_id": ids::user_id(recipient)});
        if status == "failed" {
            value["errors"] = json!([GraphError::in_webhook(131_026)]);
        }
        Self { number: phone_number_id.into(), kind: Kind::Status(value) }
    }

    /// Creates an update with a raw element of `statuses`; an absent timestamp is added.
    pub fn raw_status(phone_number_id: impl Into<String>, status: impl Into<Value>) -> Self {
        Self { number: phone_number_id.into(), kind: Kind::Status(status.into()) }
    }

    /// Creates an update with a value of any field. For an existing number, absent `messaging_product` and `metadata` are added if
    /// the field has them.
    pub fn field(phone_number_id: impl Into<String>, field: impl Into<String>, value: impl Into<Value>) -> Self {
        Self { number: phone_number_id.into(), kind: Kind::Field(field.into(), value.into()) }
    }

    /// The update as an element of `changes`, and the id of its message. `None` for a message or status of an unknown number.
    pub(in crate::sandbox) fn item(self, state: &impl WabaState, base_url: &str) -> Option<(Item, Option<String>)> {
        let (number, shared) = (state.number(&self.number), state.shared());
        match (self.kind, number) {
            (Kind::Message(message), Some(number)) => {
                let (value, id) = message_value(shared, &number.id, *message, base_url);
                let mut all = value_of(&number);
                all.extend(value);
                Some((item(&number, "messages", all), id))
            }
            (Kind::Status(mut status), Some(number)) => {
                if let Some(members) = status.as_object_mut() {
                    members.entry("timestamp").or_insert_with(|| shared.clock.now_s().to_string().into());
                    let name = members.get("status").and_then(Value::as_str);
                    if let (Some(name), Some(id)) = (name, members.get("id").and_then(Value::as_str)) {
                        shared.record_status(&number.id, id, name);
                    }
                }
                let mut all = value_of(&number);
                all.insert("statuses".to_owned(), json!([status]));
                Some((item(&number, "messages", all), None))
            }
            (Kind::Field(field, mut value), Some(number)) => {
                if let Some(members) = value.as_object_mut()
                    && (WITH_METADATA.contains(&field.as_str()) || field.starts_with("smb_") || field.starts_with("group_"))
                {
                    for (key, common) in value_of(&number) {
                        members.entry(key).or_insert(common);
                    }
                }
                Some((item(&number, &field, value), None))
            }
            // An account id, or 0 for none.
            (Kind::Field(field, value), None) => {
                let account = if state.is_account(&self.number) { self.number } else { "0".to_owned() };
                Some((Item { account, sender: None, edge: field, value }, None))
            }
            (Kind::Message(_) | Kind::Status(_), None) => None,
        }
    }
}

impl fmt::Debug for Update {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.kind {
            Kind::Message(_) => "message",
            Kind::Status(_) => "status",
            Kind::Field(field, _) => field,
        };
        formatter.debug_struct("Update").field("number", &self.number).field("kind", &kind).finish()
    }
}

/// `contacts` and `messages` of one inbound message, and its id. Opens the customer service window.
fn message_value(shared: &Shared, number: &str, mut message: Inbound, base_url: &str) -> (Map<String, Value>, Option<String>) {
    let sender = message.sender().to_owned();
    shared.open_window(number, &sender);
    if let Some(content) = message.content_mut()
        && let Some(id) = content.get("id").and_then(Value::as_str).map(str::to_owned)
        && let Some(file) = lock(&shared.media).get(&id).cloned()
    {
        content.entry("mime_type").or_insert_with(|| file.mime.as_str().into());
        content.entry("sha256").or_insert_with(|| file.sha256_base64().into());
        content.entry("url").or_insert_with(|| files::address(shared, base_url, &id).into());
    }
    let contact = message.contact();
    let (mut message, mut found) = (message.message, None);
    if let Some(members) = message.as_object_mut() {
        let id = members.entry("id").or_insert_with(|| shared.ids.message(&sender, false).into());
        found = id.as_str().map(str::to_owned);
        members.entry("timestamp").or_insert_with(|| shared.clock.now_s().to_string().into());
    }
    let mut value = Map::new();
    value.extend(contact.map(|contact| ("contacts".to_owned(), json!([contact]))));
    value.insert("messages".to_owned(), json!([message]));
    (value, found)
}
