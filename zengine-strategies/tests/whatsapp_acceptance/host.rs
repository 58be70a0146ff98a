//! A host with two tenants of one account, over a provider that answers from a script, in simulated time.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};
use zengine_connector::{
    Content, Error, HandlerContext, InboundEvent, Orchestrator, OutboundMessage, Outcome, Secret, SecretRef, StrategyName, TenantId,
    ids::RouteKey,
    store::{Memory, SecretScope, TenantRow},
    strategy::HealthStatus,
    testing::SimClock,
    verify::HmacSha256,
};
use zengine_strategies::whatsapp_meta_cloud::{MetaApp, WhatsAppMetaCloud};

use crate::outbound::{Script, TOKEN};

pub(crate) const NAME: &str = "whatsapp-meta-cloud";
const SECRET: &str = "canary-app-secret";
const VERIFY: &str = "canary verify token";

pub(crate) struct Host {
    pub(crate) script: Arc<Script>,
    pub(crate) orchestrator: Orchestrator,
    pub(crate) stores: Memory,
    pub(crate) clock: Arc<SimClock>,
    seen: Arc<Mutex<Vec<InboundEvent>>>,
    /// The outcomes of the handler's answers.
    pub(crate) answers: Arc<Mutex<Vec<Result<Outcome, Error>>>>,
}

impl Host {
    /// A handler that keeps what it sees.
    pub(crate) fn new() -> Self {
        Self::with(false)
    }

    /// A handler that answers whatever it sees.
    pub(crate) fn talkative() -> Self {
        Self::with(true)
    }

    fn with(talks: bool) -> Self {
        let name = StrategyName::new(NAME).unwrap();
        let stores = Memory::new();
        for (secret, value) in [("app-secret", SECRET), ("verify-token", VERIFY)] {
            stores.put_secret(&SecretScope::application(name.clone()), secret, value);
        }
        for (tenant, number) in [("acme", "100200300"), ("bolt", "100200301")] {
            let tenant = TenantId::new(tenant).unwrap();
            stores.put_secret(&SecretScope::tenant(name.clone(), tenant.clone()), "token", TOKEN);
            let config = json!({"phone_number_id": number, "waba_id": "900100", "access_token": {"secret": "token"}});
            let routes = [RouteKey::new("phone_number_id", number), RouteKey::new("waba_id", "900100")];
            stores.put_tenant(&tenant, &name, TenantRow::new(config).with_routes(routes));
        }
        let (seen, answers) = (Arc::new(Mutex::new(vec![])), Arc::new(Mutex::new(vec![])));
        let (keep, told) = (Arc::clone(&seen), Arc::clone(&answers));
        let handler = move |event: InboundEvent, cx: HandlerContext| {
            keep.lock().unwrap().push(event);
            let told = Arc::clone(&told);
            async move {
                if talks {
                    let answer = cx.reply(0, Content::text("An answer")).await;
                    told.lock().unwrap().push(answer);
                }
                Ok(())
            }
        };
        let (script, clock) = (Arc::new(Script::default()), Arc::new(SimClock::new()));
        let app = MetaApp::new(SecretRef::named("app-secret"), SecretRef::named("verify-token"));
        let strategy = WhatsAppMetaCloud::new(Arc::clone(&script) as _, app);
        let builder = Orchestrator::builder().strategy(strategy).stores(stores.clone()).clock(Arc::clone(&clock) as _).on_inbound(handler);
        Self { script, orchestrator: builder.build().unwrap(), stores, clock, seen, answers }
    }

    pub(crate) fn answer(&self, response: Response<Bytes>) {
        self.script.answer(Ok(response));
    }

    pub(crate) async fn send(&self, id: &str, message: &OutboundMessage) -> Result<Outcome, Error> {
        let acme = TenantId::new("acme").unwrap();
        self.orchestrator.send(&acme, NAME, id, message).await
    }

    pub(crate) async fn health(&self) -> HealthStatus {
        self.orchestrator.health(&TenantId::new("acme").unwrap(), NAME).await.unwrap()
    }

    /// Posts a body as Meta would, and gives the status.
    pub(crate) async fn post(&self, body: &Value) -> u16 {
        let body = Bytes::from(body.to_string());
        let signature = sign(&body);
        self.post_signed(body, &signature).await
    }

    pub(crate) async fn post_signed(&self, body: impl Into<Bytes>, signature: &str) -> u16 {
        let request = http::Request::post("/hook").header("x-hub-signature-256", signature).body(body.into()).unwrap();
        self.orchestrator.serve(NAME, request).await.status().as_u16()
    }

    pub(crate) async fn get(&self, query: &str) -> Response<Bytes> {
        self.orchestrator.serve(NAME, http::Request::get(format!("/hook?{query}")).body(Bytes::new()).unwrap()).await
    }

    /// The events that the handler got since the last call.
    pub(crate) fn take(&self) -> Vec<InboundEvent> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }

    /// The same as tenant and kind.
    pub(crate) fn kinds(&self) -> Vec<(String, &'static str)> {
        let mut kinds: Vec<_> = self.take().iter().map(|event| (event.tenant.to_string(), event.event.kind())).collect();
        kinds.sort();
        kinds
    }

    /// The one event.
    pub(crate) fn only(&self) -> InboundEvent {
        let mut seen = self.take();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen.remove(0)
    }
}

/// The signature of a body under the app's secret.
pub(crate) fn sign(body: &[u8]) -> String {
    HmacSha256::hex_with_prefix("sha256=").sign(body, &Secret::new(SECRET.as_bytes().to_vec()))
}
