//! The settings of a tenant.

use http::HeaderName;
use serde::Deserialize;
use zengine_connector::error::Violation;
use zengine_connector::message::Checker;
use zengine_connector::{Secret, schemars};

use super::penalty::MediaPenalty;
use crate::waba::mapper::Rules;
use crate::waba::settings::LengthUnit;

/// The hosting of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(crate = "zengine_connector::schemars")]
#[non_exhaustive]
pub enum Hosting {
    /// Meta's cloud, by `waba-v2.360dialog.io`.
    #[default]
    Cloud,
    /// The sandbox, `waba-sandbox.360dialog.io`: 200 messages in all, to your own phone.
    Sandbox,
    /// The older hosting on the partner's own servers, out of support since October 2025. Webhooks are read; nothing is sent.
    OnPremise,
}

impl Hosting {
    /// The address of the messaging API.
    pub(super) const fn root(self) -> &'static str {
        match self {
            Self::Cloud => "https://waba-v2.360dialog.io",
            Self::Sandbox => "https://waba-sandbox.360dialog.io",
            Self::OnPremise => "https://waba.360dialog.io/v1",
        }
    }

    pub(super) const fn messages_path(self) -> &'static str {
        match self {
            Self::Sandbox => "/v1/messages",
            Self::Cloud | Self::OnPremise => "/messages",
        }
    }
}

/// The use of the account's signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(crate = "zengine_connector::schemars")]
#[non_exhaustive]
pub enum SignatureUse {
    /// A webhook without a signature is refused.
    Required,
    /// A signature that is there must fit.
    #[default]
    WhenPresent,
    /// Signatures are not looked at.
    Ignore,
}

/// The header that 360dialog repeats on every webhook of this number, as it was registered with the address.
#[derive(Clone, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "zengine_connector::schemars")]
#[non_exhaustive]
pub struct WebhookHeader {
    /// Its name, such as `Authorization`: letters, digits and hyphens, without underscores.
    #[schemars(regex(pattern = r"^[A-Za-z0-9-]{1,128}$"))]
    pub name: String,
    /// Its whole value, such as `Bearer …`; 8 to 1,024 visible characters, and spaces between them.
    pub value: Secret<String>,
    /// The value before, which is accepted too: a new one takes a while to be in use.
    #[serde(default)]
    pub previous_value: Option<Secret<String>>,
}

impl WebhookHeader {
    /// A header by its name and value.
    pub fn new(name: impl Into<String>, value: Secret<String>) -> Self {
        Self { name: name.into(), value, previous_value: None }
    }
}

