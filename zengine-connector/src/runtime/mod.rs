//! Time, tasks and chance: the three things the core needs from a runtime, as ports.
//!
//! The `tokio` feature brings [`TokioClock`] and [`TokioSpawner`]; on another executor a host writes its own, a few
//! lines each.

mod random;
#[cfg(feature = "tokio")]
mod tokio;
mod within;

use std::{
    fmt::Debug,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;

#[cfg(feature = "tokio")]
pub use self::tokio::{TokioClock, TokioSpawner};
pub use random::{Rng, SystemRng};
pub(crate) use within::{within, within_noting};

/// A future that a port runs or returns.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Time. Everything in this crate that reads a clock or sleeps does it here.
#[async_trait]
pub trait Clock: Send + Sync + Debug + 'static {
    /// The wall clock, for what is stored or shared.
    fn now(&self) -> SystemTime;

    /// A clock that never goes back, for local windows; the zero point is the implementation's own (rule 61).
    fn monotonic(&self) -> Duration;

    /// Returns after this time.
    async fn sleep(&self, time: Duration);
}

/// Runs a future to its end, apart from its caller.
pub trait Spawner: Send + Sync + Debug + 'static {
    /// Starts the future.
    fn spawn(&self, future: BoxFuture<'static, ()>);
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

/// A duration in whole milliseconds, as records keep it.
#[inline]
pub(crate) fn ms(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
