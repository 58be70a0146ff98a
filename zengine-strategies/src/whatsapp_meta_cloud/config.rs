//! The settings of the application and of each tenant.

use serde::{Deserialize, Deserializer};
use zengine_connector::error::Violation;
use zengine_connector::message::Checker;
use zengine_connector::{Error, ErrorKind, Secret, SecretRef, schemars};

use crate::waba::settings::{self, LengthUnit};

/// Settings of one Meta app. They belong to the application, not to a tenant. Secrets are references, never values.
///
/// ```
/// use zengine_connector::SecretRef;
/// use zengine_strategies::whatsapp_meta_cloud::MetaApp;
///
/// let app = MetaApp::new(SecretRef::named("meta-app-secret"), SecretRef::named("meta-verify-token"));
/// assert!(app.clone().with_base_url("http://127.0.0.1:8080").is_ok());
/// assert!(app.with_base_url("http://graph.example.org").is_err()); // plain HTTP stays on this machine
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "zengine_connector::schemars", description = "Settings of one Meta app.")]
#[non_exhaustive]
pub struct MetaApp {
    /// The app secret, which signs webhooks. During a rotation every current value is accepted.
    app_secret: SecretRef,
    /// The token of the webhook handshake, chosen by you. During a rotation every current value is accepted.
    verify_token: SecretRef,
    /// The address of the Graph API: https, or http on a loopback address. Defaults to `https://graph.facebook.com`.
    #[serde(default = "defaults::base_url", deserialize_with = "base_url")]
    base_url: String,
    /// The Graph version, such as `v26.0`. Defaults to `v26.0`.
    #[serde(default = "defaults::graph_version", deserialize_with = "graph_version")]
    #[schemars(regex(pattern = r"^v[0-9]{1,3}\.[0-9]{1,3}$"))]
    graph_version: String,
    /// Maximum size of a webhook body, in bytes. Defaults to 3 MiB; at least 1.
    #[serde(default = "defaults::max_webhook_bytes")]
    #[schemars(range(min = 1))]
    max_webhook_bytes: usize,
}

fn base_url<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    checked_base_url(&String::deserialize(from)?).map_err(serde::de::Error::custom)
}

fn graph_version<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    checked_version(String::deserialize(from)?).map_err(serde::de::Error::custom)
}

impl MetaApp {
    /// An app by its secret and its verify token, at `https://graph.facebook.com`, version `v26.0`.
    pub fn new(app_secret: SecretRef, verify_token: SecretRef) -> Self {
        let (base_url, graph_version) = (defaults::base_url(), defaults::graph_version());
        Self { app_secret, verify_token, base_url, graph_version, max_webhook_bytes: defaults::max_webhook_bytes() }
    }

    /// An app whose secret and verify token are secrets of the application with these names.
    pub fn named(app_secret: impl Into<String>, verify_token: impl Into<String>) -> Self {
        Self::new(SecretRef::named(app_secret), SecretRef::named(verify_token))
    }

    /// Another address of the Graph API, for proxies and emulators.
    ///
    /// # Errors
    /// `Settings` unless it is https, or http on a loopback address, without user, query, fragment and Graph version.
    pub fn with_base_url(mut self, url: impl Into<String>) -> Result<Self, Error> {
        self.base_url = checked_base_url(&url.into())?;
        Ok(self)
    }

    /// Another Graph version.
    ///
    /// # Errors
    /// `Settings` unless it reads like `v26.0`.
    pub fn with_graph_version(mut self, version: impl Into<String>) -> Result<Self, Error> {
        self.graph_version = checked_version(version.into())?;
        Ok(self)
    }

    setters! {
        /// Another limit of a webhook body, in bytes; at least 1. Meta sends up to 3 MiB.
        pub with_max_webhook_bytes(bytes: usize) => max_webhook_bytes = bytes;
    }

    /// The reference to the app secret.
    pub fn app_secret(&self) -> &SecretRef {
        &self.app_secret
    }

