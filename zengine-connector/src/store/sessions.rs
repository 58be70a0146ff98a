//! The port for the state of strategies.

use std::{fmt::Debug, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;

use super::{StoreError, StoreErrorKind};

/// A store of versioned values with compare-and-set. The values are encrypted by the caller.
///
/// A version tells a writer that the value is still the one that it read. Callers only compare versions for equality; a store
/// must keep two promises per scope and key:
///
/// - A write over a value returns a higher version than the one it replaces.
/// - A write over nothing, the first one or one after a deletion or an expiry, returns a version that no earlier value had.
///
/// A store with a counter takes its next number for every write. A store without one draws the version of a first write at
/// random from `1..=u64::MAX / 2` and adds 1 with every later write: a value that is deleted and created again then does not
/// meet an old version but by a chance of about one in 2<sup>63</sup> per earlier version.
#[async_trait]
pub trait SessionStore: Send + Sync + Debug + 'static {
    /// Reads a value and its version. `None` if it is absent or expired.
    async fn get(&self, scope: &str, key: &str, now_ms: i64) -> Result<Option<(u64, Bytes)>, StoreError>;

    /// Writes the value if the stored version is `expect`; `None` means that nothing is stored, or an expired value. Returns
    /// the new version.
    ///
    /// # Errors
    /// `Conflict` if the stored version is different.
    async fn put(&self, scope: &str, key: &str, value: Bytes, expect: Option<u64>, ttl: Duration, now_ms: i64) -> Result<u64, StoreError>;

    /// Deletes the value if the stored version is `expect`.
    ///
    /// # Errors
    /// `Conflict` if the stored version is different.
    async fn delete(&self, scope: &str, key: &str, expect: u64, now_ms: i64) -> Result<(), StoreError>;

    /// A page of all stored sessions of every scope, at most `limit`, also expired ones that are not removed yet. `after` is the
    /// [`next`](SessionPage::next) of the page before. A call must examine a bounded number of sessions, and each page begins after the
    /// one before, so that they end. A session that is there from the first page to the last is on one of them.
    ///
    /// [`forget`](crate::Orchestrator::forget) and [`forget_person`](crate::Orchestrator::forget_person) delete
    /// what they find at the time 0, at which no value is expired; sweeps hand over the events that died processes left.
    ///
    /// # Errors
    /// `Unsupported`, also by default, if the store cannot list its sessions. A store that cannot read `after` returns `Corrupt`.
    async fn list(&self, after: Option<&str>, limit: usize) -> Result<SessionPage, StoreError> {
        let _ = (after, limit);
        Err(StoreError::new(StoreErrorKind::Unsupported, "the session store cannot list its sessions"))
    }

    /// A page of the sessions of one scope whose keys begin with `prefix`, at most `limit`, without expired ones: one query of a store
    /// that is sorted by scope and key. `after` and the pages are as for [`list`](Self::list). A session whose write has returned before
    /// the first page is on one of them, until it is deleted or expires.
    ///
    /// Conversations need it: their sweep, and events that come before the answer that opens their conversation.
    ///
    /// # Errors
    /// `Unsupported`, also by default, if the store cannot list a scope. A store that cannot read `after` returns `Corrupt`.
    async fn list_scope(
        &self,
        scope: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        now_ms: i64,
    ) -> Result<SessionPage, StoreError> {
        let _ = (scope, prefix, after, limit, now_ms);
        Err(StoreError::new(StoreErrorKind::Unsupported, "the session store cannot list the sessions of a scope"))
    }
}

/// The place that a session is encrypted for.
pub(crate) const fn place<'a>(scope: &'a str, key: &'a str) -> [&'a str; 3] {
    ["session", scope, key]
}

/// The cursor after a session: a form for stores without one of their own.
pub(super) fn cursor(scope: &str, key: &str) -> String {
    format!("{}|{scope}|{key}", scope.len())
}

/// The scope and the key of a cursor.
pub(super) fn read_cursor(text: &str) -> Result<(&str, &str), StoreError> {
    let read = || {
        let (length, rest) = text.split_once('|')?;
        let (scope, key) = rest.split_at_checked(length.parse().ok()?)?;
        Some((scope, key.strip_prefix('|')?))
    };
    read().ok_or_else(|| StoreError::new(StoreErrorKind::Corrupt, "this is no place in the sessions"))
}

/// A stored session, sealed, as [`SessionStore::list`] finds it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredSession {
    /// The scope: tenant and strategy, joined by `|`.
    pub scope: String,
    /// The key.
    pub key: String,
    /// The version.
    pub version: u64,
    /// The value, encrypted.
    pub value: Bytes,
}

// A key may name a person.
debug_fields!(StoredSession { version });

impl StoredSession {
    /// A session.
    pub fn new(scope: impl Into<String>, key: impl Into<String>, version: u64, value: Bytes) -> Self {
        Self { scope: scope.into(), key: key.into(), version, value }
    }
}

/// A page of sessions, from [`SessionStore::list`].
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionPage {
    /// The sessions. May be empty although `next` is set.
    pub sessions: Vec<StoredSession>,
    /// The place at which the next page begins, in a form of the store's own. `None` if there are no more pages.
    pub next: Option<String>,
}

// `next` holds a session's key.
debug_fields!(SessionPage { sessions });

impl SessionPage {
    /// A page.
    pub fn new(sessions: Vec<StoredSession>, next: Option<String>) -> Self {
        Self { sessions, next }
    }
}

/// The error of a write that expected another version.
pub(super) fn conflict() -> StoreError {
    StoreError::new(StoreErrorKind::Conflict, "the session was changed meanwhile")
}
