//! Registering a number with the Cloud API.

use http::Method;
use serde_json::json;
use zengine_connector::{Error, ErrorKind, EventContext, Secret, SendError};

use crate::waba::gateway::Payload;
use crate::whatsapp_meta_cloud::{Tenant, WhatsAppMetaCloud};

/// The six digits of a number's two-step verification.
///
/// ```
/// use zengine_strategies::whatsapp_meta_cloud::Pin;
///
/// assert_eq!(format!("{:?}", Pin::new("123456")?), "Pin { .. }");
/// assert!(Pin::new("12345").is_err());
/// # Ok::<(), zengine_connector::Error>(())
/// ```
#[derive(Clone)]
pub struct Pin(Secret<String>);

impl Pin {
    /// Six digits.
    ///
    /// # Errors
    /// `MessageInvalid` for anything else.
    pub fn new(digits: impl Into<String>) -> Result<Self, Error> {
        let pin = Secret::new(digits.into());
        if pin.expose().len() == 6 && pin.expose().bytes().all(|b| b.is_ascii_digit()) {
            return Ok(Self(pin));
        }
        Err(Error::new(ErrorKind::MessageInvalid, "a PIN is six digits").with_context("field", "pin"))
    }
}

redacted!(Pin {});

/// How a verification code reaches the owner of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CodeMethod {
    /// As a text message.
    Sms,
    /// By a call.
    Voice,
}

/// Registering the tenant's number.
impl WhatsAppMetaCloud {
    /// Registers the number, within 14 days of its signup; sets its PIN if it has none. You must not register a number that
    /// stays in the WhatsApp Business app.
    ///
    /// # Errors
    /// `InvalidContent` for a wrong PIN, `Quota` after ten times in 72 hours, `Account` if the number must be verified
    /// first; Meta's errors.
    pub async fn register(&self, tenant: &Tenant, pin: &Pin, cx: &EventContext) -> Result<(), SendError> {
        let body = json!({"messaging_product": "whatsapp", "pin": pin.0.expose()});
        self.command(tenant, cx, "register", Method::POST, &of(tenant, "/register"), Payload::Json(&body)).await
    }

    /// Deregisters the number from the Cloud API.
    ///
    /// # Errors
    /// `Quota` after ten times in 72 hours; Meta's errors.
    pub async fn deregister(&self, tenant: &Tenant, cx: &EventContext) -> Result<(), SendError> {
        self.command(tenant, cx, "deregister", Method::POST, &of(tenant, "/deregister"), Payload::Nothing).await
    }

    /// Sends a verification code to the owner of the number, in a language such as `en_US`.
    ///
    /// # Errors
    /// `MessageInvalid` if `language` is not a language code; Meta's errors.
    pub async fn request_code(&self, tenant: &Tenant, method: CodeMethod, language: &str, cx: &EventContext) -> Result<(), SendError> {
        let plain = language.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && (2..=15).contains(&language.len());
        if !plain {
            return Err(SendError::of(ErrorKind::MessageInvalid, "must be a language code such as en_US")
                .context("field", "language")
                .not_sent());
        }
        let method = if method == CodeMethod::Sms { "SMS" } else { "VOICE" };
        let body = json!({"code_method": method, "language": language});
        self.command(tenant, cx, "request_code", Method::POST, &of(tenant, "/request_code"), Payload::Json(&body)).await
    }

    /// Proves with the code that the number is the tenant's.
    ///
    /// # Errors
    /// `MessageInvalid` if the code is not digits; Meta's errors.
    pub async fn verify_code(&self, tenant: &Tenant, code: &Secret<String>, cx: &EventContext) -> Result<(), SendError> {
        // People copy it as `123-456`.
        let digits: String = code.expose().chars().filter(|c| !matches!(c, '-' | ' ')).collect();
        if digits.is_empty() || digits.len() > 16 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(SendError::of(ErrorKind::MessageInvalid, "the code must be digits").context("field", "code").not_sent());
        }
        let body = json!({"code": digits});
        self.command(tenant, cx, "verify_code", Method::POST, &of(tenant, "/verify_code"), Payload::Json(&body)).await
    }

    /// Changes the PIN of the number.
    ///
    /// # Errors
    /// Meta's errors.
    pub async fn set_pin(&self, tenant: &Tenant, pin: &Pin, cx: &EventContext) -> Result<(), SendError> {
        let body = json!({"pin": pin.0.expose()});
        self.command(tenant, cx, "set_pin", Method::POST, &of(tenant, ""), Payload::Json(&body)).await
    }
}

fn of(tenant: &Tenant, path: &str) -> String {
    format!("/{}{path}", tenant.config.phone_number_id)
}
