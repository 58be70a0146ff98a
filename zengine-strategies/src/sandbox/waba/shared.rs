//! State that every emulated WhatsApp provider holds, and the rules for messages.

use std::collections::HashMap;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use super::check::{Checked, Param};
use super::errors::GraphError;
use super::files::Media;
use super::ids::Ids;
use super::messages::{Recipient, Sender};
use super::rate_limits::RateLimits;
use super::templates::{self, Review, Templates};
use super::{Number, Template};
use crate::sandbox::clock::Clock;
use crate::sandbox::lock;

/// The customer service window, in milliseconds.
const WINDOW_MS: u64 = 24 * 60 * 60 * 1_000;

/// The sending number of a message, and its statuses with their times in milliseconds.
type Reported = (String, Vec<(String, u64)>);

/// Optional rules; all are off by default.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "an object")]
#[allow(clippy::struct_excessive_bools, reason = "switches that have nothing to do with each other")]
pub(in crate::sandbox) struct Rules {
    pub(in crate::sandbox) known_templates_only: bool,
    pub(in crate::sandbox) known_media_only: bool,
    pub(in crate::sandbox) appsecret_proof: bool,
    pub(in crate::sandbox) service_window: bool,
    pub(in crate::sandbox) pair_limit: bool,
    /// Maximum messages per second of a number.
    pub(in crate::sandbox) throughput: Option<u32>,
    /// Maximum management calls per hour of an account.
    pub(in crate::sandbox) management_limit: Option<u32>,
}

/// The settings of the state at the start, to which a reset returns.
#[derive(Debug)]
pub(in crate::sandbox) struct Initial {
    pub(in crate::sandbox) seed: Option<u64>,
    pub(in crate::sandbox) rules: Rules,
    pub(in crate::sandbox) callback: Option<String>,
    pub(in crate::sandbox) templates: Vec<Template>,
    pub(in crate::sandbox) review: Review,
    /// WhatsApp ids that differ from the digits of a number.
    pub(in crate::sandbox) wa_ids: Vec<(String, String)>,
}

/// Templates, files, windows and limits of all numbers.
pub struct Shared {
    pub(in crate::sandbox) clock: Clock,
    pub(in crate::sandbox) ids: Ids,
    pub(in crate::sandbox) rate_limits: RateLimits,
    pub(in crate::sandbox) templates: Templates,
    pub(in crate::sandbox) media: Mutex<HashMap<String, Media>>,
    pub(in crate::sandbox) initial: Initial,
    rules: Mutex<Rules>,
    callback: Mutex<Option<String>>,
    /// By number and person: the time of the last inbound message.
    windows: Mutex<HashMap<(String, String), u64>>,
    /// Reported statuses by message id, for look-ups.
    history: Mutex<HashMap<String, Reported>>,
}

redacted!(Shared {});

impl Shared {
    pub(in crate::sandbox) fn new(initial: Initial, clock: &Clock) -> Self {
        let shared = Self {
            clock: clock.clone(),
            ids: Ids::new(initial.seed),
            rate_limits: RateLimits::default(),
            templates: Templates::default(),
            media: Mutex::default(),
            rules: Mutex::default(),
            callback: Mutex::default(),
            windows: Mutex::default(),
            history: Mutex::default(),
            initial,
        };
        shared.reset();
        shared
    }

    pub(in crate::sandbox) fn reset(&self) {
        self.rate_limits.clear();
        self.templates.clear();
        lock(&self.media).clear();
        lock(&self.windows).clear();
        lock(&self.history).clear();
        self.set_rules(self.initial.rules);
        self.set_callback(self.initial.callback.clone());
        for template in &self.initial.templates {
            self.templates.add(template.clone(), &self.ids);
        }
    }

    pub(in crate::sandbox) fn rules(&self) -> Rules {
        *lock(&self.rules)
    }

    pub(in crate::sandbox) fn set_rules(&self, rules: Rules) {
        *lock(&self.rules) = rules;
    }

    pub(in crate::sandbox) fn callback(&self) -> Option<String> {
        lock(&self.callback).clone()
    }

    pub(in crate::sandbox) fn set_callback(&self, url: Option<String>) {
        *lock(&self.callback) = url;
    }

    pub(in crate::sandbox) fn open_window(&self, number: &str, person: &str) {
        lock(&self.windows).insert((number.to_owned(), person.to_owned()), self.clock.now_ms());
    }

    pub(in crate::sandbox) fn record_status(&self, number: &str, wamid: &str, status: &str) {
        let mut history = lock(&self.history);
        history.entry(wamid.to_owned()).or_insert_with(|| (number.to_owned(), Vec::new())).1.push((status.to_owned(), self.clock.now_ms()));
    }

    /// The statuses of a message of this number, oldest first.
    pub(in crate::sandbox) fn statuses_of(&self, number: &str, wamid: &str) -> Option<Vec<(String, u64)>> {
        lock(&self.history).get(wamid).filter(|(owner, _)| owner == number).map(|(_, statuses)| statuses.clone())
    }
}

/// A number that sends a message.
pub(in crate::sandbox) struct Sending<'a> {
    pub(in crate::sandbox) shared: &'a Shared,
    pub(in crate::sandbox) registered: bool,
    pub(in crate::sandbox) number: &'a Number,
}

impl Sender for Sending<'_> {
    /// Its digits, unless the settings say otherwise.
    fn wa_id(&self, digits: String) -> String {
        let mut other = self.shared.initial.wa_ids.iter();
        other.find(|(known, _)| *known == digits).map_or(digits, |(_, wa_id)| wa_id.clone())
    }

    fn may_send(&self, recipient: &Recipient, kind: &str) -> Checked {
        let Self { shared, registered, number } = self;
        if !registered {
            return Err(GraphError::new(133_010));
        }
        let person = match recipient {
            Recipient::Phone { wa_id, .. } => wa_id,
            Recipient::User { id } => id,
            Recipient::Group { .. } => return Ok(()),
        };
        if number.display == *person {
            return Err(GraphError::new(131_021));
        }
        if shared.rules().service_window && kind != "template" {
            let opened = lock(&shared.windows).get(&(number.id.clone(), person.clone())).copied().unwrap_or(0);
            if shared.clock.now_ms().saturating_sub(opened) > WINDOW_MS {
                return Err(GraphError::because(
                    131_047,
                    "Message failed to send because more than 24 hours have passed since the customer last replied to this number.",
                ));
            }
        }
        Ok(())
    }

    fn may_use_media(&self, param: &Param<'_>, id: &str, kind: &str) -> Checked {
        match lock(&self.shared.media).get(id).filter(|media| media.until_ms > self.shared.clock.now_ms()) {
            Some(media) if media.owner != self.number.id => Err(param.invalid("the media belongs to another number")),
            Some(media) if !media.is_of(kind) => Err(param.invalid("the media is of another type")),
            None if self.shared.rules().known_media_only => Err(param.invalid("no media has this id")),
            _ => Ok(()),
        }
    }

    fn template(&self, param: &Param<'_>) -> Checked<String> {
        templates::template(param, &self.number.waba_id, &self.shared.templates, !self.shared.rules().known_templates_only)
    }
}
