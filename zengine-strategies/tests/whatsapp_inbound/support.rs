//! Shared by the tests: an app with known secrets, and bodies in Meta's form.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};
use zengine_connector::{
    Event, HttpClient, InboundStrategy, SecretRef, async_trait,
    http::{CallOptions, HttpError},
    message::ElementError,
    strategy::{RawPayload, RoutedEvent},
};
use zengine_strategies::whatsapp_meta_cloud::{MetaApp, WhatsAppMetaCloud};

/// Receiving calls nobody.
#[derive(Debug)]
struct NoHttp;

#[async_trait]
impl HttpClient for NoHttp {
    async fn call(&self, _: http::Request<Bytes>, _: CallOptions) -> Result<http::Response<Bytes>, HttpError> {
        panic!("the inbound half called a provider")
    }
}

pub(crate) fn app() -> MetaApp {
    MetaApp::new(SecretRef::named("app-secret"), SecretRef::named("verify-token"))
}

pub(crate) fn strategy() -> WhatsAppMetaCloud {
    WhatsAppMetaCloud::new(Arc::new(NoHttp), app())
}

pub(crate) type Results = Vec<Result<RoutedEvent, ElementError>>;

pub(crate) fn normalize(body: impl Into<Bytes>) -> Results {
    strategy().normalize(&RawPayload::unverified(body))
}

/// The one event of a body.
pub(crate) fn only(body: &Value) -> RoutedEvent {
    let mut results = normalize(body.to_string());
    assert_eq!(results.len(), 1, "{results:?}");
    results.remove(0).unwrap()
}

/// A body with one change.
pub(crate) fn body(field: &str, value: Value) -> Value {
    json!({"object": "whatsapp_business_account", "entry": [{"id": "900100", "time": 1_760_000_000, "changes": [{"field": field, "value": value}]}]})
}

/// A value of a number, with one contact.
pub(crate) fn value(array: &str, elements: Value) -> Value {
    let mut value = json!({
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "15550009999", "phone_number_id": "100200300"},
        "contacts": [{"profile": {"name": "Ana", "username": "ana.b"}, "wa_id": "15551230001", "user_id": "US.13500000000000000001"}],
    });
    value[array] = elements;
    value
}

/// A body with one message; `more` are its type and its object.
pub(crate) fn message(more: Value) -> Value {
    let mut message = json!({"id": "wamid.IN1", "from": "15551230001", "timestamp": "1760000000"});
    for (key, value) in more.as_object().unwrap() {
        message[key] = value.clone();
    }
    body("messages", value("messages", json!([message])))
}

/// A body with one status.
pub(crate) fn status(more: Value) -> Value {
    let mut status = json!({"id": "wamid.OUT1", "status": "delivered", "timestamp": "1760000000", "recipient_id": "15551230001"});
    for (key, value) in more.as_object().unwrap() {
        status[key] = value.clone();
    }
    body("messages", value("statuses", json!([status])))
}

/// The event as hosts see it in JSON.
pub(crate) fn shown(event: &Event) -> Value {
    serde_json::to_value(event).unwrap()
}

pub(crate) fn routes(event: &RoutedEvent) -> Vec<(&str, &str)> {
    event.routes.iter().map(|route| (route.kind(), route.value())).collect()
}

pub(crate) fn ids(party: &zengine_connector::message::Party) -> Vec<String> {
    party.ids.iter().map(ToString::to_string).collect()
}
