//! The strategy in the command.

use std::{io, sync::Arc};

use http::Uri;
use serde_json::{Value, json};
use zengine_connector::HttpClient;

use super::{MetaApp, WhatsAppMetaCloud};
use crate::cli::{CliContext, CliStrategy, Emulator, EmulatorOptions, RunningEmulator};
use crate::sandbox::meta_cloud::{MetaCloud, Number, Settings, Webhooks};

pub(crate) fn strategy() -> CliStrategy {
    CliStrategy::new(async |app: MetaApp, cx: CliContext| Ok(WhatsAppMetaCloud::new(cx.http(), app)))
        .with_secrets(&["app_secret", "verify_token"])
        .with_emulator(Emulator { options: OPTIONS, start: Sandbox::start, dry_run })
}

const OPTIONS: &[(&str, &str)] = &[
    ("numbers", "phone numbers as ID[:ACCOUNT[:TOKEN]], separated by commas"),
    ("app_secret", "the secret that webhooks are signed with"),
    ("verify_token", "the token of the webhook handshake"),
];

/// The emulator's default numbers, with their accounts.
const NUMBERS: &str = "100200300:900100,100200400:900200";
/// The account of a number that names none.
const ACCOUNT: &str = "900100";

/// A number in an option.
fn number(text: &str) -> Option<Number> {
    let parts: Vec<_> = text.splitn(3, ':').collect();
    // The ids as a configuration must have them.
    let is_id = |part: &&str| (1..=32).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    if !parts.iter().take(2).all(is_id) || parts.iter().any(|part| part.is_empty()) {
        return None;
    }
    let number = Number::new(parts[0], parts.get(1).copied().unwrap_or(ACCOUNT));
    Some(if let Some(token) = parts.get(2) { number.with_token(*token) } else { number })
}

/// An emulator with the configuration's number, under the base address's path.
fn dry_run(instance: &Value, config: &Value) -> io::Result<Arc<dyn HttpClient>> {
    let text = |value: &Value, member: &str| value[member].as_str().unwrap_or_default().to_owned();
    let number = Number::new(text(config, "phone_number_id"), text(config, "waba_id"));
    let settings = Settings::new().with_number(number).with_webhooks(Webhooks::off()).trusting();
    let base: Uri = text(instance, "base_url").parse().unwrap_or_default();
    Ok(Arc::new(MetaCloud::in_process(settings)?.under(base.path())))
}

struct Sandbox {
    meta: MetaCloud,
    /// Id, account and token of each number.
    numbers: Vec<[String; 3]>,
}

impl Sandbox {
    fn start(options: &EmulatorOptions) -> io::Result<Box<dyn RunningEmulator>> {
        let mut settings = Settings::new().with_port(options.port);
        let wanted = options.get("numbers").unwrap_or_else(|| NUMBERS.to_owned());
        let mut numbers: Vec<[String; 3]> = vec![];
        for wanted in wanted.split(',') {
            let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, format!("`numbers`: {what}"));
            let number = number(wanted)
                .ok_or_else(|| invalid("a number reads ID, ID:ACCOUNT or ID:ACCOUNT:TOKEN; ID and ACCOUNT are 1 to 32 digits"))?;
            if numbers.iter().any(|[id, ..]| id == number.id()) {
                return Err(invalid("an ID is given twice"));
            }
            numbers.push([number.id().to_owned(), number.account().to_owned(), number.token().to_owned()]);
            settings = settings.with_number(number);
        }
        settings = options.get("app_secret").into_iter().fold(settings, Settings::with_app_secret);
        settings = options.get("verify_token").into_iter().fold(settings, Settings::with_verify_token);
        settings = options.webhook.iter().fold(settings, Settings::with_callback);
        settings = options.seed.into_iter().fold(settings, Settings::with_seed);
        settings = options.journal.iter().fold(settings, Settings::with_journal);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_an_id_perhaps_an_account_and_a_token() {
        let parts = |text: &str| number(text).map(|n| [n.id().to_owned(), n.account().to_owned(), n.token().to_owned()]);
        assert_eq!(parts("1"), Some(["1", ACCOUNT, "sandbox-token-1"].map(str::to_owned)));
        assert_eq!(parts("1:2"), Some(["1", "2", "sandbox-token-1"].map(str::to_owned)));
        assert_eq!(parts("1:2:t:k"), Some(["1", "2", "t:k"].map(str::to_owned)));
        for wrong in ["", ":2", "1:", "1:2:", "abc", "1:b", "+1", &"1".repeat(33)] {
            assert!(number(wrong).is_none(), "{wrong}");
        }
    }
}
