//! The state that a strategy keeps between attempts.

use std::{
    ops::ControlFlow,
    sync::{Arc, OnceLock},
    time::Duration,
};

use serde::{Serialize, de::DeserializeOwned};

use super::{raise::Raise, wakeups::WakeUps};
use crate::{
    error::{Error, ErrorKind, NeedsReach, SendError},
    ids::{StrategyName, TenantId},
    keyring::{self, KeyRing},
    runtime::{Clock, Rng},
    store::{Ports, SessionPage, StoreError, StoreErrorKind, StoredSession, session_place},
};

/// The starts of the core's keys.
const RESERVED: [&str; 4] = ["core:", "conversation/", "conversation-id/", "conversation-opening/"];

/// Maximum tries of a compare-and-set.
pub(super) const RACES: usize = 32;

/// Time after which a send that met an unreadable session comes again.
const UNREAD: Duration = Duration::from_secs(900);

/// The ports that every [`Sessions`] needs.
#[derive(Clone, Debug)]
pub(crate) struct SessionPorts {
    pub(crate) stores: Arc<Ports>,
    pub(crate) keys: Arc<dyn KeyRing>,
    pub(crate) rng: Arc<dyn Rng>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Publishes what strategies raise. Set once there is an orchestrator.
    pub(crate) raise: OnceLock<Arc<dyn Raise>>,
    /// The callers of this process that wait for a session.
    pub(crate) wakeups: WakeUps,
}

impl SessionPorts {
    pub(crate) fn new(stores: Arc<Ports>, keys: Arc<dyn KeyRing>, rng: Arc<dyn Rng>, clock: Arc<dyn Clock>) -> Self {
        Self { stores, keys, rng, clock, raise: OnceLock::new(), wakeups: WakeUps::default() }
    }
}

/// Values with compare-and-set, scoped to one tenant and one strategy: another tenant's key cannot be named. The core
/// encrypts every value. Keys that begin with `core:` are the core's, and those that begin with `conversation` are of
/// [`Conversations`](super::Conversations), where a strategy uses it.
#[derive(Clone)]
pub struct Sessions {
    ports: Arc<SessionPorts>,
    scope: Arc<str>,
}

debug_fields!(Sessions {});

/// A value and its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned<T> {
    /// The value.
    pub value: T,
    /// The version that a write must expect.
    pub version: u64,
}

impl Sessions {
    pub(crate) fn new(ports: Arc<SessionPorts>, tenant: &TenantId, strategy: &StrategyName) -> Self {
        // A strategy name holds no `|`, so the last one parts the two.
        Self { ports, scope: format!("{tenant}|{strategy}").into() }
    }

    /// Returns `true` if a scope is one of this tenant.
    pub(crate) fn is_of(scope: &str, tenant: &TenantId) -> bool {
        scope.rsplit_once('|').is_some_and(|(whose, _)| whose == tenant.as_str())
    }

    /// Returns `true` if a scope is that of this tenant and strategy.
    pub(crate) fn is_scope(scope: &str, tenant: &TenantId, strategy: &StrategyName) -> bool {
        Self::owner_of(scope) == (tenant.as_str(), strategy.as_str())
    }

    /// The tenant and the strategy of a scope.
    pub(crate) fn owner_of(scope: &str) -> (&str, &str) {
        scope.rsplit_once('|').unwrap_or_default()
    }

    /// The part of the host that publishes what strategies raise; none in a test without an orchestrator.
    pub(crate) fn raise(&self) -> Option<&Arc<dyn Raise>> {
        self.ports.raise.get()
    }

    pub(super) fn ports(&self) -> &SessionPorts {
        &self.ports
    }

    /// Returns `true` if no caller of this process waits for a session.
    #[cfg(feature = "testing")]
    pub(crate) fn is_idle(&self) -> bool {
        self.ports.wakeups.is_empty()
    }

    pub(super) fn scope(&self) -> &str {
        &self.scope
    }

    /// The tenant and the strategy.
    pub(super) fn owner(&self) -> (&str, &str) {
        Self::owner_of(&self.scope)
    }

