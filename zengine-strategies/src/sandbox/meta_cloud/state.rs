//! The emulator's state, and the access rules for it.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};

use super::accounts::Accounts;
use super::settings::Settings;
use super::signature::{on_the_wire, sign};
use super::tokens::{Owner, Token, Tokens};
use crate::sandbox::clock::Clock;
use crate::sandbox::journal::Journal;
use crate::sandbox::waba::Number;
use crate::sandbox::waba::check::Checked;
use crate::sandbox::waba::errors::GraphError;
use crate::sandbox::waba::hmac::hmac_sha256;
use crate::sandbox::waba::payload::envelope;
use crate::sandbox::waba::provider::WabaState;
use crate::sandbox::waba::shared::{Initial, Shared};
use crate::sandbox::webhooks::{Callback, Item, Signature, WebhookFormat};

/// Lifetime of a proof with a time, in seconds.
const PROOF_S: u64 = 5 * 60;

pub struct State {
    /// The settings of the start, for resets.
    pub(super) settings: Settings,
    pub(super) shared: Arc<Shared>,
    pub(super) accounts: Accounts,
    pub(super) tokens: Tokens,
}

redacted!(State {});

impl State {
    pub(super) fn new(settings: Settings, clock: &Clock, journal: &Arc<Journal>) -> Self {
        journal.mask().add_secret(&settings.app_secret);
        journal.mask().add_secret(&settings.verify_token);
        let Settings { seed, rules, callback, templates, review, wa_ids, .. } = settings.clone();
        let initial = Initial { seed, rules, callback, templates, review, wa_ids };
        let state = Self {
            shared: Arc::new(Shared::new(initial, clock)),
            accounts: Accounts::default(),
            tokens: Tokens::new(clock.clone(), Arc::clone(journal)),
            settings,
        };
        state.fill();
        state
    }

    fn fill(&self) {
        for number in &self.settings.numbers {
            self.add_number(number.clone());
        }
        self.tokens.add(&self.settings.app_token(), Owner::App, Vec::new(), None);
    }

    pub(super) fn reset(&self) {
        self.shared.reset();
        self.accounts.clear();
        self.tokens.clear();
        self.fill();
    }

    pub(super) fn add_number(&self, number: Number) {
        self.tokens.add(&number.token, Owner::SystemUser, Vec::new(), number.token_life_ms);
        let (business, app) = (&self.settings.business_id, &self.settings.app_id);
        let old = self.accounts.add(number, business, app, self.shared.clock.now_ms());
        self.forget(old);
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
            return if self.shared.rules().appsecret_proof && token.owner != Owner::App {
                Err(GraphError::bad("API calls from the server require an appsecret_proof argument"))
            } else {
                Ok(text.to_owned())
            };
        };
        let signed = match proof_time {
            Some(time) => {
                let fresh = time.parse::<u64>().is_ok_and(|at| at.abs_diff(self.shared.clock.now_s()) <= PROOF_S);
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
        self.accounts.number(id).filter(|number| Self::may_use(token, &known, number)).ok_or_else(|| GraphError::no_object(id))
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
}

impl WabaState for State {
    fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    fn number(&self, id: &str) -> Option<Number> {
        self.accounts.number(id)
    }

    fn is_account(&self, id: &str) -> bool {
        self.accounts.is_account(id)
    }

    fn subscribed(&self) -> Vec<String> {
        self.accounts.subscribed()
    }
}

impl WebhookFormat for State {
    /// Messages go to the number's own callback, else to the account's, else to the app's; other fields skip the first. Updates
    /// of an unknown account go to the app.
    fn address(&self, item: &Item) -> Option<Callback> {
        let number = item.sender.as_deref().and_then(|id| self.accounts.record(id));
        let subscription = self.accounts.subscription(&item.account);
        if subscription.is_none() && self.accounts.is_account(&item.account) {
            return None;
        }
        let own = number.and_then(|record| record.callback).filter(|_| item.edge == "messages");
        let found = own.or_else(|| subscription.and_then(|found| found.callback)).map(|callback| callback.url);
        found.or_else(|| self.shared.callback()).map(Callback::new)
    }

    fn encode(&self, items: Vec<Item>) -> Bytes {
        Bytes::from(on_the_wire(&envelope(items, self.shared.clock.now_s())))
    }

    fn headers(&self, _: &Callback, body: &[u8], signature: Signature) -> HeaderMap {
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
