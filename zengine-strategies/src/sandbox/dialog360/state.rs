//! The emulator's state: numbers with their keys, and the registered webhooks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use serde_json::{Map, Value};

use super::health;
use super::media::{Calls, FILE_HOST};
use super::registration::{OfAccount, Own, PENDING_MS, Registration};
use super::settings::Settings;
use crate::sandbox::clock::Clock;
use crate::sandbox::journal::Journal;
use crate::sandbox::lock;
use crate::sandbox::waba::hmac::hmac_sha256;
use crate::sandbox::waba::payload::envelope;
use crate::sandbox::waba::provider::WabaState;
use crate::sandbox::waba::shared::{Initial, Shared};
use crate::sandbox::waba::{Number, Review};
use crate::sandbox::webhooks::{Callback, Item, Signature, WebhookFormat};

/// A number and its state.
#[derive(Clone)]
pub(super) struct NumberRecord {
    pub(super) number: Number,
    pub(super) node: Map<String, Value>,
    pub(super) webhook: Own,
    pub(super) calls: Calls,
}

#[derive(Default)]
struct Inner {
    records: BTreeMap<String, NumberRecord>,
    /// Webhooks by account.
    accounts: BTreeMap<String, OfAccount>,
}

pub struct State {
    /// The settings of the start, for resets.
    pub(super) settings: Settings,
    pub(super) shared: Arc<Shared>,
    journal: Arc<Journal>,
    inner: Mutex<Inner>,
}

redacted!(State {});

impl State {
    pub(super) fn new(settings: Settings, clock: &Clock, journal: &Arc<Journal>) -> Self {
        let secrets = settings.headers.iter().map(|(_, value)| value).chain(&settings.platform_secret);
        secrets.for_each(|secret| journal.mask().add_secret(secret));
        let Settings { seed, rules, callback, templates, wa_ids, .. } = settings.clone();
        let initial = Initial { seed, rules, callback, templates, review: Review::approving(), wa_ids };
        let shared = Arc::new(Shared::new(initial, clock));
        let state = Self { settings, shared, journal: Arc::clone(journal), inner: Mutex::default() };
        state.fill();
        state
    }

    fn fill(&self) {
        self.settings.numbers.iter().for_each(|number| self.add_number(number.clone()));
    }

    pub(super) fn reset(&self) {
        self.shared.reset();
        *lock(&self.inner) = Inner::default();
        self.fill();
    }

    pub(super) fn add_number(&self, number: Number) {
        self.journal.mask().add_secret(&number.token);
        let record = NumberRecord { node: health::node(&number), webhook: Own::AtStart, calls: Calls::default(), number };
        lock(&self.inner).records.insert(record.number.id.clone(), record);
    }

    /// Gives a number another key, which ends the old one and clears the webhook. Returns whether the number exists.
    pub(super) fn set_key(&self, id: &str, key: String) -> bool {
        self.journal.mask().add_secret(&key);
        let set = |record: &mut NumberRecord| (record.number.token, record.webhook) = (key, Own::Cleared);
        self.change(id, set).is_some()
    }

    /// The number of a key.
    pub(super) fn sender(&self, headers: &HeaderMap) -> Option<Number> {
        let key = headers.get("d360-api-key")?.as_bytes();
        let fits = |number: &&Number| self.settings.trusting || number.token.as_bytes() == key;
        lock(&self.inner).records.values().map(|record| &record.number).find(fits).cloned()
    }

    pub(super) fn record(&self, id: &str) -> Option<NumberRecord> {
        self.settled(|inner| inner.records.get(id).cloned())
    }

    pub(super) fn records(&self) -> Vec<NumberRecord> {
        self.settled(|inner| inner.records.values().cloned().collect())
    }

    /// Changes a number; `None` if it does not exist.
    pub(super) fn change<T>(&self, id: &str, change: impl FnOnce(&mut NumberRecord) -> T) -> Option<T> {
        lock(&self.inner).records.get_mut(id).map(change)
    }

    /// The registered webhook of an account.
    pub(super) fn of_account(&self, account: &str) -> Option<Registration> {
        self.settled(|inner| inner.accounts.get(account).and_then(|webhook| webhook.current.clone()))
    }

