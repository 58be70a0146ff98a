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
    sync::{Mutex, OncePerSecond},
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
    /// Joins the work in progress, or starts it unless there is an answer without it. The answer is looked at between the end of the
    /// last work and the start of the next, so that of callers at one time none takes an answer that another one asks past.
    pub(super) async fn join_unless(
        &self,
        known: impl FnOnce() -> Option<Result<T, Error>>,
        start: impl FnOnce() -> BoxFuture<'static, Result<T, Error>>,
    ) -> LookUpResult<T> {
        match self.start_or_join(known, start) {
            Ok(work) => LookUpResult { result: work.await.map_err(Arc::unwrap_or_clone), cached: false },
            Err(result) => LookUpResult { result, cached: true },
        }
    }

    fn start_or_join(
        &self,
        known: impl FnOnce() -> Option<Result<T, Error>>,
        start: impl FnOnce() -> BoxFuture<'static, Result<T, Error>>,
    ) -> Result<Shared<Running<T>>, Result<T, Error>> {
        let mut running = self.0.lock();
        // Finished work answers only the callers that joined it before.
        if let Some(work) = running.as_ref().and_then(WeakShared::upgrade).filter(|work| work.peek().is_none()) {
            return Ok(work);
        }
        if let Some(result) = known() {
            return Err(result);
        }
        let work = AssertUnwindSafe(start()).catch_unwind().map(|result| match result {
            Ok(result) => result.map_err(Arc::new),
            Err(_) => Err(Arc::new(Error::new(ErrorKind::Unexpected, "a strategy or a store panicked"))),
        });
        let work = (Box::pin(work) as Running<T>).shared();
        *running = work.downgrade();
        Ok(work)
    }
}

/// Lifetimes of cached answers.
#[derive(Clone, Copy)]
pub(super) struct Lifetimes {
    pub(super) found: Duration,
    /// Lifetime of empty answers and failures. Short, because a missing entry may be added at any time.
    pub(super) missing: Duration,
    /// Maximum age of an answer that is used while its store is down.
    pub(super) stale_max: Duration,
}

/// Which cached answers a look-up may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CacheUse {
    /// Answers and failures: for a request that is not authenticated.
    AnswersAndFailures,
    /// Answers.
    Answers,
    /// Nothing, once per key and second; others wait for that answer, or use it.
    Bypass,
    /// Nothing: for a call that an operator makes.
    Never,
}

impl CacheUse {
    /// Returns `true` if the look-up may go past cached answers.
    pub(crate) const fn bypasses(self) -> bool {
        matches!(self, Self::Bypass | Self::Never)
    }
}

/// An answer and whether it came from the cache.
pub(crate) struct LookUpResult<V> {
    pub(crate) result: Result<V, Error>,
    pub(crate) cached: bool,
}

/// A bounded cache of answers by key, of empty ones and of failures too.
pub(super) struct Lookups<K, V> {
    clock: Arc<dyn Clock>,
    entries: Cache<K, Arc<CachedValue<V>>>,
    lifetimes: Lifetimes,
    is_missing: fn(&V) -> bool,
}

struct CachedValue<V> {
    known: Mutex<Known<V>>,
    asked_again: OncePerSecond,
    work: SharedWork<V>,
}

/// The known answer for one key; times are of the monotonic clock.
struct Known<V> {
    /// The last answer, and when its store was asked.
    answer: Option<(V, Duration)>,
    /// The last failure, if it is newer than the answer.
    failure: Option<(Arc<Error>, Duration)>,
}

