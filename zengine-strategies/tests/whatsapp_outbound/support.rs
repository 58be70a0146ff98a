//! A provider that answers from a script and keeps what it was asked.

use std::{
    collections::VecDeque,
    num::NonZeroU32,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};
use zengine_connector::{
    ClientMessageId, Configure, Error, HttpClient, InboundStrategy, OutboundMessage, OutboundStrategy, Receipt, Secret, SecretRef,
    SendError, StrategyName, TenantId, async_trait,
    error::Violation,
    http::{CallOptions, HttpError},
    ids::ConfigVersion,
    runtime::{Clock, TokioClock},
    strategy::HealthStatus,
    testing::Contexts,
};
use zengine_strategies::whatsapp_meta_cloud::{MetaApp, Tenant, WhatsAppMetaCloud, WhatsAppMetaCloudConfig};

pub(crate) const TOKEN: &str = "canary-token";
pub(crate) const PHONE: &str = "+15551230001";

#[derive(Debug, Default)]
pub(crate) struct Script {
    answers: Mutex<VecDeque<Result<Response<Bytes>, HttpError>>>,
    /// Answers that come first, by the last part of the path.
    by_path: Mutex<VecDeque<(&'static str, Response<Bytes>)>>,
    /// The answer without a prepared one.
    always: Mutex<Option<Response<Bytes>>>,
    calls: Mutex<Vec<(Request<Bytes>, CallOptions)>>,
}

#[async_trait]
impl HttpClient for Script {
    async fn call(&self, request: Request<Bytes>, options: CallOptions) -> Result<Response<Bytes>, HttpError> {
        let path = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
        self.calls.lock().unwrap().push((request, options));
        tokio::task::yield_now().await;
        let mut by_path = self.by_path.lock().unwrap();
        if let Some(at) = by_path.iter().position(|(name, _)| *name == path) {
            return Ok(by_path.remove(at).unwrap().1);
        }
        let scripted = self.answers.lock().unwrap().pop_front();
        let always = self.always.lock().unwrap().clone();
        scripted.unwrap_or_else(|| Ok(always.unwrap_or_else(|| answer(200, &accepted()))))
    }
}

impl Script {
    /// The answer to the next call.
    pub(crate) fn answer(&self, answer: Result<Response<Bytes>, HttpError>) {
        self.answers.lock().unwrap().push_back(answer);
    }

    /// The answer to every call for which none is scripted.
    #[allow(dead_code, reason = "not in every test that shares this")]
    pub(crate) fn answer_always(&self, answer: Response<Bytes>) {
        *self.always.lock().unwrap() = Some(answer);
    }

    /// The JSON of the last call.
    #[allow(dead_code, reason = "not in every test that shares this")]
    pub(crate) fn last_body(&self) -> Value {
        serde_json::from_slice(self.calls.lock().unwrap().last().unwrap().0.body()).unwrap()
    }