    /// A page of the stored sessions whose keys begin with `prefix`, sealed.
    pub(super) async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<SessionPage, SessionError> {
        Ok(self.ports.stores.list_scope(&self.scope, prefix, after, limit).await?)
    }

    /// Opens a stored session: JSON.
    pub(crate) fn open_stored(keys: &dyn KeyRing, session: &StoredSession) -> Result<Vec<u8>, Error> {
        keyring::open(keys, &session_place(&session.scope, &session.key), &session.value)
    }

    /// Reads a value.
    ///
    /// # Errors
    /// `Unavailable` if the store does not answer, `Corrupt` if the stored value cannot be read, `Reserved`.
    pub async fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<Versioned<T>>, SessionError> {
        check(key)?;
        self.get_any(key).await
    }

    /// Reads a value, also under a key of the core.
    pub(crate) async fn get_any<T: DeserializeOwned>(&self, key: &str) -> Result<Option<Versioned<T>>, SessionError> {
        let Some((version, sealed)) = self.ports.stores.session(&self.scope, key).await? else { return Ok(None) };
        let text = keyring::open(&*self.ports.keys, &session_place(&self.scope, key), &sealed).map_err(|_| SessionErrorKind::Corrupt)?;
        let value = serde_json::from_slice(&text).map_err(|_| SessionErrorKind::Corrupt)?;
        Ok(Some(Versioned { value, version }))
    }

    /// Writes a value if the stored version is `expect`; `None` expects that there is no value. Returns the new version.
    ///
    /// # Errors
    /// `Conflict` if another caller wrote first, `Unavailable` if the store does not answer, `Corrupt` if the value has no JSON form,
    /// `Reserved`.
    pub async fn put<T: Serialize + Sync>(&self, key: &str, value: &T, expect: Option<u64>, ttl: Duration) -> Result<u64, SessionError> {
        check(key)?;
        self.put_any(key, value, expect, ttl).await
    }

    /// Writes a value, also under a key of the core.
    pub(crate) async fn put_any<T: Serialize + Sync>(
        &self,
        key: &str,
        value: &T,
        expect: Option<u64>,
        ttl: Duration,
    ) -> Result<u64, SessionError> {
        let text = serde_json::to_vec(value).map_err(|_| SessionErrorKind::Corrupt)?;
        let sealed = keyring::seal(&*self.ports.keys, &*self.ports.rng, &session_place(&self.scope, key), &text)
            .map_err(|_| SessionErrorKind::Unavailable)?;
        Ok(self.ports.stores.put_session(&self.scope, key, sealed, expect, ttl).await?)
    }

    /// Changes the value of any key with compare-and-set: reads, decides, writes, and again if another wrote first. A break stores nothing.
    ///
    /// # Errors
    /// `Conflict` if others wrote first every time; those of reading and writing.
    pub(crate) async fn change<T, R>(
        &self,
        key: &str,
        ttl: Duration,
        decide: impl FnMut(Option<T>) -> ControlFlow<R, (T, R)>,
    ) -> Result<R, SessionError>
    where
        T: Serialize + DeserializeOwned + Sync,
    {
        self.change_with(key, ttl, 0, decide).await
    }

    /// The same, and so many times more after a write that failed, whose answer may be lost: the decision must know its own work.
    pub(super) async fn change_with<T, R>(
        &self,
        key: &str,
        ttl: Duration,
        mut more: u32,
        mut decide: impl FnMut(Option<T>) -> ControlFlow<R, (T, R)>,
    ) -> Result<R, SessionError>
    where
        T: Serialize + DeserializeOwned + Sync,
    {
        let mut lost = SessionErrorKind::Conflict.into();
        for _ in 0..RACES {
            let (value, version) = self.get_any(key).await?.map_or((None, None), |stored| (Some(stored.value), Some(stored.version)));
            let (value, done) = match decide(value) {
                ControlFlow::Continue(written) => written,
                ControlFlow::Break(unchanged) => return Ok(unchanged),
            };
            match self.put_any(key, &value, version, ttl).await {
                Ok(_) => return Ok(done),
                Err(error) if error.kind == SessionErrorKind::Conflict => lost = error,
                Err(error) if more > 0 => (more, lost) = (more - 1, error),
                Err(error) => return Err(error),
            }
        }
        Err(lost)
    }

