//! A value that a tenant's strategy fetches now and then, such as an access token.

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, SystemTime},
};

use futures_util::lock::Mutex as AsyncMutex;

use crate::{runtime::later, sync::Mutex};

/// A value with an expiry, fetched by one caller at a time. Keep it in [`Configure::Tenant`](super::Configure::Tenant).
///
/// While one caller fetches, the others wait for the result instead of fetching too. If a caller is dropped, the next one
/// fetches; a failed fetch is not cached.
pub struct Cached<T> {
    value: Mutex<Option<(Arc<T>, SystemTime)>>,
    fetching: AsyncMutex<()>,
}

impl<T> Default for Cached<T> {
    fn default() -> Self {
        Self { value: Mutex::new(None), fetching: AsyncMutex::new(()) }
    }
}

debug_fields!([T] Cached<T> { filled: |it| it.value.lock().is_some() });

impl<T: Send + Sync> Cached<T> {
    /// Creates an empty cache.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the value, or a fresh one if there is none or it has expired. `refresh` returns the value and its time to
    /// live.
    ///
    /// # Errors
    /// The error of `refresh`.
    pub async fn get_or_refresh<E, F>(&self, now: SystemTime, refresh: impl FnOnce() -> F + Send) -> Result<Arc<T>, E>
    where
        F: Future<Output = Result<(T, Duration), E>> + Send,
    {
        if let Some(value) = self.fresh(now) {
            return Ok(value);
        }
        let _turn = self.fetching.lock().await;
        // The caller before us may have fetched it.
        if let Some(value) = self.fresh(now) {
            return Ok(value);
        }
        let (value, ttl) = refresh().await?;
        let value = Arc::new(value);
        *self.value.lock() = Some((Arc::clone(&value), later(now, ttl)));
        Ok(value)
    }

    /// Forgets the value: the next caller fetches.
    pub fn invalidate(&self) {
        *self.value.lock() = None;
    }

    fn fresh(&self, now: SystemTime) -> Option<Arc<T>> {
        self.value.lock().as_ref().filter(|(_, until)| *until > now).map(|(value, _)| Arc::clone(value))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::future::join_all;

    use super::*;
    use crate::runtime::from_ms;

    #[tokio::test]
    async fn a_hundred_callers_fetch_once() {
        let (cached, fetches) = (Cached::<u32>::new(), AtomicU32::new(0));
        let callers = (0..100).map(|_| {
            cached.get_or_refresh(from_ms(0), || async {
                tokio::task::yield_now().await;
                Ok::<_, ()>((fetches.fetch_add(1, Ordering::Relaxed), Duration::from_secs(60)))
            })
        });
        assert!(join_all(callers).await.into_iter().all(|value| *value.unwrap() == 0));
        assert_eq!(fetches.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn an_old_or_forgotten_value_is_fetched_again_and_an_error_is_not_kept() {
        let cached = Cached::<u32>::new();
        let fetch = |value: Result<u32, &'static str>| move || async move { value.map(|v| (v, Duration::from_secs(1))) };
        assert!(cached.get_or_refresh(from_ms(0), fetch(Err("down"))).await.is_err());
        assert_eq!(*cached.get_or_refresh(from_ms(0), fetch(Ok(1))).await.unwrap(), 1);
        assert_eq!(*cached.get_or_refresh(from_ms(999), fetch(Ok(2))).await.unwrap(), 1);
        assert_eq!(*cached.get_or_refresh(from_ms(1000), fetch(Ok(3))).await.unwrap(), 3);
        cached.invalidate();
        assert_eq!(*cached.get_or_refresh(from_ms(1000), fetch(Ok(4))).await.unwrap(), 4);
    }

    #[tokio::test]
    async fn a_value_that_never_expires_is_kept() {
        let cached = Cached::<u32>::new();
        let fetch = |value| move || async move { Ok::<_, ()>((value, Duration::MAX)) };
        assert_eq!(*cached.get_or_refresh(from_ms(0), fetch(1)).await.unwrap(), 1);
        assert_eq!(*cached.get_or_refresh(from_ms(86_400_000), fetch(2)).await.unwrap(), 1);
    }
}
