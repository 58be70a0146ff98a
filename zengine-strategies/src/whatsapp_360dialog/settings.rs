//! The settings of the application.

use http::{HeaderName, HeaderValue};
use serde::{Deserialize, Deserializer, de};
use zengine_connector::{Error, ErrorKind, SecretRef, schemars};

use crate::waba::settings::checked_base_url;

/// Settings of one account at 360dialog. They belong to the application, not to a tenant; a secret is a reference, never a value.
///
/// ```
/// use zengine_connector::SecretRef;
/// use zengine_strategies::whatsapp_360dialog::Dialog360;
///
/// let direct = Dialog360::new(); // each number authenticates its own webhooks
/// let partner = Dialog360::new().with_platform_secret(SecretRef::named("platform-secret")); // the account signs all of them
/// assert!(partner.with_base_url("https://proxy.example.org/360").is_ok());
/// assert!(direct.with_base_url("http://proxy.example.org").is_err()); // plain HTTP stays on this machine
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "zengine_connector::schemars", description = "Settings of one account at 360dialog.")]
#[non_exhaustive]
pub struct Dialog360 {
    /// The address of the messaging API in place of that of a number's hosting, for proxies and emulators: https, or http on a loopback
    /// address.
    #[serde(default, deserialize_with = "base_url")]
    base_url: Option<String>,
    /// The platform secret of a partner's account, which signs the webhooks of all its numbers. During a rotation every current value is
    /// accepted. Without it, a tenant has its own or none.
    #[serde(default)]
    platform_secret: Option<SecretRef>,
    /// The header of that signature. Defaults to `x-360dialog-signature`.
    #[serde(default = "defaults::signature_header", deserialize_with = "header_name")]
    signature_header: String,
    /// Maximum size of a webhook body, in bytes. Defaults to 3 MiB; at least 1.
    #[serde(default = "defaults::max_webhook_bytes")]
    #[schemars(range(min = 1))]
    max_webhook_bytes: usize,
    /// The hosts of files. Their addresses are fetched from the messaging API instead, with the key; no other address is. Defaults to
    /// `lookaside.fbsbx.com`.
    #[serde(default = "defaults::file_hosts", deserialize_with = "file_hosts")]
    file_hosts: Vec<String>,
    /// The `User-Agent` of all calls: some clients send a browser's. Defaults to that of the HTTP client.
    #[serde(default, deserialize_with = "user_agent")]
    #[schemars(with = "Option<String>")]
    user_agent: Option<HeaderValue>,
}

mod defaults {
    pub(super) fn signature_header() -> String {
        "x-360dialog-signature".to_owned()
    }

    pub(super) fn file_hosts() -> Vec<String> {
        vec!["lookaside.fbsbx.com".to_owned()]
    }

    /// Meta's own limit.
    pub(super) const fn max_webhook_bytes() -> usize {
        3 << 20
    }
}

fn base_url<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Option::<String>::deserialize(from)?.map(|url| checked_base_url(&url)).transpose().map_err(de::Error::custom)
}

fn header_name<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    checked_name(String::deserialize(from)?).map_err(de::Error::custom)
}

fn file_hosts<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    checked_hosts(Vec::<String>::deserialize(from)?).map_err(de::Error::custom)
}

fn user_agent<'de, D: Deserializer<'de>>(from: D) -> Result<Option<HeaderValue>, D::Error> {
    Option::<String>::deserialize(from)?.map(|text| checked_value(&text)).transpose().map_err(de::Error::custom)
}

impl Default for Dialog360 {
    fn default() -> Self {
        Self {
            base_url: None,
            platform_secret: None,
            signature_header: defaults::signature_header(),
            max_webhook_bytes: defaults::max_webhook_bytes(),
            file_hosts: defaults::file_hosts(),
            user_agent: None,
        }
    }
}

impl Dialog360 {
    /// Settings of an account whose numbers authenticate their own webhooks.
    pub fn new() -> Self {
        Self::default()
    }

    /// Another address of the messaging API, for proxies and emulators.
    ///
    /// # Errors
    /// `Settings` unless it is https, or http on a loopback address, without user, query and fragment.
    pub fn with_base_url(mut self, url: impl Into<String>) -> Result<Self, Error> {
        self.base_url = Some(checked_base_url(&url.into())?);
        Ok(self)
    }

    /// Another header of the signature.
    ///
    /// # Errors
    /// `Settings` unless it is a header's name.
    pub fn with_signature_header(mut self, name: impl Into<String>) -> Result<Self, Error> {
        self.signature_header = checked_name(name.into())?;
        Ok(self)
    }

    /// Other hosts of files.
    ///
    /// # Errors
    /// `Settings` unless each is the bare name of a host, in lower case.
    pub fn with_file_hosts<H: Into<String>>(mut self, hosts: impl IntoIterator<Item = H>) -> Result<Self, Error> {
        self.file_hosts = checked_hosts(hosts.into_iter().map(Into::into).collect())?;
        Ok(self)
    }

    /// A `User-Agent` for all calls.
    ///
    /// # Errors
    /// `Settings` unless it is visible ASCII characters and spaces.
    pub fn with_user_agent(mut self, text: impl AsRef<str>) -> Result<Self, Error> {
        self.user_agent = Some(checked_value(text.as_ref())?);
        Ok(self)
    }

    setters! {
        /// The platform secret of a partner's account.
        pub with_platform_secret(secret: SecretRef) => platform_secret = Some(secret);
        /// Another limit of a webhook body, in bytes; at least 1.
        pub with_max_webhook_bytes(bytes: usize) => max_webhook_bytes = bytes;
    }

    /// The address in place of that of a number's hosting, without a slash at the end.
    pub fn base_url(&self) -> Option<&str> {
        self.base_url.as_deref()
    }

    /// The reference to the platform secret.
    pub fn platform_secret(&self) -> Option<&SecretRef> {
        self.platform_secret.as_ref()
    }

    /// The header of the signature.
    pub fn signature_header(&self) -> &str {
        &self.signature_header
    }

    /// Maximum size of a webhook body, in bytes.
    pub fn max_webhook_bytes(&self) -> usize {
        self.max_webhook_bytes.max(1)
    }

    /// The hosts of files.
    pub fn file_hosts(&self) -> &[String] {
        &self.file_hosts
    }

    pub(super) fn user_agent(&self) -> Option<&HeaderValue> {
        self.user_agent.as_ref()
    }
}

fn checked_name(name: String) -> Result<String, Error> {
    let wrong = |_| Error::new(ErrorKind::Settings, "not the name of a header").with_context("field", "/signature_header");
    name.parse::<HeaderName>().map_err(wrong).map(|_| name)
}

fn checked_hosts(hosts: Vec<String>) -> Result<Vec<String>, Error> {
    let is_host = |host: &String| {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
        (1..=253).contains(&host.len()) && host.bytes().all(plain) && !host.starts_with('.')
    };
    let wrong = || Error::new(ErrorKind::Settings, "must be bare names of hosts, in lower case").with_context("field", "/file_hosts");
    if hosts.iter().all(is_host) { Ok(hosts) } else { Err(wrong()) }
}

fn checked_value(text: &str) -> Result<HeaderValue, Error> {
    let value = HeaderValue::from_str(text).ok().filter(|value| value.to_str().is_ok_and(|text| !text.is_empty()));
    value.ok_or_else(|| Error::new(ErrorKind::Settings, "must be visible ASCII characters and spaces").with_context("field", "/user_agent"))
}
