#![doc = include_str!("docs.md")]

#[cfg(feature = "cli")]
pub(crate) mod cli;
mod client;
mod config;
mod context;
mod health;
mod inbound;
mod manage;
mod media;
mod onboarding;
mod token;

use std::{sync::Arc, time::Duration};

use zengine_connector::error::{Step, StepReach, Violation};
use zengine_connector::message::{Capabilities, Message};
use zengine_connector::runtime::Clock;
use zengine_connector::strategy::{HealthStatus, Rate, Scopes};
use zengine_connector::{
    Configure, ConfigureContext, Error, ErrorKind, HealthContext, HttpClient, OutboundMessage, OutboundStrategy, Receipt, SendContext,
    SendError, Strategy,
};

pub use config::{MetaApp, TokenKind, WhatsAppMetaCloudConfig};
pub use manage::{BlockReport, BusinessProfile, DeliveryEvent, QrCode, QrImage, TemplateRecord};
pub use media::{MediaInfo, NewMedia, StoredMedia};
pub use onboarding::{
    AppCredentials, CodeMethod, GrantedScope, IssuedToken, Onboarding, Page, PhoneAppData, PhoneNumber, Pin, Signup, SignupEvent,
    SubscribedApp, TokenInfo, WebhookOverride, WebhookOverrides,
};
pub use token::{TokenHook, TokenStatus};

pub use crate::waba::{capabilities::CAPABILITIES, settings::LengthUnit, templates, wire::Addressee};

use crate::waba::capabilities::CAPABILITIES_UTF16;
use crate::waba::mapper::Rules;
use crate::waba::{answer, mapper};
use client::Payload;
use http::Method;
use token::{Credentials, Keeper};

/// Sends and receives WhatsApp messages through Meta's Cloud API.
#[derive(Strategy)]
#[strategy(name = "whatsapp-meta-cloud", channel = WhatsApp, config = WhatsAppMetaCloudConfig)]
#[strategy(outbound = OutboundMessage, capabilities = CAPABILITIES, idempotency = none, inbound)]
pub struct WhatsAppMetaCloud {
    http: Arc<dyn HttpClient>,
    app: MetaApp,
    token_hook: Option<Arc<dyn TokenHook>>,
}

impl WhatsAppMetaCloud {
    /// One Meta app over an HTTP client. One instance serves all tenants of the app.
    pub fn new(http: Arc<dyn HttpClient>, app: MetaApp) -> Self {
        Self { http, app, token_hook: None }
    }

    setters! {
        /// Calls the hook after every renewal of a token, so that the host can store the new one.
        pub with_token_hook(hook: Arc<dyn TokenHook>) => token_hook = Some(hook);
    }

    /// The calls of the app itself, before there is a tenant: the exchange of a signup's code, tokens, numbers.
    pub fn onboarding(&self, clock: Arc<dyn Clock>, credentials: AppCredentials) -> Onboarding {
        Onboarding::new(Arc::clone(&self.http), clock, &self.app, credentials)
    }

    /// The app's settings.
    pub fn app(&self) -> &MetaApp {
        &self.app
    }
}

redacted!(WhatsAppMetaCloud { app });

/// A tenant's number, with its checked configuration.
#[derive(Debug)]
pub struct Tenant {
    config: WhatsAppMetaCloudConfig,
    /// `https://graph.facebook.com/v26.0`.
    root: String,
    token: Keeper,
}

impl Tenant {
    /// The configuration it was made from.
    pub fn config(&self) -> &WhatsAppMetaCloudConfig {
        &self.config
    }

    /// The channel's capabilities, in the tenant's length unit.
    fn capabilities(&self) -> &'static Capabilities {
        match self.config.length_unit {
            LengthUnit::Chars => &CAPABILITIES,
            LengthUnit::Utf16 => &CAPABILITIES_UTF16,
        }
    }

    fn rules(&self) -> Rules {
        Rules {
            unit: self.config.length_unit.unit(),
            strict_template_text: self.config.strict_template_text,
            fill_contact_first_name: self.config.fill_contact_first_name,
            group_typing: self.config.group_typing,
            check_identity_key: self.config.check_identity_key,
            one_time_codes_to_user_ids: self.config.one_time_codes_to_user_ids,
        }
    }
}

