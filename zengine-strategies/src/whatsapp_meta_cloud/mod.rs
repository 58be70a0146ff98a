#![doc = include_str!("docs.md")]

#[cfg(feature = "cli")]
pub(crate) mod cli;
mod config;
mod health;
mod inbound;
mod manage;
mod media;
mod onboarding;
mod token;

use std::{sync::Arc, time::Duration};

use zengine_connector::error::Violation;
use zengine_connector::message::{Capabilities, Message};
use zengine_connector::runtime::Clock;
use zengine_connector::strategy::{HealthStatus, Rate, Scopes};
use zengine_connector::{
    Configure, ConfigureContext, Error, ErrorKind, HealthContext, HttpClient, OutboundMessage, OutboundStrategy, Receipt, SendContext,
    SendError, Strategy,
};

pub use config::{MetaApp, TokenKind, WhatsAppMetaCloudConfig};
pub use manage::{BlockReport, BusinessProfile, DeliveryEvent, QrCode, QrImage};
pub use onboarding::{
    AppCredentials, CodeMethod, GrantedScope, IssuedToken, Onboarding, Page, PhoneAppData, PhoneNumber, Pin, Signup, SignupEvent,
    SubscribedApp, TokenInfo, WebhookOverride, WebhookOverrides,
};
pub use token::{TokenHook, TokenStatus};

pub use crate::waba::files::{MediaInfo, NewMedia, StoredMedia};
pub use crate::waba::{capabilities::CAPABILITIES, settings::LengthUnit, templates, wire::Addressee};

use crate::waba::files::Files;
use crate::waba::gateway::{Credentials, Limits, Paths};
use crate::waba::mapper::Rules;
use crate::waba::{mapper, send};
use token::Keeper;

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
    paths: Paths,
    limits: Limits,
    token: Keeper,
}

impl Tenant {
    /// The configuration it was made from.
    pub fn config(&self) -> &WhatsAppMetaCloudConfig {
        &self.config
    }

    /// The channel's capabilities, in the tenant's length unit.
    fn capabilities(&self) -> &'static Capabilities {
        self.config.length_unit.capabilities()
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
        let id = &config.phone_number_id;
        let paths = Paths {
            messages: format!("/{id}/messages"),
            media: format!("/{id}/media"),
            // Naming the number makes Meta check that the file is this tenant's.
            file_query: format!("?phone_number_id={id}"),
            health: format!("/{id}?fields={}", health::FIELDS),
            files: Files::Direct(&["graph.facebook.com", ".fbsbx.com", ".fbcdn.net"]),
        };
        let limits = Limits::of_ms(config.send_timeout_ms, config.media_timeout_ms, config.health_timeout_ms, config.max_media_bytes);
        Ok(Tenant { config, root, paths, limits, token })
    }

    async fn healthcheck(&self, tenant: &Tenant, cx: &HealthContext) -> HealthStatus {
        match self.gateway(tenant, cx).await {
            Ok(gateway) => match health::check(&gateway, tenant, cx).await {
                HealthStatus::Healthy if tenant.token.ends_soon(cx).await => HealthStatus::degraded("the access token ends soon"),
                status => status,
            },
            Err(error) => health::without_token(&error),
        }
    }
}

impl OutboundStrategy<WhatsAppMetaCloudConfig, OutboundMessage> for WhatsAppMetaCloud {
    async fn send(&self, tenant: &Tenant, message: &OutboundMessage, cx: &SendContext) -> Result<Receipt, SendError> {
        let request = send::prepare(message, tenant.capabilities(), tenant.rules(), cx)?;
        let gateway = self.gateway(tenant, cx).await?;
        let receipt = send::carry(&gateway, &tenant.limits, &tenant.config.waba_id, request, cx).await;
        receipt.inspect_err(|error| {
            if error.kind() == ErrorKind::Unauthorized {
                tenant.token.refused();
            }
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