/// One business phone number of a tenant at 360dialog.
///
/// If the provider's documentation leaves a question open, there is an option with a safe default.
#[derive(Clone, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "zengine_connector::schemars")]
#[allow(clippy::struct_excessive_bools)] // a tenant's switches
#[non_exhaustive]
pub struct WhatsApp360DialogConfig {
    /// The API key of the number. A new key revokes the old one at once, and clears the number's webhook.
    pub api_key: Secret<String>,
    /// The hosting of the number. Defaults to `cloud`.
    #[serde(default)]
    pub hosting: Hosting,
    /// Meta's id of the number (not the number), digits. What a webhook says of another number is not handed over, but kept as a dead
    /// letter. Needed if webhooks come without a token in their path.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[0-9]{1,32}$"))]
    pub phone_number_id: Option<String>,
    /// Meta's id of the WhatsApp Business account (not the partner's, which ends in `WA`), digits: the route of events about templates.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[0-9]{1,32}$"))]
    pub waba_id: Option<String>,
    /// The partner's id of the number's channel: the route of events about it.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[A-Za-z0-9_-]{1,64}$"))]
    pub channel_id: Option<String>,
    /// Whether webhooks come to this strategy at all. Defaults to `true`, which requires one of `webhook_header`, `platform_secrets` and
    /// `token_in_path`.
    #[serde(default = "defaults::yes")]
    pub receives: bool,
    /// The header that 360dialog repeats on every webhook. If it is set, a webhook without it is refused, unless the application's
    /// account signed it.
    #[serde(default)]
    pub webhook_header: Option<WebhookHeader>,
    /// The platform secrets of the tenant's own account, which sign webhooks: the current one and, during a rotation, the one before.
    /// In place of the application's.
    #[serde(default)]
    #[schemars(length(max = 2))]
    pub platform_secrets: Vec<Secret<String>>,
    /// The use of the signature. Defaults to `when_present`: it is not documented which accounts' webhooks have one.
    #[serde(default)]
    pub signature: SignatureUse,
    /// Whether webhooks come by a path that ends with an unguessable token: a route `url_token` of the tenant, of at least 22 letters and
    /// digits. A webhook without it is refused then, unless the application's account signed it. Defaults to `false`.
    #[serde(default)]
    pub token_in_path: bool,
    /// The path of sends. Defaults to `/messages`, in the sandbox to `/v1/messages`.
    #[serde(default)]
    #[schemars(regex(pattern = r"^(/[A-Za-z0-9_.-]{1,64}){1,4}$"))]
    pub messages_path: Option<String>,
    /// Timeout of one send, in milliseconds; less if the send's own deadline is nearer. Defaults to 10000; 100 to 120000.
    #[serde(default = "defaults::send_timeout_ms")]
    #[schemars(range(min = 100, max = 120_000))]
    pub send_timeout_ms: u64,
    /// Timeout of one health check, in milliseconds. Defaults to 5000; 100 to 120000.
    #[serde(default = "defaults::health_timeout_ms")]
    #[schemars(range(min = 100, max = 120_000))]
    pub health_timeout_ms: u64,
    /// Timeout of fetching or storing one file, in milliseconds. Defaults to 60000; 100 to 600000.
    #[serde(default = "defaults::media_timeout_ms")]
    #[schemars(range(min = 100, max = 600_000))]
    pub media_timeout_ms: u64,
    /// Maximum size of a fetched file, in bytes. Defaults to 100 MiB; 1 byte to 100 MiB.
    #[serde(default = "defaults::max_media_bytes")]
    #[schemars(range(min = 1, max = 104_857_600))]
    pub max_media_bytes: u64,
    /// The provider's rule about failed look-ups of files. Defaults to `current`.
    #[serde(default)]
    pub media_penalty: MediaPenalty,
    /// The unit of text limits; the pages only say "characters". Defaults to `chars`.
    #[serde(default)]
    pub length_unit: LengthUnit,
    /// Whether to refuse template variables with line breaks, tabs or more than four spaces in a row, as Meta does. Defaults to `true`.
    #[serde(default = "defaults::yes")]
    pub strict_template_text: bool,
    /// Messages per second that this process sends with the key, evenly. Defaults to 20; 1 to 1000. The provider's own limit depends on
    /// the number.
    #[serde(default = "defaults::messages_per_second")]
    #[schemars(range(min = 1, max = 1_000))]
    pub messages_per_second: u32,
    /// Whether to keep Meta's limit of messages to one person: 45 at once, then one every 6 seconds. Defaults to `false`: the limit is
    /// met, and its answer pauses this person's messages.
    #[serde(default)]
    pub pace_recipients: bool,
}

mod defaults {
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

    pub(super) const fn messages_per_second() -> u32 {
        20
    }

    pub(super) const fn yes() -> bool {
        true
    }
}

impl WhatsApp360DialogConfig {
    /// A number with default settings, which sends and receives no webhooks.
    pub fn new(api_key: Secret<String>) -> Self {
        Self {
            api_key,
            hosting: Hosting::default(),
            phone_number_id: None,
            waba_id: None,
            channel_id: None,
            receives: false,
            webhook_header: None,
            platform_secrets: vec![],
            signature: SignatureUse::default(),
            token_in_path: false,
            messages_path: None,
            send_timeout_ms: defaults::send_timeout_ms(),
            health_timeout_ms: defaults::health_timeout_ms(),
            media_timeout_ms: defaults::media_timeout_ms(),
            max_media_bytes: defaults::max_media_bytes(),
            media_penalty: MediaPenalty::default(),
            length_unit: LengthUnit::default(),
            strict_template_text: true,
            messages_per_second: defaults::messages_per_second(),
            pace_recipients: false,
        }
    }

    /// The options of the mapper. Those that only Meta's own configuration has are at their safe defaults.
    pub(super) fn rules(&self) -> Rules {
        Rules {
            unit: self.length_unit.unit(),
            strict_template_text: self.strict_template_text,
            fill_contact_first_name: false,
            group_typing: false,
            check_identity_key: true,
            one_time_codes_to_user_ids: false,
        }
    }