    /// Registers a webhook of an account, which is in use some time later.
    pub(super) fn register(&self, account: &str, registration: Registration, replaces_numbers: bool) {
        let due = self.shared.clock.now_ms().saturating_add(PENDING_MS);
        self.settled(|inner| inner.accounts.entry(account.to_owned()).or_default().next = Some((due, registration, replaces_numbers)));
    }

    pub(super) fn hide(&self, registration: &Registration) {
        registration.headers.values().for_each(|value| self.journal.mask().add_secret(value));
    }

    /// Reads the state after putting the webhooks of accounts to use that are due.
    fn settled<T>(&self, read: impl FnOnce(&mut Inner) -> T) -> T {
        let now_ms = self.shared.clock.now_ms();
        let inner = &mut *lock(&self.inner);
        for (account, webhook) in &mut inner.accounts {
            let Some((_, registration, replaces_numbers)) = webhook.next.take_if(|(due, ..)| *due <= now_ms) else { continue };
            webhook.current = Some(registration);
            let numbers = inner.records.values_mut().filter(|record| replaces_numbers && record.number.waba_id == *account);
            numbers.for_each(|record| record.webhook = Own::Cleared);
        }
        read(inner)
    }

    /// The webhook of a number without a registration: the callback with the headers of the settings.
    pub(super) fn at_start(&self) -> Option<Registration> {
        Some(Registration { url: self.shared.callback()?, headers: self.settings.headers.iter().cloned().collect() })
    }

    /// The number's own webhook before the account's.
    fn callback_of(&self, record: Option<&NumberRecord>, account: &str) -> Option<Callback> {
        let own = record.map(|record| &record.webhook);
        let registered = match own {
            Some(Own::Set(registration)) => Some(registration.clone()),
            _ => self.of_account(account),
        };
        let registered = registered.or_else(|| self.at_start().filter(|_| matches!(own, Some(Own::AtStart))));
        registered?.callback(&self.shared.callback()?)
    }
}

impl WabaState for State {
    fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    fn number(&self, id: &str) -> Option<Number> {
        self.record(id).map(|record| record.number)
    }

    fn is_account(&self, id: &str) -> bool {
        self.records().iter().any(|record| record.number.waba_id == id)
    }

    fn subscribed(&self) -> Vec<String> {
        let mut accounts: Vec<_> = self.records().into_iter().map(|record| record.number.waba_id).collect();
        accounts.sort();
        accounts.dedup();
        accounts
    }

    fn file_root(&self, _: String) -> String {
        FILE_HOST.to_owned()
    }

    /// That of the first number.
    fn raw_callback(&self) -> Option<Callback> {
        let records = self.records();
        let first = records.first()?;
        self.callback_of(Some(first), &first.number.waba_id)
    }
}

impl WebhookFormat for State {
    /// Updates of an account without a webhook go to its first number's.
    fn address(&self, item: &Item) -> Option<Callback> {
        let records = self.records();
        let mut of_account = records.iter().filter(|record| record.number.waba_id == item.account);
        let record = match &item.sender {
            Some(id) => records.iter().find(|record| record.number.id == *id),
            None => of_account.next(),
        };
        self.callback_of(record, &item.account)
    }

    fn encode(&self, items: Vec<Item>) -> Bytes {
        Bytes::from(envelope(items, self.shared.clock.now_s()).to_string())
    }

    /// An unsigned webhook proves nothing at all. A wrongly signed one has the right headers, unless nothing signs.
    fn headers(&self, callback: &Callback, body: &[u8], signature: Signature) -> HeaderMap {
        let mut headers = callback.headers.clone();
        let secret = match (signature, &self.settings.platform_secret) {
            (Signature::Absent, _) => return HeaderMap::new(),
            (Signature::Valid, secret) => secret.clone(),
            (Signature::Wrong, Some(secret)) => Some(format!("not {secret}")),
            (Signature::Wrong, None) => {
                headers.values_mut().for_each(|value| *value = HeaderValue::from_static("not the registered value"));
                None
            }
        };
        if let Some(signature) = secret.and_then(|secret| HeaderValue::from_str(&hmac_sha256(&secret, body)).ok()) {
            headers.insert("x-360dialog-signature", signature);
        }
        headers
    }
}