    /// The reference to the verify token.
    pub fn verify_token(&self) -> &SecretRef {
        &self.verify_token
    }

    /// The address of the Graph API, without a slash at the end.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The Graph version.
    pub fn graph_version(&self) -> &str {
        &self.graph_version
    }

    /// Maximum size of a webhook body, in bytes.
    pub fn max_webhook_bytes(&self) -> usize {
        self.max_webhook_bytes.max(1)
    }
}

/// The address without a slash at the end.
fn checked_base_url(url: &str) -> Result<String, Error> {
    let url = settings::checked_base_url(url)?;
    let is_versioned = url.rsplit('/').next().is_some_and(is_version);
    if is_versioned { Err(settings::wrong_base_url("the base URL ends with a Graph version: give it as graph_version")) } else { Ok(url) }
}

fn checked_version(version: String) -> Result<String, Error> {
    if is_version(&version) {
        return Ok(version);
    }
    Err(Error::new(ErrorKind::Settings, "a Graph version reads like v26.0").with_context("field", "/graph_version"))
}

fn is_version(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.len() <= 3 && part.bytes().all(|b| b.is_ascii_digit());
    text.strip_prefix('v').and_then(|rest| rest.split_once('.')).is_some_and(|(major, minor)| digits(major) && digits(minor))
}

/// The lifetime of an access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(crate = "zengine_connector::schemars")]
#[non_exhaustive]
pub enum TokenKind {
    /// Valid until it is revoked: a system user's token without an expiry. The strategy does not query its state.
    #[default]
    Permanent,
    /// A system user's token of 60 days, renewed after four fifths of its lifetime.
    Renewable,
    /// A token that expires and cannot be renewed, such as a user's. Its expiry is watched: health reports it in time, and
    /// nothing is sent with it afterwards.
    Expiring,
}

