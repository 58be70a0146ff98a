//! The numbers of an account.

use serde_json::Value;
use zengine_connector::{EventContext, SendError};

use super::{list, text};
use crate::waba::gateway::encoded;
use crate::whatsapp_meta_cloud::{Tenant, WhatsAppMetaCloud};

const FIELDS: &str =
    "id,display_phone_number,verified_name,quality_rating,status,name_status,code_verification_status,platform_type,is_on_biz_app";

/// A page of a longer list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page<T> {
    /// The items of the page.
    pub items: Vec<T>,
    /// The cursor of the next page; `None` on the last.
    pub next: Option<String>,
}

/// A number of an account.
#[derive(Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PhoneNumber {
    /// The phone number id.
    pub id: String,
    /// The number as people write it; you must not identify tenants by it.
    pub display_phone_number: Option<String>,
    /// The name that people see.
    pub verified_name: Option<String>,
    /// `GREEN`, `YELLOW`, `RED`, `UNKNOWN` or `NA`.
    pub quality_rating: Option<String>,
    /// `CONNECTED`, `PENDING` and so on.
    pub status: Option<String>,
    /// The approval status of the name.
    pub name_status: Option<String>,
    /// `VERIFIED`, `NOT_VERIFIED` or `EXPIRED`.
    pub code_verification_status: Option<String>,
    /// `CLOUD_API`, `ON_PREMISE` or `NOT_APPLICABLE`.
    pub platform_type: Option<String>,
    /// Whether the number is also in use in the WhatsApp Business app (coexistence): then you must not register it.
    pub is_on_biz_app: bool,
}

redacted!(PhoneNumber { id, status });

impl WhatsAppMetaCloud {
    /// A page of the numbers of the tenant's account; `after` is the `next` of the page before.
    ///
    /// # Errors
    /// Meta's errors. Safe to repeat.
    pub async fn phone_numbers(&self, tenant: &Tenant, after: Option<&str>, cx: &EventContext) -> Result<Page<PhoneNumber>, SendError> {
        read(&self.ask(tenant, cx, "phone_numbers", &path(&tenant.config.waba_id, after)).await?)
    }
}

pub(super) fn path(waba_id: &str, after: Option<&str>) -> String {
    let after = after.map(|after| format!("&after={}", encoded(after))).unwrap_or_default();
    format!("/{waba_id}/phone_numbers?fields={FIELDS}&limit=100{after}")
}

pub(super) fn read(body: &Value) -> Result<Page<PhoneNumber>, SendError> {
    let number = |value: &Value| {
        let mut number = PhoneNumber { id: text(value, "id")?, ..PhoneNumber::default() };
        members!(number, text(value): display_phone_number, verified_name, quality_rating, status, name_status, platform_type);
        number.code_verification_status = text(value, "code_verification_status");
        number.is_on_biz_app = value.get("is_on_biz_app") == Some(&Value::Bool(true));
        Some(number)
    };
    Ok(Page { items: list(body, "phone_numbers")?.iter().filter_map(number).collect(), next: next(body) })
}

/// The cursor of the next page; the last page has a cursor too, but no `next`.
pub(in crate::whatsapp_meta_cloud) fn next(body: &Value) -> Option<String> {
    body.pointer("/paging/next")?;
    body.pointer("/paging/cursors/after").and_then(Value::as_str).filter(|after| !after.is_empty()).map(str::to_owned)
}