    /// Checks all settings; finds every violation. `is_signed`: whether the application has a platform secret.
    pub(super) fn check(&self, is_signed: bool) -> Result<(), Vec<Violation>> {
        let mut check = Checker::new();
        let key = self.api_key.expose();
        check.count("/api_key", key.len(), 1, 4096);
        check.require(key.bytes().all(|b| b.is_ascii_graphic()), "/api_key", "must be visible ASCII characters without spaces");
        for (pointer, id) in [("/phone_number_id", &self.phone_number_id), ("/waba_id", &self.waba_id)] {
            let Some(id) = id else { continue };
            check.count(pointer, id.len(), 1, 32);
            check.require(id.bytes().all(|b| b.is_ascii_digit()), pointer, "must be digits; it is Meta's id");
        }
        if let Some(id) = &self.channel_id {
            let is_id = id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
            check.count("/channel_id", id.len(), 1, 64);
            check.require(is_id, "/channel_id", "must be letters, digits, hyphens and underscores");
        }
        self.check_webhooks(is_signed, &mut check);
        if let Some(path) = &self.messages_path {
            check.require(
                is_path(path),
                "/messages_path",
                "must be one to four segments of letters, digits, `_`, `.` and `-`, each after a slash",
            );
        }
        let ms = [
            ("/send_timeout_ms", self.send_timeout_ms, 120_000),
            ("/health_timeout_ms", self.health_timeout_ms, 120_000),
            ("/media_timeout_ms", self.media_timeout_ms, 600_000),
        ];
        for (pointer, value, max) in ms {
            check.require((100..=max).contains(&value), pointer, "must be at least 100 ms and at most its maximum");
        }
        check.require((1..=1_000).contains(&self.messages_per_second), "/messages_per_second", "must be 1 to 1000");
        check.require((1..=100 << 20).contains(&self.max_media_bytes), "/max_media_bytes", "must be 1 byte to 100 MiB");
        check.finish()
    }

    /// Something must prove a webhook.
    fn check_webhooks(&self, is_signed: bool, check: &mut Checker) {
        let is_signed = is_signed || !self.platform_secrets.is_empty();
        let proven = self.webhook_header.is_some() || self.token_in_path || is_signed && self.signature != SignatureUse::Ignore;
        check.require(
            !self.receives || proven,
            "/webhook_header",
            "nothing proves a webhook: give webhook_header, platform_secrets or token_in_path, or set receives to false",
        );
        let is_found = self.token_in_path || self.phone_number_id.is_some();
        check.require(!self.receives || is_found, "/phone_number_id", "needed where webhooks come without a token in their path");
        let needs_secret = self.receives && self.signature == SignatureUse::Required;
        check.require(!needs_secret || is_signed, "/platform_secrets", "needed where a signature is required");
        check.count("/platform_secrets", self.platform_secrets.len(), 0, 2);
        for (n, secret) in self.platform_secrets.iter().enumerate() {
            check.count(format!("/platform_secrets/{n}"), secret.expose().len(), 8, 4096);
        }
        let Some(header) = &self.webhook_header else { return };
        let is_name = !header.name.contains('_') && header.name.parse::<HeaderName>().is_ok();
        check.require(is_name, "/webhook_header/name", "must be the name of a header, with hyphens in place of underscores");
        for (pointer, value) in [("value", Some(&header.value)), ("previous_value", header.previous_value.as_ref())] {
            let (pointer, Some(value)) = (format!("/webhook_header/{pointer}"), value) else { continue };
            check.count(pointer.clone(), value.expose().len(), 8, 1024);
            check.require(is_header_value(value.expose()), pointer, "must be visible ASCII characters, with spaces only between them");
        }
    }
}

/// Whether a text arrives as it is in a header: HTTP takes spaces at its ends away.
pub(super) fn is_header_value(text: &str) -> bool {
    !text.is_empty() && text.trim() == text && text.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
}

fn is_path(text: &str) -> bool {
    let is_segment = |part: &str| {
        (1..=64).contains(&part.len()) && !part.starts_with('.') && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
    };
    text.strip_prefix('/').is_some_and(|rest| rest.split('/').count() <= 4 && rest.split('/').all(is_segment))
}