/// One business phone number of a tenant.
///
/// If Meta's documentation leaves a question open, there is an option with a safe default.
#[derive(Clone, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "zengine_connector::schemars")]
#[allow(clippy::struct_excessive_bools)] // a tenant's switches
#[non_exhaustive]
pub struct WhatsAppMetaCloudConfig {
    /// The phone number id (not the number), digits.
    #[schemars(regex(pattern = r"^[0-9]{1,32}$"))]
    pub phone_number_id: String,
    /// The id of the WhatsApp Business account that the number belongs to, digits.
    #[schemars(regex(pattern = r"^[0-9]{1,32}$"))]
    pub waba_id: String,
    /// The access token, with the permissions `whatsapp_business_messaging` and `whatsapp_business_management`.
    pub access_token: Secret<String>,
    /// The lifetime of the token. Defaults to `permanent`; any other value requires `app_id` and `app_secret`.
    #[serde(default)]
    pub token_kind: TokenKind,
    /// The id of the Meta app that the token was issued to, digits.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[0-9]{1,32}$"))]
    pub app_id: Option<String>,
    /// The app secret. If it is set, every call carries `appsecret_proof`, which an app with "Require App Secret" demands.
    #[serde(default)]
    pub app_secret: Option<Secret<String>>,
    /// The Graph version, such as `v26.0`. Defaults to the application's.
    #[serde(default)]
    #[schemars(regex(pattern = r"^v[0-9]{1,3}\.[0-9]{1,3}$"))]
    pub graph_version: Option<String>,
    /// Timeout of one send, in milliseconds; less if the send's own deadline is nearer. Defaults to 10000; 100 to 120000.
    #[serde(default = "defaults::send_timeout_ms")]
    #[schemars(range(min = 100, max = 120_000))]
    pub send_timeout_ms: u64,
    /// Timeout of one health check, in milliseconds. Defaults to 5000; 100 to 120000.
    #[serde(default = "defaults::health_timeout_ms")]
    #[schemars(range(min = 100, max = 120_000))]
    pub health_timeout_ms: u64,
    /// Whether a health check also asks if the app receives the account's webhooks: a second call that counts against the
    /// account's limit of management calls. Defaults to `false`.
    #[serde(default)]
    pub health_checks_subscription: bool,
    /// Timeout of fetching or storing one file, in milliseconds. Defaults to 60000; 100 to 600000.
    #[serde(default = "defaults::media_timeout_ms")]
    #[schemars(range(min = 100, max = 600_000))]
    pub media_timeout_ms: u64,
    /// Maximum size of a fetched file, in bytes. Defaults to 100 MiB; 1 byte to 100 MiB.
    #[serde(default = "defaults::max_media_bytes")]
    #[schemars(range(min = 1, max = 104_857_600))]
    pub max_media_bytes: u64,
    /// The unit of text limits; Meta's pages only say "characters". Defaults to `chars`.
    #[serde(default)]
    pub length_unit: LengthUnit,
    /// Whether to refuse template variables with line breaks, tabs or more than four spaces in a row, as Meta does. Defaults to `true`.
    #[serde(default = "defaults::yes")]
    pub strict_template_text: bool,
    /// Whether to repeat a contact's full name as first name if no other part of the name is given; older pages of Meta
    /// required a second part. Defaults to `false`.
    #[serde(default)]
    pub fill_contact_first_name: bool,
    /// Whether to send typing notices into groups; it is not documented whether Meta shows them. Defaults to `false`.
    #[serde(default)]
    pub group_typing: bool,
    /// Whether to demand that the recipient still has the key of its `identity_key_hash`, if it carries one (webhooks of
    /// numbers with the identity check on name it): a message to a changed identity fails with 137000. Defaults to `true`.
    #[serde(default = "defaults::yes")]
    pub check_identity_key: bool,
    /// Whether templates that look like one-time codes (the same text in the body and in the address of the only button) may
    /// go to business-scoped ids. Meta refuses real ones. Defaults to `false`.
    #[serde(default)]
    pub one_time_codes_to_user_ids: bool,
    /// Messages per second that this process sends from the number, evenly. Meta takes 80 in both directions together, 1,000 of a number
    /// that it raised, 20 of one that is shared with the app on a phone. Defaults to none: Meta's own limit is met, and its answer pauses
    /// the number. 1 to 1000.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1_000))]
    pub messages_per_second: Option<u32>,
    /// Whether to keep Meta's limit of messages to one person: 45 at once, then one every 6 seconds. Defaults to `false`: the limit is
    /// met, and its answer pauses this person's messages.
    #[serde(default)]
    pub pace_recipients: bool,
}

mod defaults {
    pub(super) fn base_url() -> String {
        "https://graph.facebook.com".to_owned()
    }

    /// The Graph version of July 2026; it is served until 2028 at least.
    pub(super) fn graph_version() -> String {
        "v26.0".to_owned()
    }

    /// Meta's own limit.
    pub(super) const fn max_webhook_bytes() -> usize {
        3 << 20
    }

    pub(super) const fn send_timeout_ms() -> u64 {
        10_000
    }

    pub(super) const fn health_timeout_ms() -> u64 {
        5_000
    }

    pub(super) const fn media_timeout_ms() -> u64 {
        60_000
    }

    pub(super) const fn max_media_bytes() -> u64 {
        100 << 20
    }

    pub(super) const fn yes() -> bool {
        true
    }
}

impl WhatsAppMetaCloudConfig {
    /// A number with default settings.
    pub fn new(phone_number_id: impl Into<String>, waba_id: impl Into<String>, access_token: Secret<String>) -> Self {
        Self {
            phone_number_id: phone_number_id.into(),
            waba_id: waba_id.into(),
            access_token,
            token_kind: TokenKind::default(),
            app_id: None,
            app_secret: None,
            graph_version: None,
            send_timeout_ms: defaults::send_timeout_ms(),
            health_timeout_ms: defaults::health_timeout_ms(),
            health_checks_subscription: false,
            media_timeout_ms: defaults::media_timeout_ms(),
            max_media_bytes: defaults::max_media_bytes(),
            length_unit: LengthUnit::default(),
            strict_template_text: true,
            fill_contact_first_name: false,
            group_typing: false,
            check_identity_key: true,
            one_time_codes_to_user_ids: false,
            messages_per_second: None,
            pace_recipients: false,
        }
    }