    /// Deletes a value if the stored version is `expect`.
    ///
    /// # Errors
    /// `Conflict` if the stored version is another, `Unavailable` if the store does not answer, `Reserved`.
    pub async fn delete(&self, key: &str, expect: u64) -> Result<(), SessionError> {
        check(key)?;
        Ok(self.ports.stores.delete_session(&self.scope, key, expect).await?)
    }

    /// Deletes a value if the stored version is `expect`, also under a key of the core.
    pub(crate) async fn remove_any(&self, key: &str, expect: u64) -> Result<(), SessionError> {
        Ok(self.ports.stores.delete_session(&self.scope, key, expect).await?)
    }

    /// Deletes a value, whatever it is, also under a key of the core.
    pub(crate) async fn delete_any(&self, key: &str) -> Result<(), SessionError> {
        let Some((version, _)) = self.ports.stores.session(&self.scope, key).await? else { return Ok(()) };
        Ok(self.ports.stores.delete_session(&self.scope, key, version).await?)
    }
}

fn check(key: &str) -> Result<(), SessionError> {
    if RESERVED.iter().any(|start| key.starts_with(start)) { Err(SessionErrorKind::Reserved.into()) } else { Ok(()) }
}

/// The error of reading or writing a session. That call sent nothing to the provider; only the strategy knows how far the
/// attempt got before it.
#[derive(Debug)]
#[non_exhaustive]
pub struct SessionError {
    /// The class.
    pub kind: SessionErrorKind,
    source: Option<StoreError>,
}

/// The class of a [`SessionError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionErrorKind {
    /// Another caller wrote first.
    Conflict,
    /// The store does not answer.
    Unavailable,
    /// The stored value cannot be read.
    Corrupt,
    /// The conversation of an event may still be opening; see [`find_or_wait`](super::Conversations::find_or_wait). Ask again later.
    Undecided,
    /// The key is one of the core's.
    Reserved,
}

impl SessionErrorKind {
    const fn message(self) -> &'static str {
        match self {
            Self::Conflict => "another process changed the session first",
            Self::Unavailable => "the session store does not answer",
            Self::Corrupt => "a stored session cannot be read",
            Self::Undecided => "the conversation may still be opening",
            Self::Reserved => "the key of the session is one of the core's",
        }
    }
}

impl SessionError {
    /// The attempt's error; still needs its reach. It is `Busy`, so that the send is deferred: also what cannot be read may be, by a
    /// newer process, and is asked for again after 15 minutes. A key of the core is `Unsupported`.
    pub fn into_send_error(self) -> NeedsReach {
        let error = |kind| SendError::of(kind, self.kind.message());
        let error = match self.kind {
            SessionErrorKind::Conflict | SessionErrorKind::Unavailable | SessionErrorKind::Undecided => error(ErrorKind::Busy),
            SessionErrorKind::Corrupt => error(ErrorKind::Busy).retry_after(UNREAD),
            SessionErrorKind::Reserved => error(ErrorKind::Unsupported),
        };
        error.source(self)
    }
}

impl From<SessionErrorKind> for SessionError {
    fn from(kind: SessionErrorKind) -> Self {
        Self { kind, source: None }
    }
}

impl From<StoreError> for SessionError {
    fn from(error: StoreError) -> Self {
        let kind = match error.kind {
            StoreErrorKind::Conflict => SessionErrorKind::Conflict,
            StoreErrorKind::Corrupt => SessionErrorKind::Corrupt,
            _ => SessionErrorKind::Unavailable,
        };
        Self { kind, source: Some(error) }
    }
}

display!(SessionError, |it| it.kind.message());

impl std::error::Error for SessionError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}
