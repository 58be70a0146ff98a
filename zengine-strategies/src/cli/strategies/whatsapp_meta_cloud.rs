//! `whatsapp-meta-cloud` in the command.

use std::{io, sync::Arc};

use bytes::Bytes;
use http::{Method, Request, Response};
use serde::Deserialize as _;
use serde_json::{Value, json};
use zengine_connector::{HttpClient, error::Violation, schemars::schema_for};

use super::{CliStrategy, StartEmulator};
use crate::{
    cli::sandbox::{EmulatorOptions, RunningEmulator},
    sandbox::meta_cloud::{MetaCloud, Number, Settings},
    whatsapp_meta_cloud::{MetaApp, WhatsAppMetaCloud},
};

/// The emulator's default numbers, with their accounts.
const NUMBERS: [(&str, &str); 2] = [("100200300", "900100"), ("100200400", "900200")];

impl CliStrategy for WhatsAppMetaCloud {
    const SECRETS: &[&str] = &["app_secret", "verify_token"];

    const EMULATOR: Option<StartEmulator> = Some(Sandbox::start);

    fn instance_schema() -> Value {
        schema_for!(MetaApp).to_value()
    }

    fn build(http: Arc<dyn HttpClient>, instance: &Value) -> Result<Self, Violation> {
        let mut instance = instance.clone();
        // Commands that receive nothing need neither; `receive` reports a missing one.
        for name in Self::SECRETS {
            if instance.get(name).is_none_or(Value::is_null) {
                instance[name] = json!({ "secret": super::instance_secret(name) });
            }
        }
        let app = MetaApp::deserialize(&instance).map_err(|error| super::wrong(&error))?;
        Ok(Self::new(http, app))
    }

    fn dry_run(request: &Request<Bytes>) -> Response<Bytes> {
        let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let to = |name: &str| body.get(name).and_then(Value::as_str);
        let answer = match (request.method(), request.uri().path().rsplit('/').next()) {
            // Such a token needs no renewal, so the next request is the message.
            (&Method::GET, Some("debug_token")) => json!({ "data": {
                "is_valid": true,
                "type": "SYSTEM_USER",
                "expires_at": 0,
                "scopes": ["whatsapp_business_management", "whatsapp_business_messaging"],
            } }),
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

struct Sandbox {
    meta: MetaCloud,
    /// Id, account and token of each number.
    numbers: Vec<[String; 3]>,
}

impl Sandbox {
    fn start(options: &EmulatorOptions) -> io::Result<Box<dyn RunningEmulator>> {
        let mut settings = Settings::new().with_port(options.port);
        let wanted: Vec<_> = match options.numbers.as_slice() {
            [] => NUMBERS.iter().map(|(id, waba)| ((*id).to_owned(), (*waba).to_owned(), None)).collect(),
            numbers => numbers
                .iter()
                .map(|number| (number.id.clone(), number.account.clone().unwrap_or_else(|| NUMBERS[0].1.to_owned()), number.token.clone()))
                .collect(),
        };
        let mut numbers = vec![];
        for (id, waba_id, token) in wanted {
            let mut number = Number::new(&*id, &*waba_id);
            if let Some(token) = token {
                number = number.with_token(token);
            }
            numbers.push([id, waba_id, number.token().to_owned()]);
            settings = settings.with_number(number);
        }
        if let Some(secret) = &options.app_secret {
            settings = settings.with_app_secret(&**secret);
        }
        if let Some(token) = &options.verify_token {
            settings = settings.with_verify_token(&**token);
        }
        if let Some(url) = &options.webhook {
            settings = settings.with_callback(&**url);
        }
        if let Some(seed) = options.seed {
            settings = settings.with_seed(seed);
        }
        if let Some(journal) = &options.journal {
            settings = settings.with_journal(journal);
        }
        Ok(Box::new(Self { meta: MetaCloud::start(settings)?, numbers }))
    }
}

impl RunningEmulator for Sandbox {
    fn base_url(&self) -> String {
        self.meta.base_url()
    }

    fn details(&self) -> Value {
        let numbers =
            self.numbers.iter().map(|[id, waba_id, token]| json!({ "phone_number_id": id, "waba_id": waba_id, "access_token": token }));
        json!({
            "app_id": self.meta.app_id(),
            "app_secret": self.meta.app_secret(),
            "verify_token": self.meta.verify_token(),
            "numbers": numbers.collect::<Vec<_>>(),
        })
    }

    fn file(&self, tenant: &str) -> Value {
        let Some([id, waba_id, token]) = self.numbers.first() else { return Value::Null };
        let route = |kind: &str, value: &str| json!({ "kind": kind, "value": value, "tenants": [tenant] });
        json!({
            "instance": { "app_secret": self.meta.app_secret(), "verify_token": self.meta.verify_token(), "base_url": self.meta.base_url() },
            "config": { "phone_number_id": id, "waba_id": waba_id, "access_token": { "secret": "access-token" } },
            "secrets": { "access-token": token },
            "routes": [route("phone_number_id", id), route("waba_id", waba_id)],
        })
    }
}
