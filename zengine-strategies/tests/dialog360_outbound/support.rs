//! A provider that answers from a script and keeps what it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};
use zengine_connector::http::{CallOptions, HttpError};
use zengine_connector::ids::ConfigVersion;
use zengine_connector::strategy::HealthStatus;
use zengine_connector::testing::{Contexts, SimClock};
use zengine_connector::{
    ClientMessageId, Configure, EventContext, HttpClient, Identity, OutboundMessage, OutboundStrategy, Receipt, Secret, SendError,
    StrategyName, TenantId, async_trait,
};
use zengine_strategies::whatsapp_360dialog::{Dialog360, Tenant, WhatsApp360Dialog, WhatsApp360DialogConfig};

pub(crate) const KEY: &str = "canary-key";

type Answer = Result<Response<Bytes>, HttpError>;

#[derive(Debug, Default)]
pub(crate) struct Script {
    answers: Mutex<VecDeque<Answer>>,
    calls: Mutex<Vec<Request<Bytes>>>,
}

#[async_trait]
impl HttpClient for Script {
    async fn call(&self, request: Request<Bytes>, _: CallOptions) -> Answer {
        self.calls.lock().unwrap().push(request);
        tokio::task::yield_now().await;
        let scripted = self.answers.lock().unwrap().pop_front();
        scripted.expect("a call for which no answer was scripted")
    }
}

/// One tenant's number on the script.
pub(crate) struct Bench {
    pub(crate) script: Arc<Script>,
    pub(crate) strategy: WhatsApp360Dialog,
    pub(crate) tenant: Tenant,
    contexts: Contexts,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::with(Dialog360::new(), |_| {}).await
    }

    pub(crate) async fn with(settings: Dialog360, change: impl FnOnce(&mut WhatsApp360DialogConfig)) -> Self {
        let mut config = WhatsApp360DialogConfig::new(Secret::new(KEY.to_owned()));
        change(&mut config);
        let script = Arc::new(Script::default());
        let strategy = WhatsApp360Dialog::new(Arc::clone(&script) as _, settings);
        let (tenant, name) = (TenantId::new("acme").unwrap(), StrategyName::new("whatsapp-360dialog").unwrap());
        let contexts = Contexts::new(tenant, name, Arc::new(SimClock::new()));
        let tenant = strategy.configure(config, &contexts.configure(ConfigVersion::new("1").unwrap())).await.unwrap();
        Self { script, strategy, tenant, contexts }
    }

    /// The same tenant in another process, over the same sessions.
    pub(crate) async fn other_process(&self) -> Self {
        let (script, contexts) = (Arc::new(Script::default()), self.contexts.other_process());
        let strategy = WhatsApp360Dialog::new(Arc::clone(&script) as _, Dialog360::new());
        let config = self.tenant.config().clone();
        let tenant = strategy.configure(config, &contexts.configure(ConfigVersion::new("1").unwrap())).await.unwrap();
        Self { script, strategy, tenant, contexts }
    }

    /// Scripts the next answer.
    pub(crate) fn answer(&self, status: u16, body: impl Into<Bytes>) {
        self.answer_with(Ok(Response::builder().status(status).body(body.into()).unwrap()));
    }

    pub(crate) fn answer_json(&self, status: u16, body: &Value) {
        self.answer(status, body.to_string());
    }

    pub(crate) fn answer_with(&self, answer: Answer) {
        self.script.answers.lock().unwrap().push_back(answer);
    }

    /// The calls so far, as method and address.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.script.calls.lock().unwrap().iter().map(|call| format!("{} {}", call.method(), call.uri())).collect()
    }

    pub(crate) fn last(&self) -> Request<Bytes> {
        let calls = self.script.calls.lock().unwrap();
        let last = calls.last().unwrap();
        last.clone()
    }

    pub(crate) fn last_json(&self) -> Value {
        serde_json::from_slice(self.last().body()).unwrap()
    }

    pub(crate) async fn send(&self, message: &OutboundMessage) -> Result<Receipt, SendError> {
        let id = ClientMessageId::new("order-17").unwrap();
        self.strategy.send(&self.tenant, message, &self.contexts.send(id)).await
    }

    pub(crate) async fn health(&self) -> HealthStatus {
        self.strategy.healthcheck(&self.tenant, &self.contexts.health()).await
    }

    pub(crate) fn cx(&self) -> EventContext {
        self.contexts.event()
    }
}

pub(crate) fn accepted() -> Value {
    json!({
        "messaging_product": "whatsapp",
        "contacts": [{"input": "+15551230001", "wa_id": "15551230001"}],
        "messages": [{"id": "wamid.OUT"}]
    })
}

pub(crate) fn text() -> OutboundMessage {
    OutboundMessage::text(Identity::phone("+15551230001").unwrap(), "Hello")
}
