//! Time, tasks and randomness: the three ports through which the core uses a runtime.
//!
//! The `tokio` feature provides [`TokioClock`] and [`TokioSpawner`]; for another executor a host writes its own, a few
//! lines each.

mod guard;
mod random;
#[cfg(feature = "tokio")]
mod tokio;

use std::{
    fmt::Debug,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;

#[cfg(feature = "tokio")]
pub use self::tokio::{TokioClock, TokioSpawner};
pub(crate) use guard::{Missed, catch, catch_in, guard, within};
pub use random::{Rng, SystemRng};

/// A future that a port runs or returns.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A clock. All code in this crate that reads the time or sleeps uses it.
#[async_trait]
pub trait Clock: Send + Sync + Debug + 'static {
    /// The wall clock, for times that are stored or shared.
    fn now(&self) -> SystemTime;

    /// A clock that never goes back, for local windows; the zero point is the implementation's own (rule 61).
    fn monotonic(&self) -> Duration;

    /// Sleeps for this time.
    async fn sleep(&self, time: Duration);
}

/// Runs futures to their end, independently of the caller.
pub trait Spawner: Send + Sync + Debug + 'static {
    /// Starts the future. Returns `false` if it cannot, for example because the executor has shut down; the future is then
    /// dropped unpolled. The caller decides what becomes of its work.
    #[must_use = "a future that was not taken never runs"]
    fn spawn(&self, future: BoxFuture<'static, ()>) -> bool;
}

/// Milliseconds since the Unix epoch; negative before it.
pub fn to_ms(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
    }
}

/// The time a number of milliseconds after the Unix epoch; times before it count as the epoch.
pub fn from_ms(ms: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

/// Lets the other tasks of the executor run.
pub(crate) async fn yield_now() {
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

/// A duration in whole milliseconds, as records keep it.
#[inline]
pub(crate) fn ms(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// A duration in whole seconds, rounded up, as records keep it.
pub(crate) fn seconds(time: Duration) -> i64 {
    let up = u64::from(time.subsec_nanos() > 0);
    i64::try_from(time.as_secs().saturating_add(up)).unwrap_or(i64::MAX)
}

/// The time after a duration; 366 days later where the sum would overflow.
pub(crate) fn later(time: SystemTime, after: Duration) -> SystemTime {
    time.checked_add(after).unwrap_or(time + Duration::from_secs(366 * 86_400))
}
