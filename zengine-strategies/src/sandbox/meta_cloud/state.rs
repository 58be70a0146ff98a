//! The emulator's state, and the access rules for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};

use super::accounts::Accounts;
use super::media::Media;
use super::rate_limits::RateLimits;
use super::settings::{Rules, Settings};
use super::signature::{hmac_sha256, on_the_wire, sign};
use super::tokens::{Owner, Token, Tokens};
use crate::sandbox::clock::Clock;
use crate::sandbox::journal::Journal;
use crate::sandbox::lock;
use crate::sandbox::waba::Number;
use crate::sandbox::waba::check::{Checked, Param};
use crate::sandbox::waba::errors::GraphError;
use crate::sandbox::waba::ids::Ids;
use crate::sandbox::waba::messages::{Recipient, Sender};
use crate::sandbox::waba::payload::envelope;
use crate::sandbox::waba::templates;
use crate::sandbox::waba::templates::{Template, TemplateUpdate, Templates};
use crate::sandbox::webhooks::{Item, Signature, WebhookFormat};

/// The customer service window, in milliseconds.
const WINDOW_MS: u64 = 24 * 60 * 60 * 1_000;
/// Lifetime of a proof with a time, in seconds.
const PROOF_S: u64 = 5 * 60;

/// The sending number of a message, and its statuses with their times in milliseconds.
type Reported = (String, Vec<(String, u64)>);

pub struct State {
    /// The settings of the start, for resets.
    pub(super) settings: Settings,
    pub(super) clock: Clock,
    pub(super) ids: Ids,
    pub(super) rate_limits: RateLimits,
    pub(super) accounts: Accounts,
    pub(super) tokens: Tokens,
    pub(super) templates: Templates,
    pub(super) media: Mutex<HashMap<String, Media>>,
    rules: Mutex<Rules>,
    callback: Mutex<Option<String>>,
    /// By number and person: the time of the last inbound message.
    windows: Mutex<HashMap<(String, String), u64>>,
    /// Reported statuses by message id, for look-ups.
    history: Mutex<HashMap<String, Reported>>,
}

redacted!(State {});

impl State {
    pub(super) fn new(settings: Settings, clock: &Clock, journal: &Arc<Journal>) -> Self {
        journal.mask().add_secret(&settings.app_secret);
        journal.mask().add_secret(&settings.verify_token);
        let state = Self {
            clock: clock.clone(),
            ids: Ids::new(settings.seed),
            rate_limits: RateLimits::default(),
            accounts: Accounts::default(),
            tokens: Tokens::new(clock.clone(), Arc::clone(journal)),
            templates: Templates::default(),
            media: Mutex::default(),
            rules: Mutex::new(settings.rules),
            callback: Mutex::new(None),
            windows: Mutex::default(),
            history: Mutex::default(),
            settings,
        };
        state.fill();
        state
    }

    fn fill(&self) {
        lock(&self.callback).clone_from(&self.settings.callback);
        for number in &self.settings.numbers {
            self.add_number(number.clone());
        }
        for template in &self.settings.templates {
            self.templates.add(template.clone(), &self.ids);
        }
        self.tokens.add(&self.settings.app_token(), Owner::App, Vec::new(), None);
    }

    pub(super) fn reset(&self) {
        self.rate_limits.clear();
        self.accounts.clear();
        self.tokens.clear();
        self.templates.clear();
        lock(&self.media).clear();
        *lock(&self.rules) = self.settings.rules;
        lock(&self.windows).clear();
        lock(&self.history).clear();
        self.fill();
    }

    // Settings.

    pub(super) fn rules(&self) -> Rules {
        *lock(&self.rules)
    }

    pub(super) fn set_rules(&self, rules: Rules) {
        *lock(&self.rules) = rules;
    }

    pub(super) fn callback(&self) -> Option<String> {
        lock(&self.callback).clone()
    }

    pub(super) fn set_callback(&self, url: Option<String>) {
        *lock(&self.callback) = url;
    }

