//! Shared by the tests: hosts with tenants of known secrets, and bodies.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};
use zengine_connector::http::{CallOptions, HttpError};
use zengine_connector::registry::TenantSetup;
use zengine_connector::store::Memory;
use zengine_connector::verify::HmacSha256;
use zengine_connector::{HttpClient, InboundEvent, Orchestrator, Secret, async_trait};
use zengine_strategies::whatsapp_360dialog::{Dialog360, WhatsApp360Dialog};

/// A token in a path.
pub(crate) const TOKEN: &str = "Zk3Vq8s1Xw7Lr2Tn5Yb9Hd4C";

pub(crate) const NAME: &str = "whatsapp-360dialog";

/// Receiving calls nobody.
#[derive(Debug)]
struct NoHttp;

#[async_trait]
impl HttpClient for NoHttp {
    async fn call(&self, _: Request<Bytes>, _: CallOptions) -> Result<http::Response<Bytes>, HttpError> {
        panic!("the inbound half called a provider")
    }
}

pub(crate) struct Host {
    pub(crate) orchestrator: Orchestrator,
    pub(crate) stores: Memory,
    seen: Arc<Mutex<Vec<InboundEvent>>>,
}

impl Host {
    pub(crate) fn new(settings: Dialog360) -> Self {
        let (stores, seen) = (Memory::new(), Arc::new(Mutex::new(vec![])));
        let keep = Arc::clone(&seen);
        let builder = Orchestrator::builder().strategy(WhatsApp360Dialog::new(Arc::new(NoHttp), settings)).stores(stores.clone());
        let orchestrator = builder.on_event(move |event| {
            keep.lock().unwrap().push(event);
            std::future::ready(Ok(()))
        });
        Self { orchestrator: orchestrator.build().unwrap(), stores, seen }
    }

    /// A host with one tenant, whose webhooks carry a header.
    pub(crate) async fn with_header() -> Self {
        let host = Self::new(Dialog360::new());
        host.set_up(acme(json!({"webhook_header": header("Authorization")}))).await;
        host
    }

    pub(crate) async fn set_up(&self, setup: TenantSetup) {
        self.orchestrator.set_up(setup).await.unwrap();
    }

    pub(crate) async fn answer(&self, request: Request<Bytes>) -> u16 {
        self.orchestrator.serve(NAME, request).await.status().as_u16()
    }

    /// The events of a delivery with the right header.
    pub(crate) async fn events_of(&self, body: &Value) -> Vec<Value> {
        assert_eq!(self.answer(post("/", &[("authorization", "Bearer secret-one")], body)).await, 200);
        self.take()
    }

    /// The events since the last call, as JSON.
    pub(crate) fn take(&self) -> Vec<Value> {
        self.seen.lock().unwrap().drain(..).map(|event| serde_json::to_value(event).unwrap()).collect()
    }
}

/// The tenant `acme` with a number, and more members of its configuration.
pub(crate) fn acme(more: Value) -> TenantSetup {
    tenant("acme", "100200300", more)
}

pub(crate) fn tenant(name: &str, number: &str, more: Value) -> TenantSetup {
    let mut config = json!({"api_key": {"secret": "key"}, "phone_number_id": number, "waba_id": "900100"});
    for (member, value) in more.as_object().unwrap() {
        config[member] = value.clone();
    }
    let named = config.to_string();
    let secrets = [("key", "api-key"), ("hook", "Bearer secret-one"), ("older", "Bearer secret-zero"), ("platform", "platform-secret")];
    let named = secrets.into_iter().filter(|(name, _)| named.contains(&format!("\"secret\":\"{name}\"")));
    named.fold(TenantSetup::new(name).strategy(NAME, config.clone()), |setup, (name, value)| setup.secret(name, value))
}

/// The tenant `acme`, whose webhooks come by a path with a token.
pub(crate) fn with_token(mut more: Value) -> TenantSetup {
    more["token_in_path"] = true.into();
    acme(more).route("url_token", TOKEN).route("phone_number_id", "100200300").shared_route("waba_id", "900100")
}

pub(crate) fn header(name: &str) -> Value {
    json!({"name": name, "value": {"secret": "hook"}})
}

pub(crate) fn post(path: &str, headers: &[(&str, &str)], body: &Value) -> Request<Bytes> {
    post_bytes(path, headers, body.to_string())
}

pub(crate) fn post_bytes(path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Request<Bytes> {
    let request = headers.iter().fold(Request::post(path), |request, (name, value)| request.header(*name, *value));
    request.header("content-type", "application/json").body(body.into()).unwrap()
}

pub(crate) fn signed(body: &Value, secret: &str) -> String {
    HmacSha256::hex().sign(body.to_string().as_bytes(), &Secret::new(secret.as_bytes().to_vec()))
}

/// A value with one text message, in no envelope.
pub(crate) fn text_of(number: Option<&str>, id: &str) -> Value {
    let mut value = json!({
        "messaging_product": "whatsapp",
        "contacts": [{"profile": {"name": "Ana"}, "wa_id": "15551230001"}],
        "messages": [{"id": id, "from": "15551230001", "timestamp": "1764403200", "type": "text", "text": {"body": "Hello"}}],
    });
    if let Some(number) = number {
        value["metadata"] = json!({"display_phone_number": "15550009999", "phone_number_id": number});
    }
    value
}

/// A webhook in Meta's form, with a change of each value.
pub(crate) fn envelope(values: impl IntoIterator<Item = Value>) -> Value {
    let changes: Vec<_> = values.into_iter().map(|value| json!({"field": "messages", "value": value})).collect();
    json!({"object": "whatsapp_business_account", "entry": [{"id": "900100", "changes": changes}]})
}

pub(crate) fn message() -> Value {
    envelope([text_of(Some("100200300"), "wamid.1")])
}
