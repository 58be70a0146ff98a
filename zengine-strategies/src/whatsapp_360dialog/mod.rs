#![doc = include_str!("docs.md")]

#[cfg(feature = "cli")]
pub(crate) mod cli;
mod config;
mod health;
mod inbound;
mod media;
mod penalty;
mod settings;
mod webhooks;

use std::{sync::Arc, time::Duration};

use http::HeaderName;
use zengine_connector::error::Violation;
use zengine_connector::message::{Capabilities, Message};
use zengine_connector::strategy::{HealthStatus, Rate, Scopes};
use zengine_connector::{
    Configure, ConfigureContext, Error, ErrorKind, HealthContext, HttpClient, OutboundMessage, OutboundStrategy, Receipt, Secret,
    SendContext, SendError, Strategy,
};

pub use config::{Hosting, SignatureUse, WebhookHeader, WhatsApp360DialogConfig};
pub use penalty::MediaPenalty;
pub use settings::Dialog360;
pub use webhooks::{RegisteredWebhook, WebhookScope, WebhookState, WebhookTarget};

pub use crate::waba::files::{MediaInfo, NewMedia, StoredMedia};
pub use crate::waba::{capabilities::CAPABILITIES, settings::LengthUnit, wire::Addressee};

use crate::waba::files::Files;
use crate::waba::gateway::{Access, Gateway, Limits, Paths};
use crate::waba::mapper::Rules;
use crate::waba::{mapper, send};
use penalty::Failures;

/// The header of the key.
const KEY: HeaderName = HeaderName::from_static("d360-api-key");

/// Sends and receives WhatsApp messages through 360dialog.
#[derive(Strategy)]
#[strategy(name = "whatsapp-360dialog", channel = WhatsApp, config = WhatsApp360DialogConfig)]
#[strategy(outbound = OutboundMessage, capabilities = CAPABILITIES, idempotency = none, inbound, reply = acknowledge(4_500))]
pub struct WhatsApp360Dialog {
    http: Arc<dyn HttpClient>,
    settings: Dialog360,
}

impl WhatsApp360Dialog {
    /// One account over an HTTP client. One instance serves all tenants of the account.
    pub fn new(http: Arc<dyn HttpClient>, settings: Dialog360) -> Self {
        Self { http, settings }
    }

    /// The application's settings.
    pub fn settings(&self) -> &Dialog360 {
        &self.settings
    }

    /// The gateway of a number.
    ///
    /// # Errors
    /// `Config`, not sent, for the older hosting, which is not called.
    fn gateway<'a>(&'a self, tenant: &'a Tenant) -> Result<Gateway<'a>, SendError> {
        if tenant.config.hosting == Hosting::OnPremise {
            return Err(SendError::of(ErrorKind::Config, "the older hosting is not called").not_sent());
        }
        let gateway = Gateway::new(&*self.http, &tenant.root, tenant.access.clone());
        Ok(gateway.with_paths(&tenant.paths).with_agent(self.settings.user_agent()))
    }
}

redacted!(WhatsApp360Dialog { settings });

/// A tenant's number, with its checked configuration.
#[derive(Debug)]
pub struct Tenant {
    config: WhatsApp360DialogConfig,
    /// `https://waba-v2.360dialog.io`.
    root: String,
    paths: Paths,
    limits: Limits,
    access: Access,
    /// The tenant's own platform secrets.
    platform_secrets: Vec<Secret<Vec<u8>>>,
    failures: Failures,
}

impl Tenant {
    /// The configuration it was made from.
    pub fn config(&self) -> &WhatsApp360DialogConfig {
        &self.config
    }

    /// The channel's capabilities, in the tenant's length unit.
    fn capabilities(&self) -> &'static Capabilities {
        self.config.length_unit.capabilities()
    }

    fn rules(&self) -> Rules {
        self.config.rules()
    }
}

impl Configure<WhatsApp360DialogConfig> for WhatsApp360Dialog {
    type Tenant = Tenant;

    async fn configure(&self, config: WhatsApp360DialogConfig, _: &ConfigureContext) -> Result<Tenant, Error> {
        let wrong =
            |violations| Error::new(ErrorKind::ConfigInvalid, "the configuration of the number does not fit").with_violations(violations);
        config.check(self.settings.platform_secret().is_some()).map_err(wrong)?;
        let access =
            Access::key(KEY, &config.api_key).ok_or_else(|| wrong(vec![Violation::new("/api_key", "must be a header's value")]))?;
        let root = self.settings.base_url().unwrap_or(config.hosting.root()).to_owned();
        let paths = Paths {
            messages: config.messages_path.clone().unwrap_or_else(|| config.hosting.messages_path().to_owned()),
            media: "/media".to_owned(),
            file_query: String::new(),
            health: "/health_status".to_owned(),
            files: Files::Swapped(self.settings.file_hosts().to_vec()),
        };
        let limits = Limits::of_ms(config.send_timeout_ms, config.media_timeout_ms, config.health_timeout_ms, config.max_media_bytes);
        let platform_secrets = config.platform_secrets.iter().map(|secret| Secret::new(secret.expose().clone().into_bytes())).collect();
        Ok(Tenant { config, root, paths, limits, access, platform_secrets, failures: Failures::default() })
    }

    async fn healthcheck(&self, tenant: &Tenant, cx: &HealthContext) -> HealthStatus {
        match self.gateway(tenant) {
            Ok(gateway) => health::check(&gateway, tenant, cx).await,
            Err(_) => HealthStatus::inconclusive("the older hosting is not called"),
        }
    }
}

impl OutboundStrategy<WhatsApp360DialogConfig, OutboundMessage> for WhatsApp360Dialog {
    async fn send(&self, tenant: &Tenant, message: &OutboundMessage, cx: &SendContext) -> Result<Receipt, SendError> {
        let request = send::prepare(message, tenant.capabilities(), tenant.rules(), cx)?;
        send::carry(&self.gateway(tenant)?, &tenant.limits, "", request, cx).await
    }

    fn check(&self, tenant: &Tenant, message: &OutboundMessage) -> Result<(), Vec<Violation>> {
        mapper::check(message, tenant.rules())
    }

    fn capabilities<'t>(&self, tenant: &'t Tenant) -> Option<&'t Capabilities> {
        Some(tenant.capabilities())
    }

    /// The key, which is one number's, is the sender; each person is a recipient.
    fn scopes(&self, tenant: &Tenant, message: &OutboundMessage, scopes: &mut Scopes) {
        let config = &tenant.config;
        scopes.sender(config.phone_number_id.as_deref().unwrap_or("number"), Rate::per_second(config.messages_per_second));
        if let Some(person) = message.recipient().filter(|_| config.pace_recipients) {
            scopes.recipient(&person, Rate::per(1, Duration::from_secs(6)).burst(45));
        }
    }
}
