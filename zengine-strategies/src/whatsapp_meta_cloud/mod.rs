#![doc = include_str!("docs.md")]

mod capabilities;
mod client;
mod config;
mod download;
mod error;
mod health;
mod inbound;
mod mapper;
mod schemas;
mod upload;

use std::{fmt, sync::Arc};

use bytes::Bytes;
use zengine_connector::{
    Capabilities, Configure, ConfigureContext, Error, ErrorKind, EventContext, HealthContext, HealthStatus, HttpClient, Message,
    OutboundMessage, OutboundStrategy, Receipt, Secret, SendContext, SendError, Strategy, Violation, verify::HmacSha256,
};

pub use capabilities::CAPABILITIES;
pub use config::{LengthUnit, MetaApp, WhatsAppMetaCloudConfig};
pub use schemas::Addressee;

use mapper::{Refusal, Rules};

/// Sends and receives WhatsApp messages through Meta's Cloud API.
#[derive(Strategy)]
#[strategy(name = "whatsapp-meta-cloud", channel = WhatsApp, config = WhatsAppMetaCloudConfig)]
#[strategy(outbound = OutboundMessage, capabilities = CAPABILITIES, idempotency = none, inbound)]
pub struct WhatsAppMetaCloud {
    http: Arc<dyn HttpClient>,
    app: MetaApp,
}

impl WhatsAppMetaCloud {
    /// One Meta app over an HTTP client. One instance serves all tenants of the app.
    pub fn new(http: Arc<dyn HttpClient>, app: MetaApp) -> Self {
        Self { http, app }
    }

    /// The bytes of a file that an event names by its media id.
    async fn fetch(&self, tenant: &Tenant, id: &str, cx: &EventContext) -> Result<Bytes, SendError> {
        download::download(&*self.http, tenant, id, cx).await
    }

    /// The app's settings.
    pub fn app(&self) -> &MetaApp {
        &self.app
    }
}

impl fmt::Debug for WhatsAppMetaCloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WhatsAppMetaCloud").field("app", &self.app).finish_non_exhaustive()
    }
}

/// A tenant's number, checked.
#[derive(Debug)]
pub struct Tenant {
    config: WhatsAppMetaCloudConfig,
    /// `https://graph.facebook.com/v26.0`.
    root: String,
    /// `appsecret_proof`, where the tenant gives its app secret.
    proof: Option<Secret<String>>,
}

impl Tenant {
    /// The configuration it was made from.
    pub fn config(&self) -> &WhatsAppMetaCloudConfig {
        &self.config
    }

    /// The address of a path of the Graph API, `/{id}/…` with or without a query, and with the proof where there is one.
    pub(crate) fn url(&self, path: &str) -> String {
        match &self.proof {
            Some(proof) => {
                let joint = if path.contains('?') { '&' } else { '?' };
                format!("{}{path}{joint}appsecret_proof={}", self.root, proof.expose())
            }
            None => format!("{}{path}", self.root),
        }
    }

    /// What the channel can carry, counted as the tenant wants it.
    fn capabilities(&self) -> &'static Capabilities {
        match self.config.length_unit {
            LengthUnit::Chars => &CAPABILITIES,
            LengthUnit::Utf16 => &capabilities::CAPABILITIES_UTF16,
        }
    }

    fn rules(&self) -> Rules {
        Rules {
            unit: self.config.length_unit.unit(),
            strict_template_text: self.config.strict_template_text,
            fill_contact_first_name: self.config.fill_contact_first_name,
            group_typing: self.config.group_typing,
        }
    }

    /// The token that every call carries.
    pub(crate) fn access_token(&self) -> &Secret<String> {
        &self.config.access_token
    }
}

impl Configure<WhatsAppMetaCloudConfig> for WhatsAppMetaCloud {
    type Tenant = Tenant;

    async fn configure(&self, config: WhatsAppMetaCloudConfig, _: &ConfigureContext) -> Result<Tenant, Error> {
        config.check().map_err(|violations| {
            Error::new(ErrorKind::ConfigInvalid, "the configuration of the number does not fit").with_violations(violations)
        })?;
        let version = config.graph_version.as_deref().unwrap_or(self.app.graph_version());
        let proof = config.app_secret.as_ref().map(|secret| {
            let secret = Secret::new(secret.expose().clone().into_bytes());
            Secret::new(HmacSha256::hex().sign(config.access_token.expose().as_bytes(), &secret))
        });
        Ok(Tenant { root: format!("{}/{version}", self.app.base_url()), proof, config })
    }
    async fn healthcheck(&self, tenant: &Tenant, cx: &HealthContext) -> HealthStatus {
        health::check(&*self.http, tenant, cx).await
    }
}

impl OutboundStrategy<WhatsAppMetaCloudConfig, OutboundMessage> for WhatsAppMetaCloud {
    async fn send(&self, tenant: &Tenant, message: &OutboundMessage, cx: &SendContext) -> Result<Receipt, SendError> {
        // Checked before already where the message comes through the orchestrator; not where somebody calls directly.
        message.validate(tenant.capabilities()).map_err(error::invalid)?;
        let mut request = mapper::request(message, tenant.rules(), cx.provider_key().as_str()).map_err(|refusal| match refusal {
            Refusal::Message(violations) => error::invalid(violations),
            Refusal::Recipient => {
                SendError::of(ErrorKind::InvalidRecipient, "no phone number, WhatsApp id, business-scoped id or group to write to")
                    .context("field", "/to")
                    .not_sent()
            }
        })?;
        if let Some(file) = request.upload {
            let id = upload::upload(&*self.http, tenant, file, cx).await?;
            request.body[file.kind.as_str()]["id"] = id.into();
        }
        let response = client::post_message(&*self.http, tenant, &request.body, cx.remaining()).await?;
        if request.numbered { error::message(&response, cx) } else { error::mark(&response, cx) }
    }

    fn check(&self, tenant: &Tenant, message: &OutboundMessage) -> Result<(), Vec<Violation>> {
        mapper::check(message, tenant.rules())
    }

    fn capabilities<'t>(&self, tenant: &'t Tenant) -> Option<&'t Capabilities> {
        Some(tenant.capabilities())
    }
}
