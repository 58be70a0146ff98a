//! Queries for the states of a message.

use serde_json::Value;
use zengine_connector::{ErrorKind, EventContext, SendError, message::State};

use super::list;
use crate::waba::gateway::encoded;
use crate::waba::wire::{items, text};
use crate::whatsapp_meta_cloud::{Tenant, WhatsAppMetaCloud};

/// A state that a message reached.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeliveryEvent {
    /// The state; `None` if Meta's word is unknown.
    pub state: Option<State>,
    /// Time of the state, in milliseconds UTC.
    pub at_ms: Option<i64>,
    /// Meta's words about why it failed; may name a person.
    pub error: Option<String>,
}

// Without Meta's words.
redacted!(DeliveryEvent { state, at_ms });

impl WhatsAppMetaCloud {
    /// The states that a message of this number reached, as Meta keeps them: replaces statuses that never arrived. A send
    /// whose answer was lost has no id to query.
    ///
    /// # Errors
    /// `MessageInvalid` if `wamid` is not a message id; Meta's errors. Safe to repeat.
    pub async fn delivery_events(&self, tenant: &Tenant, wamid: &str, cx: &EventContext) -> Result<Vec<DeliveryEvent>, SendError> {
        if wamid.is_empty() || wamid.len() > 1024 || !wamid.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(SendError::of(ErrorKind::MessageInvalid, "not a message id").context("field", "wamid").not_sent());
        }
        let path = format!("/{}/message_history?message_id={}", tenant.config.phone_number_id, encoded(wamid));
        let body = self.ask(tenant, cx, "delivery_events", &path).await?;
        let events = list(&body, "delivery_events")?
            .iter()
            .flat_map(|message| message.get("events").map_or(&[][..], |events| items(events, "data")).iter());
        Ok(events.map(read).collect())
    }
}

fn read(event: &Value) -> DeliveryEvent {
    let state = match event.get("delivery_status").and_then(Value::as_str).map(str::to_ascii_uppercase).as_deref() {
        Some("SENT") => Some(State::Sent),
        Some("DELIVERED") => Some(State::Delivered),
        Some("READ") => Some(State::Read),
        Some("PLAYED") => Some(State::Played),
        Some("FAILED") => Some(State::Failed),
        Some("DELETED") => Some(State::Deleted),
        _ => None,
    };
    let seconds = event.get("timestamp").and_then(|time| time.as_i64().or_else(|| time.as_str()?.parse().ok()));
    DeliveryEvent { state, at_ms: seconds.and_then(|seconds| seconds.checked_mul(1000)), error: text(event, "error_description") }
}
