//! A cache of answers, each fetched by one caller at a time.

use std::{hash::Hash, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::{
    FutureExt as _,
    future::{Shared, WeakShared},
};
use quick_cache::sync::Cache;

use crate::{
    error::{Error, ErrorKind},
    runtime::{BoxFuture, Clock},
    sync::Mutex,
};

type Running<T> = BoxFuture<'static, Result<T, Arc<Error>>>;

/// Work that runs once for all concurrent callers. Each caller drives it, so it continues if the first one is dropped. It
/// is cancelled when all are dropped.
pub(super) struct SharedWork<T>(Mutex<Option<WeakShared<Running<T>>>>);

impl<T> Default for SharedWork<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T: Clone + Send + Sync + 'static> SharedWork<T> {
    /// Joins the work in progress, or starts it.
    pub(super) async fn join(&self, start: impl FnOnce() -> BoxFuture<'static, Result<T, Error>>) -> Result<T, Error> {
        self.start_or_join(start).await.map_err(|error| Error::shared(&error))
    }

    fn start_or_join(&self, start: impl FnOnce() -> BoxFuture<'static, Result<T, Error>>) -> Shared<Running<T>> {
        let mut running = self.0.lock();
        // Finished work answers only the callers that joined it before.
        if let Some(work) = running.as_ref().and_then(WeakShared::upgrade).filter(|work| work.peek().is_none()) {
            return work;
        }
        let work = AssertUnwindSafe(start()).catch_unwind().map(|result| match result {
            Ok(result) => result.map_err(Arc::new),
            Err(_) => Err(Arc::new(Error::new(ErrorKind::Unexpected, "a strategy or a store panicked"))),
        });
        let work = (Box::pin(work) as Running<T>).shared();
        *running = work.downgrade();
        work
    }
}

/// A bounded cache of answers by key, with a time to live. Caches empty answers too.
pub(super) struct Lookups<K, V> {
    clock: Arc<dyn Clock>,
    entries: Cache<K, Arc<CachedValue<V>>>,
    ttl: Duration,
    /// Maximum age of an answer that is used while its store is down.
    stale_max: Duration,
}

struct CachedValue<V> {
    /// The last answer, and when its store was asked.
    known: Mutex<Option<(V, Duration)>>,
    work: SharedWork<V>,
}

impl<K: Hash + Eq + Clone, V: Clone + Send + Sync + 'static> Lookups<K, V> {
    pub(super) fn new(clock: Arc<dyn Clock>, capacity: usize, ttl: Duration, stale_max: Duration) -> Self {
        Self { clock, entries: Cache::new(capacity), ttl, stale_max }
    }

    /// The answer, cached or fetched.
    pub(super) async fn get(&self, key: &K, fetch: impl FnOnce() -> BoxFuture<'static, Result<V, Error>>) -> Result<V, Error> {
        let made = self.entries.get_or_insert_with(key, || {
            Ok::<_, std::convert::Infallible>(Arc::new(CachedValue { known: Mutex::new(None), work: SharedWork::default() }))
        });
        let Ok(entry) = made;
        if let Some(value) = entry.younger(self.ttl, self.clock.monotonic()) {
            return Ok(value);
        }
        let (clock, ttl, stale_max) = (Arc::clone(&self.clock), self.ttl, self.stale_max);
        let place = Arc::clone(&entry);
        entry
            .work
            .join(move || {
                let fetch = fetch();
                Box::pin(async move {
                    let read = clock.monotonic();
                    // Another caller may have fetched it since we looked.
                    if let Some(value) = place.younger(ttl, read) {
                        return Ok(value);
                    }
                    match fetch.await {
                        Ok(value) => {
                            *place.known.lock() = Some((value.clone(), read));
                            Ok(value)
                        }
                        // The next use asks the store again.
                        Err(error) => place.younger(stale_max, read).filter(|_| is_outage(&error)).ok_or(error),
                    }
                })
            })
            .await
    }

    pub(super) fn clear(&self) {
        self.entries.clear();
    }
}

/// Returns `true` if the store did not answer, as opposed to a negative answer.
pub(super) fn is_outage(error: &Error) -> bool {
    error.kind() == ErrorKind::Secret && error.context("reason") == Some(OUTAGE)
}

/// Value of the context key `reason` in errors of a secret store that does not answer.
pub(super) const OUTAGE: &str = "outage";

impl<V: Clone> CachedValue<V> {
    /// The last answer, if it is younger than `age`.
    fn younger(&self, age: Duration, now: Duration) -> Option<V> {
        self.known.lock().as_ref().filter(|(_, read)| now < *read + age).map(|(value, _)| value.clone())
    }
}