impl Configure<WhatsAppMetaCloudConfig> for WhatsAppMetaCloud {
    type Tenant = Tenant;

    async fn configure(&self, config: WhatsAppMetaCloudConfig, _: &ConfigureContext) -> Result<Tenant, Error> {
        config.check().map_err(|violations| {
            Error::new(ErrorKind::ConfigInvalid, "the configuration of the number does not fit").with_violations(violations)
        })?;
        let version = config.graph_version.as_deref().unwrap_or(self.app.graph_version());
        let root = format!("{}/{version}", self.app.base_url());
        let credentials = Credentials::new(config.access_token.clone(), config.app_secret.as_ref());
        let token = match (config.token_kind, &config.app_id, &config.app_secret) {
            (TokenKind::Renewable | TokenKind::Expiring, Some(id), Some(secret)) => {
                Keeper::watched(credentials, AppCredentials::new(id, secret.clone()), config.token_kind, &config.waba_id, &root)
            }
            _ => Keeper::fixed(credentials),
        };
        Ok(Tenant { config, root, token })
    }

    async fn healthcheck(&self, tenant: &Tenant, cx: &HealthContext) -> HealthStatus {
        match self.graph(tenant, cx).await {
            Ok(graph) => match health::check(&graph, tenant, cx).await {
                HealthStatus::Healthy if tenant.token.ends_soon(cx).await => HealthStatus::degraded("the access token ends soon"),
                status => status,
            },
            Err(error) => health::without_token(&error),
        }
    }
}

impl OutboundStrategy<WhatsAppMetaCloudConfig, OutboundMessage> for WhatsAppMetaCloud {
    async fn send(&self, tenant: &Tenant, message: &OutboundMessage, cx: &SendContext) -> Result<Receipt, SendError> {
        // Checked before already where the message comes through the orchestrator; not where somebody calls directly.
        message.validate(tenant.capabilities()).map_err(answer::invalid)?;
        let mut request = mapper::request(message, tenant.rules(), cx.provider_key().as_str()).map_err(answer::invalid)?;
        let graph = self.graph(tenant, cx).await?;
        let mut uploaded = None;
        if let Some(file) = request.upload {
            let id = media::upload_of(&graph, tenant, file, cx).await?;
            request.body[file.kind.as_str()]["id"] = id.as_str().into();
            uploaded = Some(Step::preparing("upload", StepReach::Accepted).with_id(id));
        }
        let timeout = Duration::from_millis(tenant.config.send_timeout_ms).min(cx.remaining());
        let path = format!("/{}/messages", tenant.config.phone_number_id);
        let response = graph.call(Method::POST, &path, Payload::Json(&request.body), timeout).await?;
        let receipt = if request.numbered { answer::message } else { answer::mark }(&response, cx, &tenant.config.waba_id);
        let receipt = receipt.inspect_err(|error| {
            if error.kind() == ErrorKind::Unauthorized {
                tenant.token.refused();
            }
        });
        // The stored file's id: valid for another message too.
        Ok(match uploaded {
            Some(step) => receipt?.with_step(step).with_step(Step::carrying("message", StepReach::Accepted)),
            None => receipt?,
        })
    }

    fn check(&self, tenant: &Tenant, message: &OutboundMessage) -> Result<(), Vec<Violation>> {
        mapper::check(message, tenant.rules())
    }

    fn capabilities<'t>(&self, tenant: &'t Tenant) -> Option<&'t Capabilities> {
        Some(tenant.capabilities())
    }

    /// The number is the sender; each person is a recipient.
    fn scopes(&self, tenant: &Tenant, message: &OutboundMessage, scopes: &mut Scopes) {
        let config = &tenant.config;
        if let Some(rate) = config.messages_per_second {
            scopes.sender(&config.phone_number_id, Rate::per_second(rate));
        }
        if let Some(person) = message.recipient().filter(|_| config.pace_recipients) {
            scopes.recipient(&person, Rate::per(1, Duration::from_secs(6)).burst(45));
        }
    }
}