    pub(super) fn add_number(&self, number: Number) {
        self.tokens.add(&number.token, Owner::SystemUser, Vec::new(), number.token_life_ms);
        let (business, app) = (&self.settings.business_id, &self.settings.app_id);
        let old = self.accounts.add(number, business, app, self.clock.now_ms());
        self.forget(old);
    }

    pub(super) fn number(&self, id: &str) -> Option<Number> {
        self.accounts.number(id)
    }

    pub(super) fn set_token(&self, id: &str, token: String) {
        self.tokens.add(&token, Owner::SystemUser, Vec::new(), None);
        self.forget(self.accounts.change(id, |record| std::mem::replace(&mut record.number.token, token)));
    }

    /// Removes a token without a number, unless it was granted accounts.
    fn forget(&self, token: Option<String>) {
        if let Some(token) = token.filter(|token| !self.accounts.names(token))
            && self.tokens.look_up(&token).is_some_and(|token| token.accounts.is_empty())
        {
            self.tokens.remove(&token);
        }
    }

    // Access.

    /// Makes a token known where every token is taken for a good one: of all accounts, or of the app by its form.
    pub(super) fn trust(&self, token: &str) {
        if self.settings.trusting {
            let owner = if token.contains('|') { Owner::App } else { Owner::SystemUser };
            self.tokens.add(token, owner, self.accounts.subscribed(), None);
        }
    }

    /// Checks a token and its proof.
    pub(super) fn authenticate(&self, token: Option<&str>, proof: Option<&str>, proof_time: Option<&str>) -> Checked<String> {
        let text = token.ok_or_else(|| GraphError::new(190).with_message("An access token is required to request this resource."))?;
        let token = self.tokens.valid(text)?;
        let Some(proof) = proof.filter(|_| !self.settings.trusting) else {
            return if self.rules().appsecret_proof && token.owner != Owner::App {
                Err(GraphError::bad("API calls from the server require an appsecret_proof argument"))
            } else {
                Ok(text.to_owned())
            };
        };
        let signed = match proof_time {
            Some(time) => {
                let fresh = time.parse::<u64>().is_ok_and(|at| at.abs_diff(self.clock.now_s()) <= PROOF_S);
                fresh.then(|| format!("{text}|{time}"))
            }
            None => Some(text.to_owned()),
        };
        match signed {
            Some(signed) if hmac_sha256(&self.settings.app_secret, signed.as_bytes()) == proof => Ok(text.to_owned()),
            _ => Err(GraphError::bad("Invalid appsecret_proof provided in the API argument")),
        }
    }

    /// Whether a token may use a number.
    fn may_use(text: &str, token: &Token, number: &Number) -> bool {
        number.token == text || token.accounts.contains(&number.waba_id)
    }

    /// The number, if the token may use it.
    pub(super) fn number_for(&self, token: &str, id: &str) -> Checked<Number> {
        let known = self.tokens.valid(token)?;
        self.number(id).filter(|number| Self::may_use(token, &known, number)).ok_or_else(|| GraphError::no_object(id))
    }

    /// Whether the token may use an account: by a grant, or by a number in it.
    pub(super) fn account_for(&self, token: &str, waba_id: &str) -> Checked {
        let known = self.tokens.valid(token)?;
        let granted = known.accounts.iter().any(|account| account == waba_id) && self.accounts.is_account(waba_id);
        let by_number = || !self.accounts.records(|record| record.number.waba_id == waba_id && record.number.token == token).is_empty();
        if granted || by_number() { Ok(()) } else { Err(GraphError::no_object(waba_id)) }
    }

    pub(super) fn accounts_of(&self, text: &str, token: &Token) -> Vec<String> {
        let mut accounts = token.accounts.clone();
        accounts.extend(self.accounts.records(|record| record.number.token == text).into_iter().map(|record| record.number.waba_id));
        accounts.sort();
        accounts.dedup();
        accounts
    }

    /// The updates of a changed template, one for every account that has it.
    pub(super) fn items(&self, template: &Template, (field, value): &TemplateUpdate) -> Vec<Item> {
        let accounts = template.account.clone().map_or_else(|| self.accounts.subscribed(), |account| vec![account]);
        let item = |account| Item { account, sender: None, edge: (*field).to_owned(), value: value.clone() };
        accounts.into_iter().map(item).collect()
    }

