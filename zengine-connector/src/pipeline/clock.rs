//! The time of one call: both clocks, read when the call begins and after everything that it waits for.

use std::{
    future::poll_fn,
    pin::pin,
    sync::atomic::{AtomicI64, AtomicU64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::runtime::{Clock, Missed, guard};

/// Readings of both clocks and the deadline of one call. Everything that the call waits for goes through this, so that the
/// readings are never older than the last wait: the process may have been frozen, and a lease may be over.
#[derive(Debug)]
pub(crate) struct CallClock<'a> {
    clock: &'a dyn Clock,
    /// Begin of the call, by the monotonic clock.
    began: Duration,
    /// Nanoseconds since the Unix epoch.
    wall: AtomicI64,
    /// Nanoseconds of the monotonic clock.
    monotonic: AtomicU64,
    /// Nanoseconds since the Unix epoch.
    deadline: i64,
}

impl<'a> CallClock<'a> {
    /// A call that begins now and may take `time`.
    pub(crate) fn start(clock: &'a dyn Clock, time: Duration) -> Self {
        let (wall, began) = (since_epoch(clock.now()), clock.monotonic());
        Self {
            clock,
            began,
            wall: AtomicI64::new(wall),
            monotonic: AtomicU64::new(nanos(began)),
            deadline: wall.saturating_add(signed_nanos(time)),
        }
    }

    /// The end of a call that began earlier, which may take `time` more.
    pub(crate) fn resume(clock: &'a dyn Clock, began: Duration, time: Duration) -> Self {
        Self { began, ..Self::start(clock, time) }
    }

    /// Awaits the work, and reads the clocks.
    pub(crate) async fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        let (mut work, mut waited) = (pin!(work), false);
        let result = poll_fn(|cx| {
            let poll = work.as_mut().poll(cx);
            waited |= poll.is_pending();
            poll
        })
        .await;
        if waited {
            self.read();
        } else {
            self.tick();
        }
        result
    }

    /// Reads both clocks, as after a wait. You must call this where a wait was given up.
    pub(crate) fn read(&self) {
        self.wall.store(since_epoch(self.clock.now()), Ordering::Relaxed);
        self.monotonic.store(nanos(self.clock.monotonic()), Ordering::Relaxed);
    }

    /// Awaits work that is not ours for `time` at most.
    pub(crate) async fn guard<T>(&self, time: Duration, work: impl Future<Output = T>) -> Result<T, Missed> {
        self.wait(guard(self.clock, time, work)).await
    }

    /// Waits.
    pub(crate) async fn sleep(&self, time: Duration) {
        self.wait(self.clock.sleep(time)).await;
    }

    /// Moves the wall clock by what passed on the monotonic clock, because work that does not wait takes time too.
    pub(crate) fn tick(&self) {
        let now = nanos(self.clock.monotonic());
        let passed = now.saturating_sub(self.monotonic.swap(now, Ordering::Relaxed));
        self.wall.fetch_add(i64::try_from(passed).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    /// The time since the call began.
    pub(crate) fn elapsed(&self) -> Duration {
        self.clock.monotonic().saturating_sub(self.began)
    }

    /// The begin of the call, by the monotonic clock.
    pub(crate) const fn began(&self) -> Duration {
        self.began
    }

    /// The monotonic clock.
    #[inline]
    pub(crate) fn monotonic(&self) -> Duration {
        Duration::from_nanos(self.monotonic.load(Ordering::Relaxed))
    }

    /// The wall clock, in milliseconds UTC.
    #[inline]
    pub(crate) fn ms(&self) -> i64 {
        self.wall() / 1_000_000
    }

    /// Time left to the deadline.
    pub(crate) fn remaining(&self) -> Duration {
        Duration::from_nanos(u64::try_from(self.deadline.saturating_sub(self.wall())).unwrap_or(0))
    }

    /// The deadline of a part of the call that may take `time`.
    pub(crate) fn deadline_within(&self, time: Duration) -> SystemTime {
        let end = self.wall().saturating_add(signed_nanos(time)).min(self.deadline);
        UNIX_EPOCH + Duration::from_nanos(end.max(0).unsigned_abs())
    }

    fn wall(&self) -> i64 {
        self.wall.load(Ordering::Relaxed)
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn signed_nanos(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

fn since_epoch(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => signed_nanos(since),
        Err(before) => -signed_nanos(before.duration()),
    }
}

#[cfg(all(test, feature = "testing", feature = "tokio"))]
mod tests {
    use super::*;
    use crate::testing::SimClock;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn what_the_call_waits_for_moves_its_time() {
        let sim = SimClock::new();
        let clock = CallClock::start(&sim, 10 * SECOND);
        assert_eq!((clock.ms(), clock.remaining()), (SimClock::EPOCH_MS, 10 * SECOND));
        clock.sleep(SECOND).await;
        assert_eq!((clock.ms(), clock.remaining()), (SimClock::EPOCH_MS + 1000, 9 * SECOND));
        assert_eq!(clock.monotonic(), sim.monotonic());
        assert_eq!(clock.guard(SECOND, std::future::pending::<()>()).await, Err(Missed::TimedOut));
        assert_eq!(clock.remaining(), 8 * SECOND);
        assert_eq!(clock.guard(SECOND, async { panic!("a store") }).await.map(|()| 1), Err(Missed::Panicked));
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_does_not_wait_moves_the_time_too_and_a_jump_counts_after_a_wait() {
        let sim = SimClock::new();
        let clock = CallClock::start(&sim, 10 * SECOND);
        sim.advance(SECOND).await;
        assert_eq!(clock.ms(), SimClock::EPOCH_MS, "nothing was awaited");
        sim.jump_ms(-60_000);
        clock.wait(async {}).await;
        assert_eq!(clock.ms(), SimClock::EPOCH_MS + 1000, "the monotonic clock knows of no jump");
        clock.sleep(SECOND).await;
        assert_eq!(clock.ms(), SimClock::EPOCH_MS - 58_000);
        assert_eq!(clock.deadline_within(SECOND), sim.now() + SECOND);
        assert_eq!(clock.deadline_within(1000 * SECOND), crate::runtime::from_ms(SimClock::EPOCH_MS) + 10 * SECOND);
    }
}
