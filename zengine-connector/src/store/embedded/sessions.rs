//! Sessions in the embedded store.

use std::{ops::Bound, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use redb::{AccessGuard, ReadableTable as _};

use super::{
    ascending::AscendingKeys,
    engine::Engine,
    tables::SESSIONS,
    work::{Done, count},
};
use crate::{
    runtime::ms,
    store::{
        SessionPage, SessionStore, StoreError, StoredSession,
        sessions::{conflict, cursor, read_cursor},
    },
};

#[async_trait]
impl SessionStore for Engine {
    async fn get(&self, scope: &str, key: &str, now_ms: i64) -> Result<Option<(u64, Bytes)>, StoreError> {
        self.read(|snapshot| {
            let stored = snapshot.open_table(SESSIONS)?.get((scope, key))?;
            Ok(stored.and_then(|stored| {
                let (version, expires_at_ms, value) = stored.value();
                (expires_at_ms > now_ms).then(|| (version, Bytes::copy_from_slice(value)))
            }))
        })
    }

    async fn put(&self, scope: &str, key: &str, value: Bytes, expect: Option<u64>, ttl: Duration, now_ms: i64) -> Result<u64, StoreError> {
        let (scope, key) = (scope.to_owned(), key.to_owned());
        self.write(Some(now_ms), move |transaction| {
            let mut sessions = transaction.open_table(SESSIONS)?;
            if version(sessions.get((&*scope, &*key))?.as_ref(), now_ms) != expect {
                return Err(conflict().into());
            }
            // A counter of the whole file keeps versions unique, also after a value was deleted.
            let version = count(transaction, "session")?;
            sessions.insert((&*scope, &*key), (version, now_ms.saturating_add(ms(ttl)), &*value))?;
            Ok(Done::Wrote(version))
        })
        .await
    }

    async fn delete(&self, scope: &str, key: &str, expect: u64, now_ms: i64) -> Result<(), StoreError> {
        let (scope, key) = (scope.to_owned(), key.to_owned());
        self.write(Some(now_ms), move |transaction| {
            let mut sessions = transaction.open_table(SESSIONS)?;
            if version(sessions.get((&*scope, &*key))?.as_ref(), now_ms) != Some(expect) {
                return Err(conflict().into());
            }
            sessions.remove((&*scope, &*key))?;
            Ok(Done::Wrote(()))
        })
        .await
    }

    async fn list(&self, after: Option<&str>, limit: usize) -> Result<SessionPage, StoreError> {
        let after = after.map(read_cursor).transpose()?;
        self.read(|snapshot| {
            let owned = |(scope, key): (&str, &str)| (scope.to_owned(), key.to_owned());
            let (mut page, mut order) = (SessionPage::default(), AscendingKeys::<(String, String)>::after(after.map(owned).as_ref()));
            let from = after.map_or(Bound::Unbounded, Bound::Excluded);
            for entry in snapshot.open_table(SESSIONS)?.range::<(&str, &str)>((from, Bound::Unbounded))? {
                if page.sessions.len() == limit.max(1) {
                    page.next = page.sessions.last().map(|last| cursor(&last.scope, &last.key));
                    break;
                }
                let (place, stored) = entry?;
                let ((scope, key), (version, _, value)) = (place.value(), stored.value());
                order.check(&owned((scope, key)))?;
                page.sessions.push(StoredSession::new(scope, key, version, Bytes::copy_from_slice(value)));
            }
            Ok(page)
        })
    }

    async fn list_scope(
        &self,
        scope: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        now_ms: i64,
    ) -> Result<SessionPage, StoreError> {
        let after = after.map(read_cursor).transpose()?;
        self.read(|snapshot| {
            let (mut page, mut order) = (SessionPage::default(), AscendingKeys::<(String, String)>::after(None));
            let from = after.map_or(Bound::Included((scope, prefix)), Bound::Excluded);
            for entry in snapshot.open_table(SESSIONS)?.range::<(&str, &str)>((from, Bound::Unbounded))? {
                let (place, stored) = entry?;
                let ((found, key), (version, expires_at_ms, value)) = (place.value(), stored.value());
                if found != scope || !key.starts_with(prefix) {
                    break;
                }
                order.check(&(found.to_owned(), key.to_owned()))?;
                if expires_at_ms <= now_ms {
                    continue;
                }
                if page.sessions.len() == limit.max(1) {
                    page.next = page.sessions.last().map(|last| cursor(&last.scope, &last.key));
                    break;
                }
                page.sessions.push(StoredSession::new(found, key, version, Bytes::copy_from_slice(value)));
            }
            Ok(page)
        })
    }
}

fn version(stored: Option<&AccessGuard<'_, (u64, i64, &'static [u8])>>, now_ms: i64) -> Option<u64> {
    let (version, expires_at_ms, _) = stored?.value();
    (expires_at_ms > now_ms).then_some(version)
}
