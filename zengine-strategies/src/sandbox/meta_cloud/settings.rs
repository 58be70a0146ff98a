//! Settings of an emulated Cloud API.

use std::path::PathBuf;

use crate::sandbox::waba::shared::Rules;
use crate::sandbox::waba::{Number, Review, Template};
use crate::sandbox::webhooks::Webhooks;

/// Settings of a [`MetaCloud`](super::MetaCloud).
#[derive(Clone)]
#[must_use = "settings do nothing until an emulator is started with them"]
pub struct Settings {
    pub(super) app_id: String,
    pub(super) business_id: String,
    pub(super) system_user_id: String,
    pub(super) app_secret: String,
    pub(super) verify_token: String,
    pub(super) callback: Option<String>,
    pub(super) journal: Option<PathBuf>,
    pub(super) port: u16,
    pub(super) seed: Option<u64>,
    pub(super) numbers: Vec<Number>,
    pub(super) templates: Vec<Template>,
    pub(super) review: Review,
    pub(super) wa_ids: Vec<(String, String)>,
    pub(super) rules: Rules,
    pub(super) webhooks: Webhooks,
    pub(super) trusting: bool,
}

impl Settings {
    /// Creates the defaults: no numbers, no callback, no journal file, a free port; app `800100` with the secret
    /// `sandbox-app-secret`, verify token `sandbox-verify-token`, business `700100`, system user `600100`.
    pub fn new() -> Self {
        Self {
            app_id: "800100".to_owned(),
            business_id: "700100".to_owned(),
            system_user_id: "600100".to_owned(),
            app_secret: "sandbox-app-secret".to_owned(),
            verify_token: "sandbox-verify-token".to_owned(),
            callback: None,
            journal: None,
            port: 0,
            seed: None,
            numbers: Vec::new(),
            templates: Vec::new(),
            review: Review::approving(),
            wa_ids: Vec::new(),
            rules: Rules::default(),
            webhooks: Webhooks::new(),
            trusting: false,
        }
    }

    /// Adds a phone number.
    pub fn with_number(mut self, number: Number) -> Self {
        self.numbers.push(number);
        self
    }

    setters! {
        /// Sets the id of the app: the `client_id` of OAuth.
        pub with_app_id(id: impl Into<String>) => app_id = id.into();
        /// Sets the secret that signs webhooks: the `client_secret` of OAuth.
        pub with_app_secret(secret: impl Into<String>) => app_secret = secret.into();
        /// Sets the verify token of the handshake.
        pub with_verify_token(token: impl Into<String>) => verify_token = token.into();
        /// Sets the http address of the callback. Without one, no webhooks are sent.
        pub with_callback(url: impl Into<String>) => callback = Some(url.into());
        /// Appends the journal to this file.
        pub with_journal(path: impl Into<PathBuf>) => journal = Some(path.into());
        /// Sets the port on 127.0.0.1. Defaults to 0, which takes a free one.
        pub with_port(port: u16) => port = port;
        /// Sets the seed of random faults and ids, so that every run has the same faults and ids. A host with a persistent store then
        /// treats the second run as a repetition. By default faults are seeded with 1 and ids are unique.
        pub with_seed(seed: u64) => seed = Some(seed);
        /// Sets the review of templates created or edited over HTTP. Defaults to immediate approval.
        pub with_template_review(review: Review) => review = review;
        /// Refuses unknown templates (132001). By default only their shape is checked.
        pub known_templates_only() => rules.known_templates_only = true;
        /// Refuses unknown media ids. By default any id is accepted.
        pub known_media_only() => rules.known_media_only = true;
        /// Refuses requests without `appsecret_proof`, as for an app with "Require App Secret".
        pub require_appsecret_proof() => rules.appsecret_proof = true;
        /// Refuses messages other than templates to people without a message within 24 hours (131047).
        pub enforce_service_window() => rules.service_window = true;
        /// Maximum messages per second of one number (130429). Defaults to no limit; Meta starts with 80.
        pub with_throughput(per_second: u32) => rules.throughput = Some(per_second);
        /// Maximum management calls per hour of one account (80008, with the usage header). Defaults to no limit; Meta allows 200, or
        /// 5,000 with a registered number. Sends, uploads, downloads and OAuth do not count.
        pub with_management_limit(per_hour: u32) => rules.management_limit = Some(per_hour);
        /// Limits messages to the same person to one per six seconds, with a burst of 45 (131056).
        pub enforce_pair_limit() => rules.pair_limit = true;
        /// Sets the webhooks and their delivery.
        pub with_webhooks(webhooks: Webhooks) => webhooks = webhooks;
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

    /// Takes every token and proof for good ones: for dry runs, which judge the request and not its credentials.
    #[cfg(feature = "cli")]
    pub(crate) fn trusting(mut self) -> Self {
        self.trusting = true;
        self
    }

    /// The app's own token.
    pub(super) fn app_token(&self) -> String {
        format!("{}|{}", self.app_id, self.app_secret)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::new()
    }
}

redacted!(Settings { callback: |it| it.callback.is_some(), journal: |it| it.journal.is_some(), port, numbers, webhooks });