    // Rules for messages.

    pub(super) fn open_window(&self, number: &str, person: &str) {
        lock(&self.windows).insert((number.to_owned(), person.to_owned()), self.clock.now_ms());
    }

    pub(super) fn record_status(&self, number: &str, wamid: &str, status: &str) {
        let mut history = lock(&self.history);
        history.entry(wamid.to_owned()).or_insert_with(|| (number.to_owned(), Vec::new())).1.push((status.to_owned(), self.clock.now_ms()));
    }

    /// The statuses of a message of this number, oldest first.
    pub(super) fn statuses_of(&self, number: &str, wamid: &str) -> Option<Vec<(String, u64)>> {
        lock(&self.history).get(wamid).filter(|(owner, _)| owner == number).map(|(_, statuses)| statuses.clone())
    }
}

/// A number that sends a message.
pub(super) struct Sending<'a> {
    pub(super) state: &'a State,
    pub(super) number: &'a Number,
}

impl Sender for Sending<'_> {
    /// Its digits, unless the settings say otherwise.
    fn wa_id(&self, digits: String) -> String {
        let mut other = self.state.settings.wa_ids.iter();
        other.find(|(known, _)| *known == digits).map_or(digits, |(_, wa_id)| wa_id.clone())
    }

    fn may_send(&self, recipient: &Recipient, kind: &str) -> Checked {
        let Self { state, number } = self;
        if !state.accounts.record(&number.id).is_some_and(|record| record.registered) {
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
        if state.rules().service_window && kind != "template" {
            let opened = lock(&state.windows).get(&(number.id.clone(), person.clone())).copied().unwrap_or(0);
            if state.clock.now_ms().saturating_sub(opened) > WINDOW_MS {
                return Err(GraphError::because(
                    131_047,
                    "Message failed to send because more than 24 hours have passed since the customer last replied to this number.",
                ));
            }
        }
        Ok(())
    }

    fn may_use_media(&self, param: &Param<'_>, id: &str, kind: &str) -> Checked {
        match lock(&self.state.media).get(id).filter(|media| media.until_ms > self.state.clock.now_ms()) {
            Some(media) if media.owner != self.number.id => Err(param.invalid("the media belongs to another number")),
            Some(media) if !media.is_of(kind) => Err(param.invalid("the media is of another type")),
            None if self.state.rules().known_media_only => Err(param.invalid("no media has this id")),
            _ => Ok(()),
        }
    }

    fn template(&self, param: &Param<'_>) -> Checked<String> {
        templates::template(param, &self.number.waba_id, &self.state.templates, !self.state.rules().known_templates_only)
    }
}

impl WebhookFormat for State {
    /// Messages go to the number's own callback, else to the account's, else to the app's; other fields skip the first. Updates
    /// of an unknown account go to the app.
    fn address(&self, item: &Item) -> Option<String> {
        let number = item.sender.as_deref().and_then(|id| self.accounts.record(id));
        let subscription = self.accounts.subscription(&item.account);
        if subscription.is_none() && self.accounts.is_account(&item.account) {
            return None;
        }
        let own = number.and_then(|record| record.callback).filter(|_| item.edge == "messages");
        own.or_else(|| subscription.and_then(|found| found.callback)).map(|callback| callback.url).or_else(|| self.callback())
    }

    fn encode(&self, items: Vec<Item>) -> Bytes {
        Bytes::from(on_the_wire(&envelope(items, self.clock.now_s())))
    }

    fn headers(&self, body: &[u8], signature: Signature) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::USER_AGENT, HeaderValue::from_static("facebookexternalua"));
        let secret = match signature {
            Signature::Valid => self.settings.app_secret.clone(),
            Signature::Wrong => format!("not {}", self.settings.app_secret),
            Signature::Absent => return headers,
        };
        if let Ok(signature) = HeaderValue::from_str(&sign(&secret, body)) {
            headers.insert("x-hub-signature-256", signature);
        }
        headers
    }
}
