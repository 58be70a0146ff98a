//! How the command line makes `whatsapp-meta-cloud`.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response};
use serde::Deserialize as _;
use serde_json::{Value, json};
use zengine_connector::{HttpClient, Violation, schemars::schema_for};

use super::Wired;
use crate::whatsapp_meta_cloud::{MetaApp, WhatsAppMetaCloud};

impl Wired for WhatsAppMetaCloud {
    const SECRETS: &[&str] = &["app_secret", "verify_token"];

    fn instance_schema() -> Value {
        schema_for!(MetaApp).to_value()
    }

    fn wire(http: Arc<dyn HttpClient>, instance: &Value) -> Result<Self, Violation> {
        let mut instance = instance.clone();
        // A command that receives nothing needs neither; one that does says which of them is missing.
        for name in Self::SECRETS {
            if instance.get(name).is_none_or(Value::is_null) {
                instance[name] = json!({ "secret": super::instance_secret(name) });
            }
        }
        let app = MetaApp::deserialize(&instance).map_err(|error| super::wrong(&error))?;
        Ok(Self::new(http, app))
    }

    fn rehearse(request: &Request<Bytes>) -> Response<Bytes> {
        let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let to = |name: &str| body.get(name).and_then(Value::as_str);
        let answer = match (request.method(), request.uri().path().rsplit('/').next()) {
            (&Method::POST, Some("media")) => json!({ "id": "1000000000000001" }),
            (&Method::POST, Some("messages")) if to("status") == Some("read") => json!({ "success": true }),
            (&Method::POST, Some("messages")) => {
                let contact = match (to("to"), to("recipient")) {
                    (Some(to), _) => json!({ "input": to, "wa_id": to.trim_start_matches('+') }),
                    (None, Some(user)) => json!({ "input": user, "user_id": user }),
                    (None, None) => json!({}),
                };
                json!({
                    "messaging_product": "whatsapp",
                    "contacts": [contact],
                    "messages": [{ "id": "wamid.dry-run", "message_status": "accepted" }],
                })
            }
            _ => json!({ "success": true }),
        };
        Response::new(answer.to_string().into())
    }
}
