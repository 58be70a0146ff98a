//! The apps that receive an account's webhooks, and their addresses.

use http::{Method, Uri};
use serde_json::{Value, json};
use zengine_connector::{Error, ErrorKind, EventContext, Secret, SendError};

use super::{list, text};
use crate::waba::gateway::Payload;
use crate::whatsapp_meta_cloud::{Tenant, WhatsAppMetaCloud};

/// Maximum length of an address, in characters.
const LONGEST: usize = 200;

/// Another address for webhooks than the app's own. It changes routing, not identity: every address gets bodies signed with
/// the same app secret, so tenants are still found by the body.
#[derive(Clone, Debug)]
pub struct WebhookOverride {
    url: String,
    verify_token: Secret<String>,
}

impl WebhookOverride {
    /// An https address of at most 200 characters, and the token of its handshake.
    ///
    /// # Errors
    /// `MessageInvalid` for another address or an empty token.
    pub fn new(url: impl Into<String>, verify_token: Secret<String>) -> Result<Self, Error> {
        let url = url.into();
        let wrong = |field, what| Err(Error::new(ErrorKind::MessageInvalid, what).with_context("field", field));
        let fits = url.parse::<Uri>().is_ok_and(|uri| uri.scheme_str() == Some("https") && uri.host().is_some_and(|host| !host.is_empty()));
        if !fits || url.chars().count() > LONGEST {
            return wrong("url", "must be an https address of at most 200 characters");
        }
        if verify_token.expose().is_empty() {
            return wrong("verify_token", "must not be empty");
        }
        Ok(Self { url, verify_token })
    }

    fn body(&self) -> Value {
        json!({"override_callback_uri": self.url, "verify_token": self.verify_token.expose()})
    }
}

/// An app that receives an account's webhooks.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct SubscribedApp {
    /// The app's id.
    pub id: String,
    /// Its name.
    pub name: Option<String>,
    /// Its page.
    pub link: Option<String>,
    /// The address at which it gets this account's webhooks, if it is not its own.
    pub override_callback_uri: Option<String>,
}

/// The addresses of a number's webhooks: the first that is set is used.
#[derive(Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct WebhookOverrides {
    /// The number's own address.
    pub phone_number: Option<String>,
    /// The account's.
    pub whatsapp_business_account: Option<String>,
    /// The app's.
    pub application: Option<String>,
}

// Addresses may hold a token of a tenant.
redacted!(WebhookOverrides {
    phone_number: |it| it.phone_number.is_some(),
    whatsapp_business_account: |it| it.whatsapp_business_account.is_some(),
    application: |it| it.application.is_some(),
});

/// Subscriptions of the tenant's account.
impl WhatsAppMetaCloud {
    /// Subscribes the app to the account's webhooks, at the app's own address. An address that was set for the account is
    /// removed.
    ///
    /// # Errors
    /// Meta's errors.
    pub async fn subscribe(&self, tenant: &Tenant, cx: &EventContext) -> Result<(), SendError> {
        self.command(tenant, cx, "subscribe", Method::POST, &apps(tenant), Payload::Nothing).await
    }

    /// Sends the account's webhooks to another address. You must subscribe the app first.
    ///
    /// # Errors
    /// Meta's errors.
    pub async fn subscribe_at(&self, tenant: &Tenant, at: &WebhookOverride, cx: &EventContext) -> Result<(), SendError> {
        self.command(tenant, cx, "subscribe", Method::POST, &apps(tenant), Payload::Json(&at.body())).await
    }

    /// Stops the account's webhooks to the app.
    ///
    /// # Errors
    /// Meta's errors.
    pub async fn unsubscribe(&self, tenant: &Tenant, cx: &EventContext) -> Result<(), SendError> {
        self.command(tenant, cx, "unsubscribe", Method::DELETE, &apps(tenant), Payload::Nothing).await
    }

    /// The apps that receive the account's webhooks.
    ///
    /// # Errors
    /// Meta's errors. Safe to repeat.
    pub async fn subscribed_apps(&self, tenant: &Tenant, cx: &EventContext) -> Result<Vec<SubscribedApp>, SendError> {
        read(&self.ask(tenant, cx, "subscribed_apps", &apps(tenant)).await?)
    }

    /// Sends the webhooks `messages` of this number to another address, or, with `None`, to the address of the account's and
    /// the app's settings.
    ///
    /// # Errors
    /// Meta's errors.
    pub async fn override_webhook(&self, tenant: &Tenant, at: Option<&WebhookOverride>, cx: &EventContext) -> Result<(), SendError> {
        let setting = at.map_or_else(|| json!({"override_callback_uri": ""}), WebhookOverride::body);
        let body = json!({"webhook_configuration": setting});
        let path = format!("/{}", tenant.config.phone_number_id);
        self.command(tenant, cx, "override_webhook", Method::POST, &path, Payload::Json(&body)).await
    }

    /// The addresses of this number's webhooks.
    ///
    /// # Errors
    /// Meta's errors. Safe to repeat.
    pub async fn webhook_overrides(&self, tenant: &Tenant, cx: &EventContext) -> Result<WebhookOverrides, SendError> {
        let path = format!("/{}?fields=webhook_configuration", tenant.config.phone_number_id);
        let body = self.ask(tenant, cx, "webhook_overrides", &path).await?;
        let Some(node) = body.as_object() else {
            let odd = SendError::of(ErrorKind::Protocol, "the answer is not the number's node");
            return Err(odd.context("operation", "webhook_overrides").not_sent());
        };
        let setting = node.get("webhook_configuration").unwrap_or(&Value::Null);
        let mut overrides = WebhookOverrides::default();
        members!(overrides, text(setting): phone_number, whatsapp_business_account, application);
        Ok(overrides)
    }
}

fn apps(tenant: &Tenant) -> String {
    format!("/{}/subscribed_apps", tenant.config.waba_id)
}

pub(in crate::whatsapp_meta_cloud) fn read(body: &Value) -> Result<Vec<SubscribedApp>, SendError> {
    let app = |value: &Value| {
        let data = value.get("whatsapp_business_api_data").unwrap_or(value);
        let override_callback_uri = text(value, "override_callback_uri");
        Some(SubscribedApp { id: text(data, "id")?, name: text(data, "name"), link: text(data, "link"), override_callback_uri })
    };
    Ok(list(body, "subscribed_apps")?.iter().filter_map(app).collect())
}