impl<K: Hash + Eq + Clone, V: Clone + Send + Sync + 'static> Lookups<K, V> {
    pub(super) fn new(clock: Arc<dyn Clock>, capacity: usize, lifetimes: Lifetimes, is_missing: fn(&V) -> bool) -> Self {
        Self { clock, entries: Cache::new(capacity), lifetimes, is_missing }
    }

    /// The answer, cached or fetched.
    pub(super) async fn get(
        &self,
        key: &K,
        cache_use: CacheUse,
        fetch: impl FnOnce() -> BoxFuture<'static, Result<V, Error>>,
    ) -> LookUpResult<V> {
        let made = self.entries.get_or_insert_with(key, || {
            let known = Mutex::new(Known { answer: None, failure: None });
            Ok::<_, std::convert::Infallible>(Arc::new(CachedValue {
                known,
                asked_again: OncePerSecond::default(),
                work: SharedWork::default(),
            }))
        });
        let Ok(entry) = made;
        let (lifetimes, is_missing) = (self.lifetimes, self.is_missing);
        let fresh = move |known: &Known<V>, now| known.fresh(cache_use, lifetimes, is_missing, now);
        let now = self.clock.monotonic();
        let known = fresh(&entry.known.lock(), now);
        let asks_again = cache_use == CacheUse::Never || cache_use == CacheUse::Bypass && known.is_some();
        if let Some(result) = known.filter(|_| !asks_again) {
            return LookUpResult { result, cached: true };
        }
        let known = || {
            let known = fresh(&entry.known.lock(), now).filter(|_| cache_use == CacheUse::Bypass && asks_again);
            known.filter(|_| !entry.asked_again.is_due(now))
        };
        let (clock, place) = (Arc::clone(&self.clock), Arc::clone(&entry));
        let work = entry.work.join_unless(known, move || {
            let fetch = fetch();
            Box::pin(async move {
                let read = clock.monotonic();
                // Another caller may have fetched it since we looked.
                if let Some(result) = fresh(&place.known.lock(), read).filter(|_| !asks_again) {
                    return result;
                }
                let result = fetch.await;
                let mut known = place.known.lock();
                match result {
                    Ok(value) => {
                        (known.answer, known.failure) = (Some((value.clone(), read)), None);
                        Ok(value)
                    }
                    Err(error) => known.failed(lifetimes, Arc::new(error), clock.monotonic()),
                }
            })
        });
        work.await
    }

    pub(super) fn clear(&self) {
        self.entries.clear();
    }
}

impl<V: Clone> Known<V> {
    /// The answer that needs no look-up.
    fn fresh(&self, cache_use: CacheUse, lifetimes: Lifetimes, is_missing: fn(&V) -> bool, now: Duration) -> Option<Result<V, Error>> {
        if let Some((value, read)) = &self.answer {
            let lifetime = if is_missing(value) { lifetimes.missing.min(lifetimes.found) } else { lifetimes.found };
            if now < *read + lifetime {
                return Some(Ok(value.clone()));
            }
        }
        let failure = self.failure.as_ref().filter(|(_, at)| cache_use == CacheUse::AnswersAndFailures && now < *at + lifetimes.missing);
        failure.map(|(error, _)| self.instead_of(lifetimes, error, now))
    }

    /// The last answer in place of an outage, if it is not too old.
    fn instead_of(&self, lifetimes: Lifetimes, error: &Arc<Error>, now: Duration) -> Result<V, Error> {
        let stale = self.answer.as_ref().filter(|(_, read)| is_outage(error) && now < *read + lifetimes.stale_max);
        stale.map(|(value, _)| value.clone()).ok_or_else(|| Error::clone(error))
    }

    fn failed(&mut self, lifetimes: Lifetimes, error: Arc<Error>, now: Duration) -> Result<V, Error> {
        let result = self.instead_of(lifetimes, &error, now);
        self.failure = Some((error, now));
        result
    }
}

/// Returns `true` if the store did not answer, as opposed to a negative answer.
pub(super) fn is_outage(error: &Error) -> bool {
    error.kind() == ErrorKind::Secret && error.context("reason") == Some(OUTAGE)
}

/// Value of the context key `reason` in errors of a secret store that does not answer.
pub(super) const OUTAGE: &str = "outage";
