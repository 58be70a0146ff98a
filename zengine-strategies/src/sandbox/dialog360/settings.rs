//! Settings of an emulated Messaging API.

use std::path::PathBuf;
use std::time::Duration;

use crate::sandbox::waba::shared::Rules;
use crate::sandbox::waba::{Number, Template};
use crate::sandbox::webhooks::Webhooks;

/// Maximum time for a callback to respond, as 360dialog documents.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Settings of a [`Dialog360Api`](super::Dialog360Api).
#[derive(Clone)]
#[must_use = "settings do nothing until an emulator is started with them"]
pub struct Settings {
    pub(super) platform_secret: Option<String>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) callback: Option<String>,
    pub(super) journal: Option<PathBuf>,
    pub(super) port: u16,
    pub(super) seed: Option<u64>,
    pub(super) numbers: Vec<Number>,
    pub(super) templates: Vec<Template>,
    pub(super) wa_ids: Vec<(String, String)>,
    pub(super) rules: Rules,
    pub(super) webhooks: Webhooks,
    pub(super) trusting: bool,
}

impl Settings {
    /// Creates the defaults: no numbers, no platform secret, no callback, no journal file, a free port.
    pub fn new() -> Self {
        Self {
            platform_secret: None,
            headers: Vec::new(),
            callback: None,
            journal: None,
            port: 0,
            seed: None,
            numbers: Vec::new(),
            templates: Vec::new(),
            wa_ids: Vec::new(),
            rules: Rules::default(),
            webhooks: Webhooks::new().with_timeout(TIMEOUT),
            trusting: false,
        }
    }

    /// Adds a phone number. Its token is its API key: `sandbox-token-` plus the id, unless it has another; unique among the numbers.
    pub fn with_number(mut self, number: Number) -> Self {
        self.numbers.push(number);
        self
    }

    /// Adds a header to the webhooks of numbers without a registration of their own. An invalid one is left out.
    pub fn with_webhook_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    setters! {
        /// Sets the platform secret, which signs webhooks in `x-360dialog-signature`.
        pub with_platform_secret(secret: impl Into<String>) => platform_secret = Some(secret.into());
        /// Sets the http address of the callback. Without one, no webhooks are sent.
        pub with_callback(url: impl Into<String>) => callback = Some(url.into());
        /// Appends the journal to this file.
        pub with_journal(path: impl Into<PathBuf>) => journal = Some(path.into());
        /// Sets the port on 127.0.0.1. Defaults to 0, which takes a free one.
        pub with_port(port: u16) => port = port;
        /// Sets the seed of random faults and ids, so that every run has the same faults and ids. By default faults are seeded with 1 and
        /// ids are unique.
        pub with_seed(seed: u64) => seed = Some(seed);
        /// Refuses unknown templates (132001). By default only their shape is checked.
        pub known_templates_only() => rules.known_templates_only = true;
        /// Refuses unknown media ids. By default any id is accepted in messages.
        pub known_media_only() => rules.known_media_only = true;
        /// Refuses messages other than templates to people without a message within 24 hours (131047).
        pub enforce_service_window() => rules.service_window = true;
        /// Maximum messages per second of one number (130429). Defaults to no limit.
        pub with_throughput(per_second: u32) => rules.throughput = Some(per_second);
        /// Limits messages to the same person to one per six seconds, with a burst of 45 (131056).
        pub enforce_pair_limit() => rules.pair_limit = true;
        /// Sets the webhooks and their delivery; the callback has 5 seconds whatever they say.
        pub with_webhooks(webhooks: Webhooks) => webhooks = webhooks.with_timeout(TIMEOUT);
    }

    /// Adds a template, against which sends are checked.
    pub fn with_template(mut self, template: Template) -> Self {
        self.templates.push(template);
        self
    }

    /// Sets a different WhatsApp id for the phone number `digits`, as Meta has in Argentina, Brazil and Mexico.
    pub fn with_wa_id(mut self, digits: impl Into<String>, wa_id: impl Into<String>) -> Self {
        self.wa_ids.push((digits.into(), wa_id.into()));
        self
    }

    /// Takes every key for the first number's: for dry runs, which judge the request and not its credentials.
    #[cfg(feature = "cli")]
    pub(crate) fn trusting(mut self) -> Self {
        self.trusting = true;
        self
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::new()
    }
}

redacted!(Settings { callback: |it| it.callback.is_some(), journal: |it| it.journal.is_some(), port, numbers, webhooks });
