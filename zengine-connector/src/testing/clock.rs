//! A simulated clock on tokio's paused time.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use tokio::time::Instant;

use crate::runtime::{Clock, from_ms};

/// A wall clock that follows tokio's. Under `#[tokio::test(start_paused = true)]` it stands still until every task waits,
/// then moves to the next timer: sleeps and timeouts take no real time, and nothing races with them.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
/// use std::time::Duration;
/// use zengine_connector::{runtime::Clock, testing::SimClock};
///
/// let clock = SimClock::new();
/// let before = clock.now();
/// clock.sleep(Duration::from_secs(3600)).await;
/// assert_eq!(clock.now().duration_since(before).unwrap(), Duration::from_secs(3600));
/// # });
/// ```
#[derive(Debug)]
pub struct SimClock {
    start: Instant,
    jumped_ms: AtomicI64,
}

impl SimClock {
    /// The time at the start: 2026-01-01 00:00 UTC, in milliseconds.
    pub const EPOCH_MS: i64 = 1_767_225_600_000;

    /// A clock at its start.
    #[allow(clippy::disallowed_methods)] // this is a port
    pub fn new() -> Self {
        Self { start: Instant::now(), jumped_ms: AtomicI64::new(0) }
    }

    /// Advances the time. Every timer on the way fires.
    pub async fn advance(&self, time: Duration) {
        self.sleep(time).await;
    }

    /// Sets the wall clock forward or back, as an administrator would. No timer fires.
    pub fn jump_ms(&self, ms: i64) {
        self.jumped_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Default for SimClock {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Clock for SimClock {
    fn now(&self) -> SystemTime {
        let passed = i64::try_from(self.start.elapsed().as_millis()).unwrap_or(i64::MAX);
        from_ms(Self::EPOCH_MS + passed + self.jumped_ms.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    #[allow(clippy::disallowed_methods)] // this is a port
    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}
