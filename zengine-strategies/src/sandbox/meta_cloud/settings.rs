//! Settings of an emulated Cloud API.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::templates::{Review, Template};
use crate::sandbox::webhooks::{Plan, decreasing};

/// A business phone number of the emulator.
#[derive(Clone)]
#[must_use = "a number does nothing until it is given to the settings"]
pub struct Number {
    pub(super) id: String,
    pub(super) waba_id: String,
    pub(super) display: String,
    pub(super) name: String,
    pub(super) token: String,
    pub(super) token_life_ms: Option<u64>,
    pub(super) fresh: bool,
    pub(super) coexists: bool,
}

impl Number {
    /// Creates a number with this phone number id, in the WhatsApp Business account `waba_id`.
    ///
    /// Its access token is `sandbox-token-` plus the id, its display number 1555 plus the last seven digits of the id.
    pub fn new(phone_number_id: impl Into<String>, waba_id: impl Into<String>) -> Self {
        let id = phone_number_id.into();
        let digits: String = id.chars().filter(char::is_ascii_digit).collect();
        let display = format!("1555{:0>7}", &digits[digits.len().saturating_sub(7)..]);
        let token = format!("sandbox-token-{id}");
        Self {
            id,
            waba_id: waba_id.into(),
            display,
            name: "Sandbox Business".to_owned(),
            token,
            token_life_ms: None,
            fresh: false,
            coexists: false,
        }
    }

    /// Sets the display number, digits only.
    pub fn with_display_number(mut self, digits: impl Into<String>) -> Self {
        self.display = digits.into();
        self
    }

    /// Sets the verified name of the business.
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets the access token required in requests for this number. Several numbers may share one.
    pub fn with_token(mut self, token: impl Into<String>) -> Self {
        self.token = token.into();
        self
    }

    /// Sets the lifetime of the access token by the emulator's clock. Defaults to unlimited.
    pub fn with_token_life(mut self, life: Duration) -> Self {
        self.token_life_ms = u64::try_from(life.as_millis()).ok();
        self
    }

    /// Makes it a number just after signup: not verified, not registered, and its account not subscribed.
    pub fn fresh(mut self) -> Self {
        self.fresh = true;
        self
    }

    /// Makes it a number that is also in use in the WhatsApp Business app.
    pub fn coexisting(mut self) -> Self {
        self.coexists = true;
        self
    }

    /// Returns the phone number id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the id of the WhatsApp Business account.
    pub fn account(&self) -> &str {
        &self.waba_id
    }

    /// Returns the access token.
    pub fn token(&self) -> &str {
        &self.token
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Number").field("id", &self.id).field("waba_id", &self.waba_id).finish_non_exhaustive()
    }
}

/// The webhooks of an accepted message, and the delivery of all webhooks.
///
/// ```
/// use std::time::Duration;
/// use zengine_strategies::sandbox::meta_cloud::Webhooks;
///
/// let chaotic = Webhooks::new().reversed().with_copies(2).batched(50, Duration::from_millis(20));
/// let never_read = Webhooks::new().with_statuses([("sent", Duration::ZERO), ("delivered", Duration::from_millis(10))]);
/// # drop((chaotic, never_read));
/// ```
#[derive(Debug, Clone)]
#[must_use = "it does nothing until it is given to the settings or the emulator"]
pub struct Webhooks {
    pub(super) statuses: Vec<(String, Duration)>,
    pub(super) plan: Plan,
}

impl Webhooks {
    /// Creates the default: `sent`, `delivered` and `read` within 50 ms, one POST each; after any response but 200 an immediate
    /// redelivery and three more with growing pauses.
    pub fn new() -> Self {
        let pause = Duration::from_millis;
        Self {
            statuses: vec![("sent".to_owned(), pause(5)), ("delivered".to_owned(), pause(15)), ("read".to_owned(), pause(25))],
            plan: Plan::new(),
        }
    }

    /// Sends no status webhooks; inbound messages are still delivered.
    pub fn off() -> Self {
        Self { statuses: Vec::new(), ..Self::new() }
    }

    /// Sets the statuses of a message in the order of sending, each with the pause before it.
    pub fn with_statuses<S: Into<String>>(mut self, statuses: impl IntoIterator<Item = (S, Duration)>) -> Self {
        self.statuses = statuses.into_iter().map(|(status, pause)| (status.into(), pause)).collect();
        self
    }

    /// Reverses the order of the statuses, so that `read` comes before `sent`.
    pub fn reversed(mut self) -> Self {
        self.statuses.reverse();
        self
    }

    /// Sets the number of deliveries of every POST, as Meta sometimes repeats them. Defaults to 1; at least 1.
    pub fn with_copies(mut self, copies: u32) -> Self {
        self.plan.copies = copies.max(1);
        self
    }

    /// Collects up to `most` changes of all numbers in one POST, 1 to 1,000, for at most `within`. Defaults to no batches.
    pub fn batched(mut self, most: usize, within: Duration) -> Self {
        self.plan.batch = Some((most.clamp(1, 1_000), within));
        self
    }

