//! Locks of the standard library without poisoning, because a panic of one send must not stop the others, and a bounded cache.

use std::{
    fmt,
    hash::Hash,
    sync::{self, Arc, PoisonError},
    time::Duration,
};

use hashbrown::DefaultHashBuilder;
use quick_cache::{
    UnitWeighter,
    sync::{Cache, DefaultLifecycle},
};

/// A mutex without poisoning.
#[derive(Default)]
pub(crate) struct Mutex<T>(sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(sync::Mutex::new(value))
    }

    #[inline]
    pub(crate) fn lock(&self) -> sync::MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A reader-writer lock without poisoning.
#[derive(Default)]
pub(crate) struct RwLock<T>(sync::RwLock<T>);

impl<T> RwLock<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(sync::RwLock::new(value))
    }

    #[inline]
    pub(crate) fn read(&self) -> sync::RwLockReadGuard<'_, T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> sync::RwLockWriteGuard<'_, T> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A cache of a number of values, of which the least used go first. Its keys come from the host and its directory, never from a
/// request, so a fast hash is safe.
pub(crate) type BoundedCache<K, V> = Cache<K, V, UnitWeighter, DefaultHashBuilder>;

pub(crate) fn bounded_cache<K: Eq + Hash, V: Clone>(most: usize) -> BoundedCache<K, V> {
    let weight = u64::try_from(most).unwrap_or(u64::MAX);
    Cache::with(most, weight, UnitWeighter, DefaultHashBuilder::default(), DefaultLifecycle::default())
}

/// A value that is read often and replaced as a whole.
#[derive(Default)]
pub(crate) struct Snapshot<T>(RwLock<Arc<T>>);

impl<T> Snapshot<T> {
    #[cfg_attr(not(any(feature = "embedded", feature = "powertools")), allow(dead_code))]
    pub(crate) fn new(value: T) -> Self {
        Self(RwLock::new(Arc::new(value)))
    }

    #[inline]
    pub(crate) fn load(&self) -> Arc<T> {
        Arc::clone(&self.0.read())
    }

    #[cfg_attr(not(feature = "powertools"), allow(dead_code))]
    pub(crate) fn update(&self, change: impl FnOnce(&T) -> T) {
        let mut value = self.0.write();
        *value = Arc::new(change(&value));
    }

    pub(crate) fn store(&self, value: Arc<T>) {
        *self.0.write() = value;
    }
}

/// Limits an action to once per second, such as a warning that any request can cause.
#[derive(Debug, Default)]
pub(crate) struct Seldom(Mutex<Option<Duration>>);

impl Seldom {
    /// Whether the last one is a second ago. `now` is of the monotonic clock.
    pub(crate) fn is_due(&self, now: Duration) -> bool {
        let mut last = self.0.lock();
        let due = last.is_none_or(|last| now >= last + Duration::from_secs(1));
        if due {
            *last = Some(now);
        }
        due
    }
}

macro_rules! opaque {
    ($($name:ident),*) => {$(
        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    )*};
}

// What a lock guards may be personal data.
opaque!(Mutex, RwLock, Snapshot);