    /// The number of calls.
    pub(crate) fn len(&self) -> usize {
        self.calls.lock().unwrap().len()
    }
}

pub(crate) fn accepted() -> Value {
    json!({
        "messaging_product": "whatsapp",
        "contacts": [{"input": PHONE, "wa_id": "15551230001"}],
        "messages": [{"id": "wamid.OUT"}]
    })
}

pub(crate) fn answer(status: u16, body: &Value) -> Response<Bytes> {
    raw(status, body.to_string())
}

pub(crate) fn raw(status: u16, body: impl Into<Bytes>) -> Response<Bytes> {
    Response::builder().status(status).body(body.into()).unwrap()
}

/// Meta's error body with a code.
pub(crate) fn refused(status: u16, code: i64) -> Response<Bytes> {
    answer(status, &json!({"error": {"message": "canary", "type": "OAuthException", "code": code, "fbtrace_id": "Atrace"}}))
}

/// One tenant's number on the script.
pub(crate) struct Bench {
    pub(crate) script: Arc<Script>,
    pub(crate) strategy: WhatsAppMetaCloud,
    pub(crate) tenant: Tenant,
    pub(crate) contexts: Contexts,
}

pub(crate) fn config() -> WhatsAppMetaCloudConfig {
    WhatsAppMetaCloudConfig::new("100200300", "900100", Secret::new(TOKEN.to_owned()))
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut WhatsAppMetaCloudConfig)) -> Self {
        let mut config = config();
        change(&mut config);
        Self::of(config).await.unwrap()
    }

    pub(crate) async fn of(config: WhatsAppMetaCloudConfig) -> Result<Self, Error> {
        Self::on(Arc::new(TokioClock::new()), config, |strategy| strategy).await
    }

    /// On a clock of the test's.
    pub(crate) async fn on(
        clock: Arc<dyn Clock>,
        config: WhatsAppMetaCloudConfig,
        change: impl FnOnce(WhatsAppMetaCloud) -> WhatsAppMetaCloud,
    ) -> Result<Self, Error> {
        let script = Arc::new(Script::default());
        let app = MetaApp::new(SecretRef::named("app"), SecretRef::named("verify"));
        let strategy = change(WhatsAppMetaCloud::new(Arc::clone(&script) as _, app));
        let (tenant, name) = (TenantId::new("acme").unwrap(), StrategyName::new("whatsapp-meta-cloud").unwrap());
        let contexts = Contexts::new(tenant, name, clock);
        let tenant = strategy.configure(config, &contexts.configure(ConfigVersion::new("1").unwrap())).await?;
        Ok(Self { script, strategy, tenant, contexts })
    }

    pub(crate) fn answer(&self, response: Response<Bytes>) {
        self.script.answer(Ok(response));
    }

    pub(crate) fn fail(&self, error: HttpError) {
        self.script.answer(Err(error));
    }

    pub(crate) async fn try_send(&self, message: &OutboundMessage) -> Result<Receipt, SendError> {
        self.attempt(message, 1).await
    }

    pub(crate) fn check(&self, message: &OutboundMessage) -> Result<(), Vec<Violation>> {
        self.strategy.check(&self.tenant, message)
    }

    pub(crate) async fn sent(&self, message: &OutboundMessage) {
        drop(self.try_send(message).await.unwrap());
    }

    pub(crate) async fn attempt(&self, message: &OutboundMessage, attempt: u32) -> Result<Receipt, SendError> {
        let id = ClientMessageId::new("order-17").unwrap();
        let cx = self.contexts.attempt(id, NonZeroU32::new(attempt).unwrap());
        self.strategy.send(&self.tenant, message, &cx).await
    }

    /// Sends, and gives the body that was posted without what every body has.
    pub(crate) async fn body(&self, message: &OutboundMessage) -> Value {
        let before = self.calls();
        self.sent(message).await;
        assert_eq!(self.calls(), before + 1);
        let mut body = self.posted();
        let object = body.as_object_mut().unwrap();
        assert_eq!(object.remove("messaging_product"), Some("whatsapp".into()));
        body
    }

    pub(crate) fn posted(&self) -> Value {
        let calls = self.script.calls.lock().unwrap();
        serde_json::from_slice(calls.last().unwrap().0.body()).unwrap()
    }

    pub(crate) fn last_call<T>(&self, look: impl FnOnce(&Request<Bytes>, &CallOptions) -> T) -> T {
        let calls = self.script.calls.lock().unwrap();
        let (request, options) = calls.last().unwrap();
        look(request, options)
    }

    pub(crate) fn call<T>(&self, n: usize, look: impl FnOnce(&Request<Bytes>) -> T) -> T {
        look(&self.script.calls.lock().unwrap()[n].0)
    }

    /// The answer to the next call of a path that ends so.
    pub(crate) fn answer_to(&self, path: &'static str, body: &Value) {
        self.script.by_path.lock().unwrap().push_back((path, answer(200, body)));
    }

    /// The answers to come, in order.
    pub(crate) fn answers(&self, bodies: impl IntoIterator<Item = Value>) {
        bodies.into_iter().for_each(|body| self.answer(answer(200, &body)));
    }

    /// Method, path with query, and body of a call, in one line.
    pub(crate) fn line(&self, n: usize) -> String {
        self.call(n, |request| {
            let path = request.uri().path_and_query().unwrap();
            format!("{} {path} {}", request.method(), String::from_utf8_lossy(request.body())).trim_end().to_owned()
        })
    }

    pub(crate) fn calls(&self) -> usize {
        self.script.len()
    }

    pub(crate) async fn file(&self, id: &str) -> Result<Bytes, SendError> {
        self.strategy.media(&self.tenant, &id.into(), &self.contexts.event()).await.map(|file| file.bytes)
    }

    pub(crate) async fn health(&self) -> HealthStatus {
        self.strategy.healthcheck(&self.tenant, &self.contexts.health()).await
    }

    pub(crate) async fn health_within(&self, time: Duration) -> HealthStatus {
        self.strategy.healthcheck(&self.tenant, &self.contexts.clone().with_time_left(time).health()).await
    }
}

/// A message to a phone number, its content in canonical JSON.
pub(crate) fn message(content: Value) -> OutboundMessage {
    to(json!(PHONE), content)
}

pub(crate) fn to(party: Value, content: Value) -> OutboundMessage {
    serde_json::from_value(json!({"to": party, "content": content})).unwrap()
}

pub(crate) fn interactive(kind: &str, mut members: Value) -> OutboundMessage {
    members["type"] = "interactive".into();
    members["kind"] = kind.into();
    message(members)
}

pub(crate) fn template(components: Value) -> OutboundMessage {
    message(json!({"type": "template", "name": "order_ready", "language": "en_US", "components": components}))
}

pub(crate) fn pointers(violations: &[Violation]) -> Vec<&str> {
    violations.iter().map(|violation| violation.pointer.as_str()).collect()
}
