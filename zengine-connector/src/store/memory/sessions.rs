//! Sessions in memory.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;

use super::{Tables, table::Table};
use crate::{
    runtime::ms,
    store::{
        SessionPage, SessionStore, StoreError, StoredSession,
        claims::Kept,
        sessions::{conflict, cursor, read_cursor},
    },
};

/// The sessions and their versions.
#[derive(Default)]
pub(super) struct Sessions {
    values: Table<Stored>,
    /// The last version of any value: a counter keeps versions unique also after a value was deleted.
    versions: AtomicU64,
}

struct Stored {
    version: u64,
    expires_at_ms: i64,
    value: Bytes,
}

impl Kept for Stored {
    fn removable_at_ms(&self) -> i64 {
        self.expires_at_ms
    }
}

/// The key of a session. The length of the scope keeps ("a", "bc") and ("ab", "c") distinct.
fn place(scope: &str, key: &str) -> Arc<str> {
    cursor(scope, key).into()
}

#[async_trait]
impl SessionStore for Tables {
    async fn get(&self, scope: &str, key: &str, now_ms: i64) -> Result<Option<(u64, Bytes)>, StoreError> {
        Ok(self
            .sessions
            .values
            .read(&place(scope, key), |stored| (stored.expires_at_ms > now_ms).then(|| (stored.version, stored.value.clone())))
            .flatten())
    }

    async fn put(&self, scope: &str, key: &str, value: Bytes, expect: Option<u64>, ttl: Duration, now_ms: i64) -> Result<u64, StoreError> {
        self.sessions.values.change(&place(scope, key), now_ms, |current| {
            if version(current.as_deref(), now_ms) != expect {
                return Err(conflict());
            }
            let version = self.sessions.versions.fetch_add(1, Ordering::Relaxed) + 1;
            *current = Some(Arc::new(Stored { version, expires_at_ms: now_ms.saturating_add(ms(ttl)), value }));
            Ok(version)
        })
    }

    async fn delete(&self, scope: &str, key: &str, expect: u64, now_ms: i64) -> Result<(), StoreError> {
        self.sessions.values.change(&place(scope, key), now_ms, |current| {
            if version(current.as_deref(), now_ms) != Some(expect) {
                return Err(conflict());
            }
            *current = None;
            Ok(())
        })
    }

    async fn list(&self, after: Option<&str>, limit: usize) -> Result<SessionPage, StoreError> {
        self.sessions.page(after, limit, |_, _| true)
    }

    async fn list_scope(
        &self,
        scope: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        now_ms: i64,
    ) -> Result<SessionPage, StoreError> {
        let begin = cursor(scope, prefix);
        self.sessions.page(after, limit, |place, stored| place.starts_with(&begin) && stored.expires_at_ms > now_ms)
    }
}

impl Sessions {
    /// Looks at all sessions, and sorts those that are asked for, for every page.
    fn page(&self, after: Option<&str>, limit: usize, asked: impl Fn(&str, &Stored) -> bool) -> Result<SessionPage, StoreError> {
        let mut rest = std::collections::BTreeMap::new();
        self.values.each(|place, stored| {
            if after.is_none_or(|after| place > after) && asked(place, stored) {
                rest.insert(place.to_owned(), (stored.version, stored.value.clone()));
            }
        });
        let (limit, more) = (limit.max(1), rest.len() > limit.max(1));
        let next = rest.keys().nth(limit - 1).filter(|_| more).cloned();
        let session = |(place, (version, value)): (String, (u64, Bytes))| {
            read_cursor(&place).map(|(scope, key)| StoredSession::new(scope, key, version, value))
        };
        Ok(SessionPage::new(rest.into_iter().take(limit).map(session).collect::<Result<_, _>>()?, next))
    }
}

fn version(stored: Option<&Stored>, now_ms: i64) -> Option<u64> {
    stored.filter(|stored| stored.expires_at_ms > now_ms).map(|stored| stored.version)
}
