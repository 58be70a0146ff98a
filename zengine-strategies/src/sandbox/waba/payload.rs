//! Webhook bodies.

use serde_json::{Map, Value, json};

use super::errors::GraphError;
use super::ids;
use super::messages::{Message, Recipient};
use super::number::Number;
use crate::sandbox::webhooks::Item;

/// A POST body, with one entry per account.
pub(in crate::sandbox) fn envelope(items: Vec<Item>, now_s: u64) -> Value {
    let mut entries: Vec<(String, Vec<Value>)> = Vec::new();
    for Item { account, edge, value, .. } in items {
        let change = json!({"field": edge, "value": value});
        match entries.iter_mut().find(|(id, _)| *id == account) {
            Some((_, changes)) => changes.push(change),
            None => entries.push((account, vec![change])),
        }
    }
    let entries: Vec<_> = entries.into_iter().map(|(id, changes)| json!({"id": id, "time": now_s, "changes": changes})).collect();
    json!({"object": "whatsapp_business_account", "entry": entries})
}

/// An update of a number, as one element of `changes`.
pub(in crate::sandbox) fn item(number: &Number, field: &str, value: impl Into<Value>) -> Item {
    Item { account: number.waba_id.clone(), sender: Some(number.id.clone()), edge: field.to_owned(), value: value.into() }
}

/// A value of the field `messages` without content.
pub(in crate::sandbox) fn value_of(number: &Number) -> Map<String, Value> {
    let metadata = json!({"display_phone_number": number.display, "phone_number_id": number.id});
    Map::from_iter([("messaging_product".to_owned(), "whatsapp".into()), ("metadata".to_owned(), metadata)])
}

/// A status of an accepted message.
pub(in crate::sandbox) struct Status<'a> {
    pub(in crate::sandbox) number: &'a Number,
    pub(in crate::sandbox) message: &'a Message,
    pub(in crate::sandbox) wamid: &'a str,
    pub(in crate::sandbox) name: &'a str,
    /// Whether this status carries the price.
    pub(in crate::sandbox) priced: bool,
    /// The error code of a failed message.
    pub(in crate::sandbox) failure: Option<i64>,
    pub(in crate::sandbox) at_s: u64,
}

impl Status<'_> {
    pub(in crate::sandbox) fn item(&self) -> Item {
        let mut status = json!({"id": self.wamid, "status": self.name, "timestamp": self.at_s.to_string()});
        let mut contact = json!({"profile": {"name": "Sandbox User"}});
        match &self.message.recipient {
            Recipient::Phone { wa_id, .. } => {
                let user_id = ids::user_id(wa_id);
                status["recipient_id"] = wa_id.as_str().into();
                status["recipient_user_id"] = user_id.as_str().into();
                contact["wa_id"] = wa_id.as_str().into();
                contact["user_id"] = user_id.into();
            }
            Recipient::User { id } => {
                status["recipient_user_id"] = id.as_str().into();
                contact["user_id"] = id.as_str().into();
            }
            Recipient::Group { id } => {
                status["recipient_id"] = id.as_str().into();
                status["recipient_type"] = "group".into();
            }
        }
        if let Some(data) = &self.message.callback_data {
            status["biz_opaque_callback_data"] = data.as_str().into();
        }
        if self.priced {
            let free = self.message.category == "service";
            let kind = if free { "free_customer_service" } else { "regular" };
            status["pricing"] = json!({"billable": !free, "pricing_model": "PMP", "type": kind, "category": self.message.category});
        }
        if let Some(code) = self.failure {
            status["errors"] = json!([GraphError::in_webhook(code)]);
        }
        let mut value = value_of(self.number);
        if self.failure.is_none() && !matches!(self.message.recipient, Recipient::Group { .. }) {
            value.insert("contacts".to_owned(), json!([contact]));
        }
        value.insert("statuses".to_owned(), json!([status]));
        item(self.number, "messages", value)
    }
}