    /// Redelivers for seven days, as Meta documents: at once, after a minute, then with growing pauses. Advance the emulator's
    /// clock to trigger the redeliveries; until then such a webhook does not [settle](super::MetaCloud::settle).
    pub fn redelivered_for_a_week(mut self) -> Self {
        self.plan.redelivery = decreasing(Duration::from_secs(7 * 86_400));
        self
    }

    /// Sets the pauses, by the emulator's clock, before redeliveries after a response other than 200; empty for no redelivery.
    pub fn with_redelivery(mut self, pauses: impl IntoIterator<Item = Duration>) -> Self {
        self.plan.redelivery = pauses.into_iter().collect();
        self
    }

    /// Sets the maximum time for the callback to respond. Defaults to 10 seconds.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.plan.timeout = timeout;
        self
    }
}

impl Default for Webhooks {
    fn default() -> Self {
        Self::new()
    }
}

/// Optional rules; all are off by default.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "an object")]
#[allow(clippy::struct_excessive_bools, reason = "switches that have nothing to do with each other")]
pub(super) struct Rules {
    pub(super) known_templates_only: bool,
    pub(super) known_media_only: bool,
    pub(super) appsecret_proof: bool,
    pub(super) service_window: bool,
    pub(super) pair_limit: bool,
    /// Maximum messages per second of a number.
    pub(super) throughput: Option<u32>,
    /// Maximum management calls per hour of an account.
    pub(super) management_limit: Option<u32>,
}

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

    /// Sets the id of the app: the `client_id` of OAuth.
    pub fn with_app_id(mut self, id: impl Into<String>) -> Self {
        self.app_id = id.into();
        self
    }

    /// Sets the secret that signs webhooks: the `client_secret` of OAuth.
    pub fn with_app_secret(mut self, secret: impl Into<String>) -> Self {
        self.app_secret = secret.into();
        self
    }

    /// Sets the verify token of the handshake.
    pub fn with_verify_token(mut self, token: impl Into<String>) -> Self {
        self.verify_token = token.into();
        self
    }

    /// Sets the http address of the callback. Without one, no webhooks are sent.
    pub fn with_callback(mut self, url: impl Into<String>) -> Self {
        self.callback = Some(url.into());
        self
    }

    /// Appends the journal to this file.
    pub fn with_journal(mut self, path: impl Into<PathBuf>) -> Self {
        self.journal = Some(path.into());
        self
    }

    /// Sets the port on 127.0.0.1. Defaults to 0, which takes a free one.
    pub fn with_port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Sets the seed of random faults and ids, so that every run has the same faults and ids. A host with a persistent store then
    /// treats the second run as a repetition. By default faults are seeded with 1 and ids are unique.
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Adds a template, against which sends are checked.
    pub fn with_template(mut self, template: Template) -> Self {
        self.templates.push(template);
        self
    }

    /// Sets the review of templates created or edited over HTTP. Defaults to immediate approval.
    pub fn with_template_review(mut self, review: Review) -> Self {
        self.review = review;
        self
    }

    /// Sets a different WhatsApp id for the phone number `digits`, as Meta has in Argentina, Brazil and Mexico.
    pub fn with_wa_id(mut self, digits: impl Into<String>, wa_id: impl Into<String>) -> Self {
        self.wa_ids.push((digits.into(), wa_id.into()));
        self
    }

    /// Refuses unknown templates (132001). By default only their shape is checked.
    pub fn known_templates_only(mut self) -> Self {
        self.rules.known_templates_only = true;
        self
    }

    /// Refuses unknown media ids. By default any id is accepted.
    pub fn known_media_only(mut self) -> Self {
        self.rules.known_media_only = true;
        self
    }

    /// Refuses requests without `appsecret_proof`, as for an app with "Require App Secret".
    pub fn require_appsecret_proof(mut self) -> Self {
        self.rules.appsecret_proof = true;
        self
    }

    /// Refuses messages other than templates to people without a message within 24 hours (131047).
    pub fn enforce_service_window(mut self) -> Self {
        self.rules.service_window = true;
        self
    }

    /// Maximum messages per second of one number (130429). Defaults to no limit; Meta starts with 80.
    pub fn with_throughput(mut self, per_second: u32) -> Self {
        self.rules.throughput = Some(per_second);
        self
    }

    /// Maximum management calls per hour of one account (80008, with the usage header). Defaults to no limit; Meta allows 200, or
    /// 5,000 with a registered number. Sends, uploads, downloads and OAuth do not count.
    pub fn with_management_limit(mut self, per_hour: u32) -> Self {
        self.rules.management_limit = Some(per_hour);
        self
    }

    /// Limits messages to the same person to one per six seconds, with a burst of 45 (131056).
    pub fn enforce_pair_limit(mut self) -> Self {
        self.rules.pair_limit = true;
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

    /// Sets the webhooks and their delivery.
    pub fn with_webhooks(mut self, webhooks: Webhooks) -> Self {
        self.webhooks = webhooks;
        self
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Settings")
            .field("callback", &self.callback.is_some())
            .field("journal", &self.journal.is_some())
            .field("port", &self.port)
            .field("numbers", &self.numbers)
            .field("webhooks", &self.webhooks)
            .finish_non_exhaustive()
    }
}
