//! The strategy in the command.

use std::{io, sync::Arc};

use http::Uri;
use serde_json::{Value, json};
use zengine_connector::HttpClient;

use super::{Dialog360, WhatsApp360Dialog};
use crate::cli::{CliContext, CliStrategy, Emulator, EmulatorOptions, RunningEmulator};
use crate::sandbox::dialog360::{Dialog360Api, Number, Settings, Webhooks};

pub(crate) fn strategy() -> CliStrategy {
    CliStrategy::new(async |settings: Dialog360, cx: CliContext| Ok(WhatsApp360Dialog::new(cx.http(), settings)))
        .with_secrets(&["platform_secret"])
        .with_emulator(Emulator { options: OPTIONS, start: Sandbox::start, dry_run })
}

const OPTIONS: &[(&str, &str)] = &[
    ("phone_number_id", "Meta's id of the number, digits"),
    ("waba_id", "Meta's id of its account, digits"),
    ("api_key", "the key of the number"),
    ("webhook_header", "the value of Authorization in webhooks"),
    ("platform_secret", "the secret that webhooks are signed with; by default they are not"),
];

/// The emulator's number and its account.
const NUMBER: &str = "100200300";
const ACCOUNT: &str = "900100";
/// The credentials of webhooks.
const HEADER: (&str, &str) = ("Authorization", "Bearer sandbox-webhook-token");

/// An emulator with the configuration's number, under the base address's path.
fn dry_run(instance: &Value, config: &Value) -> io::Result<Arc<dyn HttpClient>> {
    let text = |value: &Value, member: &str, other: &str| value[member].as_str().unwrap_or(other).to_owned();
    let number = Number::new(text(config, "phone_number_id", NUMBER), text(config, "waba_id", ACCOUNT));
    let settings = Settings::new().with_number(number).with_webhooks(Webhooks::off()).trusting();
    let base: Uri = text(instance, "base_url", "").parse().unwrap_or_default();
    Ok(Arc::new(Dialog360Api::in_process(settings)?.under(base.path())))
}

struct Sandbox {
    api: Dialog360Api,
    number: Number,
    header: String,
    platform_secret: Option<String>,
}

impl Sandbox {
    fn start(options: &EmulatorOptions) -> io::Result<Box<dyn RunningEmulator>> {
        let id = |name: &str, usual: &str| {
            let id = options.get(name).unwrap_or_else(|| usual.to_owned());
            let is_id = (1..=32).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_digit());
            let wrong = || io::Error::new(io::ErrorKind::InvalidInput, format!("`{name}`: an id is 1 to 32 digits"));
            if is_id { Ok(id) } else { Err(wrong()) }
        };
        let number = Number::new(id("phone_number_id", NUMBER)?, id("waba_id", ACCOUNT)?);
        let number = options.get("api_key").into_iter().fold(number, Number::with_token);
        let header = options.get("webhook_header").unwrap_or_else(|| HEADER.1.to_owned());
        let platform_secret = options.get("platform_secret");
        let mut settings = Settings::new().with_port(options.port).with_number(number.clone()).with_webhook_header(HEADER.0, &header);
        settings = platform_secret.iter().fold(settings, Settings::with_platform_secret);
        settings = options.webhook.iter().fold(settings, Settings::with_callback);
        settings = options.seed.into_iter().fold(settings, Settings::with_seed);
        settings = options.journal.iter().fold(settings, Settings::with_journal);
        Ok(Box::new(Self { api: Dialog360Api::start(settings)?, number, header, platform_secret }))
    }
}

impl RunningEmulator for Sandbox {
    fn base_url(&self) -> String {
        self.api.base_url()
    }

    fn details(&self) -> Value {
        json!({
            "phone_number_id": self.number.id(),
            "waba_id": self.number.account(),
            "api_key": self.number.token(),
            "webhook_header": { "name": HEADER.0, "value": self.header },
            "platform_secret": self.platform_secret,
        })
    }

    fn file(&self, tenant: &str) -> Value {
        let route = |kind: &str, value: &str| json!({ "kind": kind, "value": value, "tenants": [tenant] });
        let (id, waba_id) = (self.number.id(), self.number.account());
        let mut instance = json!({ "base_url": self.api.base_url() });
        if let Some(secret) = &self.platform_secret {
            instance["platform_secret"] = secret.as_str().into();
        }
        json!({
            "instance": instance,
            "config": {
                "phone_number_id": id,
                "waba_id": waba_id,
                "api_key": { "secret": "api-key" },
                "webhook_header": { "name": HEADER.0, "value": { "secret": "webhook-header" } },
            },
            "secrets": { "api-key": self.number.token(), "webhook-header": self.header },
            "routes": [route("phone_number_id", id), route("waba_id", waba_id)],
        })
    }
}
