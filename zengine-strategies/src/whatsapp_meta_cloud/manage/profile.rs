//! The business profile of a number.

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use zengine_connector::{ErrorKind, EventContext, SendError};

use super::list;
use crate::waba::gateway::Payload;
use crate::whatsapp_meta_cloud::{Tenant, WhatsAppMetaCloud};

const FIELDS: &str = "about,address,description,email,profile_picture_url,vertical,websites";

/// The public profile of the business. In an update, an absent field stays unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct BusinessProfile {
    /// A line about the business.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// The postal address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// A longer description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The e-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Web addresses, at most two.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub websites: Vec<String>,
    /// The industry, in Meta's word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vertical: Option<String>,
    /// The address of the picture; read only.
    #[serde(skip_serializing)]
    pub profile_picture_url: Option<String>,
    /// The handle of a new picture; written only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile_picture_handle: Option<String>,
}

/// The profile of the tenant's number.
impl WhatsAppMetaCloud {
    /// The business profile.
    ///
    /// # Errors
    /// Meta's errors. Safe to repeat.
    pub async fn business_profile(&self, tenant: &Tenant, cx: &EventContext) -> Result<BusinessProfile, SendError> {
        let body = self.ask(tenant, cx, "business_profile", &format!("{}?fields={FIELDS}", path(tenant))).await?;
        let first = list(&body, "business_profile")?.first().cloned().unwrap_or(Value::Null);
        serde_json::from_value(first).map_err(|_| {
            SendError::of(ErrorKind::Protocol, "the profile cannot be read").context("operation", "business_profile").not_sent()
        })
    }

    /// Changes the business profile.
    ///
    /// # Errors
    /// `MessageInvalid` with more than two web addresses; Meta's errors.
    pub async fn set_business_profile(&self, tenant: &Tenant, profile: &BusinessProfile, cx: &EventContext) -> Result<(), SendError> {
        let operation = "set_business_profile";
        let websites = profile.websites.len();
        if websites > 2 {
            let many = SendError::of(ErrorKind::MessageInvalid, "at most two web addresses");
            return Err(many.context("field", "/websites").context("limit", 2).context("actual", websites).not_sent());
        }
        let mut body = serde_json::to_value(profile)
            .map_err(|error| SendError::of(ErrorKind::MessageInvalid, "the profile has no JSON form").source(error).not_sent())?;
        body["messaging_product"] = "whatsapp".into();
        self.command(tenant, cx, operation, Method::POST, &path(tenant), Payload::Json(&body)).await
    }
}

fn path(tenant: &Tenant) -> String {
    format!("/{}/whatsapp_business_profile", tenant.config.phone_number_id)
}
