//! The whole pipeline with the WhatsApp strategy over the core's HTTP client.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use serde_json::json;
use zengine_connector::{
    BoxError, Identity, Orchestrator, OutboundMessage, Outcome, SecretRef, Stores, StrategyName, StrategyRegistry, TenantId,
    http::ReqwestClient,
    store::{Memory, SecretScope},
};
use zengine_strategies::whatsapp_meta_cloud::{MetaApp, WhatsAppMetaCloud};

use super::{TEXT, steady::Client};

const NAME: &str = "whatsapp-meta-cloud";

/// An orchestrator with one tenant. Every send has a new id.
pub(super) struct Sender {
    orchestrator: Orchestrator,
    tenant: TenantId,
    message: OutboundMessage,
    sent: AtomicU32,
}

impl Sender {
    /// Sends with these stores; the tenant and its secret are in memory.
    pub(super) fn new(url: &str, stores: impl Into<Stores>) -> Result<Self, BoxError> {
        let (names, tenant, name) = (Memory::new(), TenantId::new("acme")?, StrategyName::new(NAME)?);
        names.put_secret(&SecretScope::tenant(name.clone(), tenant.clone()), "token", "EAAG-example");
        let config = json!({"phone_number_id": "106540352242922", "waba_id": "102290129340398", "access_token": {"secret": "token"}});
        names.put_tenant(&tenant, &name, config);
        let app = MetaApp::new(SecretRef::named("app-secret"), SecretRef::named("verify-token")).with_base_url(url)?;
        let client = ReqwestClient::builder().no_proxy().build()?;
        let registry = StrategyRegistry::builder().register(WhatsAppMetaCloud::new(Arc::new(client), app)).build()?;
        let orchestrator =
            Orchestrator::builder().registry(&registry).directory(names.directory()).secrets(names.secrets()).stores(stores).build()?;
        let message = OutboundMessage::text(Identity::phone("+16505550001")?, TEXT);
        Ok(Self { orchestrator, tenant, message, sent: AtomicU32::new(0) })
    }

    /// Sends so far.
    pub(super) fn sent(&self) -> u32 {
        self.sent.load(Ordering::Relaxed)
    }
}

impl Client for Sender {
    async fn send(&self) -> Result<(), BoxError> {
        let id = self.sent.fetch_add(1, Ordering::Relaxed);
        match self.orchestrator.send(&self.tenant, NAME, id.to_string(), &self.message).await? {
            Outcome::Delivered(_) => Ok(()),
            other => Err(format!("a send over loopback ended as {}", other.as_str()).into()),
        }
    }
}