    /// Checks all settings; finds every violation.
    pub(super) fn check(&self) -> Result<(), Vec<Violation>> {
        let mut check = Checker::new();
        for (pointer, id) in [("/phone_number_id", &self.phone_number_id), ("/waba_id", &self.waba_id)] {
            check.count(pointer, id.len(), 1, 32);
            check.require(id.bytes().all(|b| b.is_ascii_digit()), pointer, "must be digits; it is the id, not the phone number");
        }
        let token = self.access_token.expose();
        check.count("/access_token", token.len(), 1, 4096);
        check.require(token.bytes().all(|b| b.is_ascii_graphic()), "/access_token", "must be visible ASCII characters without spaces");
        if let Some(id) = &self.app_id {
            check.count("/app_id", id.len(), 1, 32);
            check.require(id.bytes().all(|b| b.is_ascii_digit()), "/app_id", "must be digits");
        }
        let watched = self.token_kind != TokenKind::Permanent;
        check.require(!watched || self.app_id.is_some(), "/app_id", "needed where the token ends");
        check.require(!watched || self.app_secret.is_some(), "/app_secret", "needed where the token ends");
        if let Some(secret) = &self.app_secret {
            check.count("/app_secret", secret.expose().len(), 1, 4096);
        }
        if let Some(version) = &self.graph_version {
            check.require(is_version(version), "/graph_version", "must read like v26.0");
        }
        let ms = [
            ("/send_timeout_ms", self.send_timeout_ms, 120_000),
            ("/health_timeout_ms", self.health_timeout_ms, 120_000),
            ("/media_timeout_ms", self.media_timeout_ms, 600_000),
        ];
        for (pointer, value, max) in ms {
            check.require((100..=max).contains(&value), pointer, "must be at least 100 ms and at most its maximum");
        }
        let rate = self.messages_per_second.is_none_or(|rate| (1..=1_000).contains(&rate));
        check.require(rate, "/messages_per_second", "must be 1 to 1000");
        check.require((1..=100 << 20).contains(&self.max_media_bytes), "/max_media_bytes", "must be 1 byte to 100 MiB");
        check.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_app_settings_are_checked_as_they_are_read() {
        let read = |extra: &str| {
            serde_json::from_str::<MetaApp>(&format!(r#"{{"app_secret":{{"secret":"a"}},"verify_token":{{"env":"V"}}{extra}}}"#))
        };
        let app = read("").unwrap();
        assert_eq!((app.base_url(), app.graph_version(), app.max_webhook_bytes()), ("https://graph.facebook.com", "v26.0", 3 << 20));
        assert_eq!(read(r#","base_url":"http://127.0.0.1:1/""#).unwrap().base_url(), "http://127.0.0.1:1");
        for bad in [r#","base_url":"http://evil.example""#, r#","graph_version":"26""#, r#","unknown":1"#] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_violation_of_a_configuration_is_reported() {
        let mut config = WhatsAppMetaCloudConfig::new("+1555", "", Secret::new("a b\n".to_owned()));
        config.graph_version = Some("26".to_owned());
        config.send_timeout_ms = 1;
        let violations = config.check().unwrap_err();
        let pointers: Vec<_> = violations.iter().map(|v| v.pointer.as_str()).collect();
        assert_eq!(pointers, ["/phone_number_id", "/waba_id", "/access_token", "/graph_version", "/send_timeout_ms"]);
    }

    #[test]
    fn unknown_fields_are_refused_and_secrets_are_masked() {
        let json = r#"{"phone_number_id":"1","waba_id":"2","access_token":"canary","sendTimeout":1}"#;
        assert!(serde_json::from_str::<WhatsAppMetaCloudConfig>(json).is_err());
        let config = WhatsAppMetaCloudConfig::new("1", "2", Secret::new("canary".to_owned()));
        assert!(!format!("{config:?}").contains("canary"));
    }
}
