//! Numbers that stay in the WhatsApp Business app.

use http::Method;
use serde_json::json;
use zengine_connector::{ErrorKind, EventContext, SendError};

use super::text;
use crate::waba::gateway::Payload;
use crate::whatsapp_meta_cloud::{Tenant, WhatsAppMetaCloud};

/// Data that the app on the phone holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PhoneAppData {
    /// The contacts; they arrive as webhooks `smb_app_state_sync`.
    Contacts,
    /// The conversations of the last months; they arrive as webhooks `history`, unless the owner declines.
    History,
}

impl WhatsAppMetaCloud {
    /// Requests data of the app on the phone: each kind once, within 24 hours of the signup. Returns Meta's id of the request.
    ///
    /// # Errors
    /// `InvalidContent` if it was requested before, or the time is over; Meta's errors.
    pub async fn synchronise(&self, tenant: &Tenant, what: PhoneAppData, cx: &EventContext) -> Result<Option<String>, SendError> {
        let kind = match what {
            PhoneAppData::Contacts => "smb_app_state_sync",
            PhoneAppData::History => "history",
        };
        let body = json!({"messaging_product": "whatsapp", "sync_type": kind});
        let path = format!("/{}/smb_app_data", tenant.config.phone_number_id);
        let answer = self.change(tenant, cx, "synchronise", Method::POST, &path, Payload::Json(&body)).await?;
        if !answer.is_object() {
            let odd = SendError::of(ErrorKind::Protocol, "the answer to the request cannot be read");
            return Err(odd.context("operation", "synchronise").maybe());
        }
        Ok(text(&answer, "request_id"))
    }
}
