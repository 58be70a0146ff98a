//! Access tokens and the codes of embedded signup.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::sandbox::clock::Clock;
use crate::sandbox::journal::Journal;
use crate::sandbox::lock;
use crate::sandbox::waba::errors::GraphError;
use crate::sandbox::waba::ids::Ids;

/// Lifetime of a code, in milliseconds.
const CODE_MS: u64 = 30_000;
/// Lifetime of a renewable token, in milliseconds.
pub(super) const LIFE_MS: u64 = 60 * 86_400_000;
/// Lifetime of a short-lived user token, in milliseconds.
pub(super) const SHORT_LIFE_MS: u64 = 3_600_000;

/// A business's grant in embedded signup, for [`MetaCloud::issue_code`](super::MetaCloud::issue_code).
///
/// ```
/// use zengine_strategies::sandbox::meta_cloud::{MetaCloud, Number, Settings, Signup};
///
/// let meta = MetaCloud::start(Settings::new().with_number(Number::new("100200300", "900100")))?;
/// let code = meta.issue_code(Signup::of(["900100"]).lasting_60_days());
/// assert!(!code.is_empty());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "it does nothing until a code is issued for it"]
pub struct Signup {
    pub(super) accounts: Vec<String>,
    pub(super) expires: bool,
    pub(super) redirect_uri: Option<String>,
}

impl Signup {
    /// Grants access to these WhatsApp Business accounts by a token that never expires.
    pub fn of<A: Into<String>>(accounts: impl IntoIterator<Item = A>) -> Self {
        Self { accounts: accounts.into_iter().map(Into::into).collect(), expires: false, redirect_uri: None }
    }

    setters! {
        /// Limits the token's lifetime to 60 days.
        pub lasting_60_days() => expires = true;
        /// Sets the redirect address of the login, which the exchange must repeat. Defaults to a popup login.
        pub with_redirect_uri(uri: impl Into<String>) => redirect_uri = Some(uri.into());
    }
}

/// The kind of a token's owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    SystemUser,
    User,
    App,
}

#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) owner: Owner,
    /// The accounts granted to it, beside the numbers that have it as their own token.
    pub(super) accounts: Vec<String>,
    pub(super) issued_ms: u64,
    pub(super) expires_ms: Option<u64>,
    /// The subcode of error 190 if the token has been invalidated.
    pub(super) invalid: Option<i64>,
}

#[derive(Debug, Clone)]
struct Code {
    signup: Signup,
    until_ms: u64,
    used: bool,
}

#[derive(Default)]
struct Inner {
    tokens: HashMap<String, Token>,
    codes: HashMap<String, Code>,
}

pub(super) struct Tokens {
    clock: Clock,
    journal: Arc<Journal>,
    inner: Mutex<Inner>,
}

impl Tokens {
    pub(super) fn new(clock: Clock, journal: Arc<Journal>) -> Self {
        Self { clock, journal, inner: Mutex::default() }
    }

    pub(super) fn clear(&self) {
        *lock(&self.inner) = Inner::default();
    }

    /// Adds a token with this text; an existing one stays unchanged.
    pub(super) fn add(&self, text: &str, owner: Owner, accounts: Vec<String>, life_ms: Option<u64>) {
        self.journal.mask().add_secret(text);
        let issued_ms = self.clock.now_ms();
        let expires_ms = life_ms.map(|life| issued_ms + life);
        lock(&self.inner).tokens.entry(text.to_owned()).or_insert(Token { owner, accounts, issued_ms, expires_ms, invalid: None });
    }

    pub(super) fn issue(&self, ids: &Ids, owner: Owner, accounts: Vec<String>, life_ms: Option<u64>) -> String {
        let text = ids.secret("EAA");
        self.add(&text, owner, accounts, life_ms);
        text
    }

    pub(super) fn remove(&self, text: &str) {
        lock(&self.inner).tokens.remove(text);
    }

    /// Returns a token, valid or not.
    pub(super) fn look_up(&self, text: &str) -> Option<Token> {
        lock(&self.inner).tokens.get(text).cloned()
    }

    /// Returns a token if it is valid.
    pub(super) fn valid(&self, text: &str) -> Result<Token, GraphError> {
        let token = self.look_up(text).ok_or_else(GraphError::unauthorized)?;
        match self.fault_of(&token) {
            Some(error) => Err(error),
            None => Ok(token),
        }
    }

    /// The error of an invalid token.
    pub(super) fn fault_of(&self, token: &Token) -> Option<GraphError> {
        if let Some(subcode) = token.invalid {
            let message = match subcode {
                458 => "Error validating access token: The user has not authorized the application.",
                460 => "Error validating access token: The session has been invalidated because the user changed the password.",
                463 => "Error validating access token: Session has expired.",
                _ => "Error validating access token: The session is invalid because it has been revoked.",
            };
            return Some(GraphError::new(190).with_subcode(subcode).with_message(message));
        }
        if token.expires_ms.is_some_and(|at| at <= self.clock.now_ms()) {
            let message = "Error validating access token: Session has expired.";
            return Some(GraphError::new(190).with_subcode(463).with_message(message));
        }
        None
    }

    /// Invalidates a token with a subcode of error 190; false if it is unknown.
    pub(super) fn invalidate(&self, text: &str, subcode: i64) -> bool {
        lock(&self.inner).tokens.get_mut(text).map(|token| token.invalid = Some(subcode)).is_some()
    }

    /// Makes a token expire in this many milliseconds; false if it is unknown.
    pub(super) fn expire_in(&self, text: &str, ms: u64) -> bool {
        let at = self.clock.now_ms().saturating_add(ms);
        lock(&self.inner).tokens.get_mut(text).map(|token| token.expires_ms = Some(at)).is_some()
    }

    /// Issues a code that can be exchanged once within 30 seconds.
    pub(super) fn issue_code(&self, ids: &Ids, signup: Signup) -> String {
        let text = ids.secret("AQB");
        self.journal.mask().add_secret(&text);
        lock(&self.inner).codes.insert(text.clone(), Code { signup, until_ms: self.clock.now_ms() + CODE_MS, used: false });
        text
    }

    /// Exchanges a code for a token; returns its text and lifetime.
    pub(super) fn redeem(&self, ids: &Ids, code: &str, redirect_uri: Option<&str>) -> Result<(String, Option<u64>), GraphError> {
        let refused = |subcode, message: &str| Err(GraphError::new(100).with_subcode(subcode).with_message(message));
        let signup = {
            let inner = &mut *lock(&self.inner);
            let Some(code) = inner.codes.get_mut(code) else {
                return refused(36_007, "Invalid verification code format.");
            };
            if code.used {
                return refused(36_009, "This authorization code has been used.");
            }
            if code.until_ms < self.clock.now_ms() {
                return refused(36_007, "This authorization code has expired.");
            }
            if redirect_uri.unwrap_or_default() != code.signup.redirect_uri.as_deref().unwrap_or_default() {
                return refused(
                    36_008,
                    "Error validating verification code. Please make sure your redirect_uri is identical to the one you used in the OAuth dialog request",
                );
            }
            code.used = true;
            code.signup.clone()
        };
        let life = signup.expires.then_some(LIFE_MS);
        Ok((self.issue(ids, Owner::SystemUser, signup.accounts, life), life))
    }

    pub(super) fn count(&self) -> usize {
        let tokens: Vec<_> = lock(&self.inner).tokens.values().cloned().collect();
        tokens.iter().filter(|token| self.fault_of(token).is_none()).count()
    }
}
