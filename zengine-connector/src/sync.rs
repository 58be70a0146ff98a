//! Locks of the standard library without poisoning, because a panic of one send must not stop the others; a bounded cache, and limits.

use std::{
    fmt,
    hash::Hash,
    ops::Deref,
    sync::{
        self, Arc, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
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

/// A limit of concurrent work, or of the bytes that it holds.
#[derive(Debug)]
pub(crate) struct Limit {
    most: usize,
    taken: AtomicUsize,
}

impl Limit {
    pub(crate) const fn new(most: usize) -> Self {
        Self { most, taken: AtomicUsize::new(0) }
    }

    /// Weight of the permits in use: their number, if each weighs one.
    pub(crate) fn in_use(&self) -> usize {
        self.taken.load(Ordering::Acquire)
    }

    /// Takes a permit. `None` if all are in use.
    pub(crate) fn enter(&self) -> Option<Permit<&Self>> {
        Permit::of(self)
    }
}

/// A permit of a [`Limit`]. Dropping it releases it.
#[derive(Debug)]
pub(crate) struct Permit<L: Deref<Target = Limit>>(L, usize);

impl<L: Deref<Target = Limit>> Permit<L> {
    /// Takes a permit that holds its limit. `None` if all are in use.
    pub(crate) fn of(limit: L) -> Option<Self> {
        Self::weighing(limit, 1)
    }

    /// Takes a permit of this weight. One that exceeds the limit passes alone. `None` if too much is in use.
    pub(crate) fn weighing(limit: L, weight: usize) -> Option<Self> {
        let is_alone = |now| now == 0 && limit.most > 0;
        let fits = |now: usize| (is_alone(now) || weight <= limit.most.saturating_sub(now)).then(|| now.saturating_add(weight));
        let taken = limit.taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits);
        taken.ok().map(|_| Self(limit, weight))
    }

    /// Takes what this weight exceeds its own by, also beyond the limit.
    pub(crate) fn grow(&mut self, weight: usize) {
        let more = weight.saturating_sub(self.1);
        self.1 += more;
        self.0.taken.fetch_add(more, Ordering::AcqRel);
    }

    /// Gives back what exceeds this weight.
    pub(crate) fn shrink(&mut self, weight: usize) {
        let over = self.1.saturating_sub(weight);
        self.1 -= over;
        self.0.taken.fetch_sub(over, Ordering::AcqRel);
    }
}

impl<L: Deref<Target = Limit>> Drop for Permit<L> {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(self.1, Ordering::AcqRel);
    }
}

/// Limits an action to once per second, such as a warning that any request can cause.
#[derive(Debug, Default)]
pub(crate) struct OncePerSecond(Mutex<Option<Duration>>);

impl OncePerSecond {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_limit_gives_no_permit_until_one_is_dropped() {
        let (limit, other) = (Arc::new(Limit::new(2)), Limit::new(1));
        let (owned, held) = (Permit::of(Arc::clone(&limit)), limit.enter());
        assert!(owned.is_some() && held.is_some() && other.enter().is_some());
        assert!(limit.enter().is_none() && Permit::of(Arc::clone(&limit)).is_none());
        drop(owned);
        assert!(limit.enter().is_some());
    }

    #[test]
    fn a_permit_that_exceeds_its_limit_passes_alone() {
        let limit = Limit::new(10);
        let large = Permit::weighing(&limit, usize::MAX);
        assert!(large.is_some() && limit.enter().is_none());
        drop(large);
        let (some, rest) = (Permit::weighing(&limit, 7), Permit::weighing(&limit, 3));
        assert!(some.is_some() && rest.is_some() && Permit::weighing(&limit, 1).is_none());
        drop(some);
        assert!(Permit::weighing(&limit, 11).is_none() && Permit::weighing(&limit, 7).is_some());
        drop(rest);
        let mut shrunk = Permit::weighing(&limit, 10).unwrap();
        shrunk.shrink(4);
        shrunk.shrink(9);
        assert_eq!(limit.in_use(), 4);
        drop(shrunk);
        assert_eq!(limit.in_use(), 0);
    }
}
