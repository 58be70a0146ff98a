//! Codes and short links that open a chat.

use http::Method;
use serde_json::{Value, json};
use zengine_connector::{ErrorKind, EventContext, SendError};

use super::list;
use crate::waba::gateway;
use crate::waba::gateway::Payload;
use crate::waba::wire::text;
use crate::whatsapp_meta_cloud::{Tenant, WhatsAppMetaCloud};

/// Maximum length of the text, in characters.
const LONGEST: usize = 140;

/// A code that opens a chat with a text already typed.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct QrCode {
    /// Its id.
    pub code: String,
    /// The text.
    pub prefilled_message: Option<String>,
    /// The short link.
    pub deep_link_url: Option<String>,
    /// The temporary address of its picture, if one was requested.
    pub qr_image_url: Option<String>,
}

/// The format of a code's picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum QrImage {
    /// SVG, a vector picture.
    Svg,
    /// PNG, a raster picture.
    Png,
}

impl QrImage {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Svg => "SVG",
            Self::Png => "PNG",
        }
    }
}

/// The codes of the tenant's number.
impl WhatsAppMetaCloud {
    /// Creates a code for a text of 1 to 140 characters.
    ///
    /// # Errors
    /// `MessageInvalid` for another length; `Protocol` if the answer has no code; Meta's errors.
    pub async fn create_qr_code(&self, tenant: &Tenant, message: &str, image: QrImage, cx: &EventContext) -> Result<QrCode, SendError> {
        let operation = "create_qr_code";
        let length = message.chars().count();
        if !(1..=LONGEST).contains(&length) {
            let wrong = SendError::of(ErrorKind::MessageInvalid, "must be 1 to 140 characters").context("field", "/prefilled_message");
            return Err(wrong.context("limit", LONGEST).context("actual", length).not_sent());
        }
        let body = json!({"prefilled_message": message, "generate_qr_image": image.as_str()});
        let answer = self.change(tenant, cx, operation, Method::POST, &path(tenant), Payload::Json(&body)).await?;
        read(&answer)
            .ok_or_else(|| SendError::of(ErrorKind::Protocol, "a code was made without an id").context("operation", operation).maybe())
    }

    /// The codes of the number.
    ///
    /// # Errors
    /// Meta's errors. Safe to repeat.
    pub async fn qr_codes(&self, tenant: &Tenant, cx: &EventContext) -> Result<Vec<QrCode>, SendError> {
        let body = self.ask(tenant, cx, "qr_codes", &path(tenant)).await?;
        Ok(list(&body, "qr_codes")?.iter().filter_map(read).collect())
    }

    /// Deletes a code.
    ///
    /// # Errors
    /// `MessageInvalid` if `code` is not a code; Meta's errors.
    pub async fn delete_qr_code(&self, tenant: &Tenant, code: &str, cx: &EventContext) -> Result<(), SendError> {
        if !gateway::is_id(code) {
            return Err(SendError::of(ErrorKind::MessageInvalid, "not a code").context("field", "code").not_sent());
        }
        let path = format!("{}/{code}", path(tenant));
        self.command(tenant, cx, "delete_qr_code", Method::DELETE, &path, Payload::Nothing).await
    }
}

fn path(tenant: &Tenant) -> String {
    format!("/{}/message_qrdls", tenant.config.phone_number_id)
}

fn read(value: &Value) -> Option<QrCode> {
    let mut code = QrCode { code: text(value, "code")?, ..QrCode::default() };
    members!(code, text(value): prefilled_message, deep_link_url, qr_image_url);
    Some(code)
}
