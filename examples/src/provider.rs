//! The provider: the emulator, or Meta if credentials are in the environment.

use std::{env, path::Path, sync::Arc};

use serde_json::{Value, json};
use zengine_connector::{
    BoxError, Error, HttpClient, Identity, SecretRef, StrategyName, TenantId,
    http::ReqwestClient,
    ids::RouteKey,
    store::{Memory, SecretScope, TenantRow},
};
use zengine_strategies::{
    sandbox::meta_cloud::{MetaCloud, Number, Settings},
    whatsapp_meta_cloud::{MetaApp, WhatsAppMetaCloud},
};

/// The strategy's name.
pub const STRATEGY: &str = "whatsapp-meta-cloud";

/// A tenant and the person it writes to.
#[derive(Clone, Debug)]
pub struct Customer {
    /// The tenant.
    pub tenant: TenantId,
    /// Its number at the provider.
    pub phone_number_id: String,
    /// Recipient of the messages.
    pub to: Identity,
}

/// The provider's side.
#[derive(Debug)]
pub struct Provider {
    /// The emulator; absent where Meta itself is meant.
    pub emulator: Option<MetaCloud>,
    /// The tenants.
    pub customers: Vec<Customer>,
    /// The tenants' configuration and secrets, and the application's secrets.
    pub tenants: Memory,
}

impl Provider {
    /// Meta where the environment holds credentials, else the emulator, which may append what it was asked to a file.
    ///
    /// # Errors
    /// If a port or the file cannot be used, or a variable is missing.
    pub fn start(journal: Option<&Path>) -> Result<(Self, WhatsAppMetaCloud), BoxError> {
        let http: Arc<dyn HttpClient> = Arc::new(ReqwestClient::new()?);
        let provider = match env::var("WHATSAPP_ACCESS_TOKEN") {
            Ok(token) => Self::meta(&token)?,
            Err(_) => Self::emulated(journal)?,
        };
        let mut app = MetaApp::new(SecretRef::named("meta-app-secret"), SecretRef::named("meta-verify-token"));
        if let Some(emulator) = &provider.emulator {
            app = app.with_base_url(emulator.base_url())?;
        }
        Ok((provider, WhatsAppMetaCloud::new(http, app)))
    }

    /// Subscribes an address to the emulator's webhooks, with Meta's handshake. At Meta itself, a person does it.
    ///
    /// # Errors
    /// If the handshake fails.
    pub async fn subscribe(&self, webhooks: &str) -> Result<(), BoxError> {
        let Some(emulator) = &self.emulator else {
            println!("webhooks are served on {webhooks}; give Meta a public https address that leads here");
            return Ok(());
        };
        emulator.set_callback(webhooks);
        Ok(emulator.verify_callback().await.map_err(|error| format!("the webhook handshake failed: {error:?}"))?)
    }

    fn empty() -> Self {
        Self { emulator: None, customers: vec![], tenants: Memory::new() }
    }

    fn emulated(journal: Option<&Path>) -> Result<Self, BoxError> {
        let people = [("acme", "100200300", "900100", "+15551230001"), ("globex", "100200301", "900101", "+15551230002")];
        let mut settings = Settings::new();
        if let Some(journal) = journal {
            settings = settings.with_journal(journal);
        }
        let mut provider = Self::empty();
        for (tenant, phone_number_id, waba_id, to) in people {
            let number = Number::new(phone_number_id, waba_id);
            provider.add(tenant, phone_number_id, waba_id, number.token(), to)?;
            settings = settings.with_number(number);
        }
        let emulator = MetaCloud::start(settings)?;
        provider.application(emulator.app_secret(), emulator.verify_token())?;
        provider.emulator = Some(emulator);
        Ok(provider)
    }

    fn meta(token: &str) -> Result<Self, BoxError> {
        let need = |name: &str| env::var(name).map_err(|_| format!("{name} must be set beside WHATSAPP_ACCESS_TOKEN"));
        let mut provider = Self::empty();
        provider.add("acme", &need("WHATSAPP_PHONE_NUMBER_ID")?, &need("WHATSAPP_WABA_ID")?, token, &need("WHATSAPP_TO")?)?;
        provider.application(&need("WHATSAPP_APP_SECRET")?, &need("WHATSAPP_VERIFY_TOKEN")?)?;
        Ok(provider)
    }

    /// A tenant: its configuration names its secret, and its routes say which webhooks are its.
    fn add(&mut self, tenant: &str, phone_number_id: &str, waba_id: &str, token: &str, to: &str) -> Result<(), Error> {
        let (tenant, strategy) = (TenantId::new(tenant)?, StrategyName::new(STRATEGY)?);
        let config: Value = json!({
            "phone_number_id": phone_number_id,
            "waba_id": waba_id,
            "access_token": { "secret": "whatsapp-token" },
        });
        let routes = [RouteKey::new("phone_number_id", phone_number_id), RouteKey::new("waba_id", waba_id)];
        self.tenants.put_tenant(&tenant, &strategy, TenantRow::new(config).with_routes(routes));
        self.tenants.put_secret(&SecretScope::tenant(strategy, tenant.clone()), "whatsapp-token", token);
        self.customers.push(Customer { tenant, phone_number_id: phone_number_id.to_owned(), to: Identity::phone(to)? });
        Ok(())
    }

    fn application(&self, app_secret: &str, verify_token: &str) -> Result<(), Error> {
        let scope = SecretScope::application(StrategyName::new(STRATEGY)?);
        self.tenants.put_secret(&scope, "meta-app-secret", app_secret);
        self.tenants.put_secret(&scope, "meta-verify-token", verify_token);
        Ok(())
    }
}
