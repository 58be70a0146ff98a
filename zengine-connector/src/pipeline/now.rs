//! The current time within one send.

use std::{
    sync::atomic::{AtomicI64, AtomicU64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::runtime::Clock;

/// Cached readings of both clocks, taken at the start of the send and after each wait: reading a clock costs more than most
/// stages.
#[derive(Debug)]
pub(crate) struct Now<'a> {
    clock: &'a dyn Clock,
    /// Nanoseconds since the Unix epoch.
    wall: AtomicI64,
    /// Nanoseconds of the monotonic clock.
    monotonic: AtomicU64,
}

impl<'a> Now<'a> {
    pub(crate) fn read(clock: &'a dyn Clock) -> Self {
        Self { clock, wall: AtomicI64::new(since_epoch(clock.now())), monotonic: AtomicU64::new(nanos(clock.monotonic())) }
    }

    /// Reads both clocks. You must call this after every wait: the process may have been frozen and a lease may be over.
    pub(crate) fn refresh(&self) {
        self.wall.store(since_epoch(self.clock.now()), Ordering::Relaxed);
        self.monotonic.store(nanos(self.clock.monotonic()), Ordering::Relaxed);
    }

    /// Reads the monotonic clock and moves the wall clock by the same amount. For work that takes time but does not wait.
    pub(crate) fn tick(&self) {
        let now = nanos(self.clock.monotonic());
        let passed = now.saturating_sub(self.monotonic.swap(now, Ordering::Relaxed));
        self.wall.fetch_add(i64::try_from(passed).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    /// The monotonic clock.
    #[inline]
    pub(crate) fn monotonic(&self) -> Duration {
        Duration::from_nanos(self.monotonic.load(Ordering::Relaxed))
    }

    /// The wall clock, in milliseconds UTC.
    #[inline]
    pub(crate) fn ms(&self) -> i64 {
        self.wall.load(Ordering::Relaxed) / 1_000_000
    }

    /// The wall clock, in nanoseconds since the Unix epoch.
    #[inline]
    pub(crate) fn nanos(&self) -> i64 {
        self.wall.load(Ordering::Relaxed)
    }

    /// The wall clock plus `time`, in nanoseconds since the Unix epoch.
    #[inline]
    pub(crate) fn after(&self, time: Duration) -> i64 {
        self.nanos().saturating_add(i64::try_from(time.as_nanos()).unwrap_or(i64::MAX))
    }

    /// Converts nanoseconds since the Unix epoch.
    pub(crate) fn time(wall: i64) -> SystemTime {
        let away = Duration::from_nanos(wall.unsigned_abs());
        let time = if wall < 0 { UNIX_EPOCH.checked_sub(away) } else { UNIX_EPOCH.checked_add(away) };
        time.unwrap_or(UNIX_EPOCH)
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn since_epoch(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanos| -nanos),
    }
}

#[cfg(all(test, feature = "testing", feature = "tokio"))]
mod tests {
    use super::*;
    use crate::testing::SimClock;

    #[tokio::test(start_paused = true)]
    async fn time_moves_when_it_is_asked_to() {
        let clock = SimClock::new();
        let now = Now::read(&clock);
        clock.advance(Duration::from_millis(1500)).await;
        assert_eq!(now.ms(), SimClock::EPOCH_MS);
        now.tick();
        assert_eq!(now.ms(), SimClock::EPOCH_MS + 1500);
        clock.jump_ms(-60_000);
        now.tick();
        assert_eq!(now.ms(), SimClock::EPOCH_MS + 1500, "the monotonic clock knows of no jump");
        now.refresh();
        assert_eq!((now.ms(), Now::time(now.nanos())), (SimClock::EPOCH_MS - 58_500, clock.now()));
        assert_eq!(now.monotonic(), clock.monotonic());
    }
}
