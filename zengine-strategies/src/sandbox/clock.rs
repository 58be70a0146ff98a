//! The emulators' clock. Emulators are outside the program under test, so they read real time; only this file does.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use super::provider::ms;

/// Milliseconds since 1970 by the machine's clock.
fn real_ms() -> u64 {
    #[allow(clippy::disallowed_methods, reason = "an emulator plays the outside world, which does not follow the simulated clock")]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).map_or(0, ms)
}

/// Waits in real time, on the emulator's own runtime.
pub(super) async fn sleep(duration: Duration) {
    #[allow(clippy::disallowed_methods, reason = "an emulator plays the outside world, which does not follow the simulated clock")]
    let sleep = tokio::time::sleep(duration);
    sleep.await;
}

/// The clock of one emulator: real time plus an offset.
#[derive(Debug, Clone)]
pub struct Clock {
    ahead_ms: Arc<watch::Sender<u64>>,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self { ahead_ms: Arc::new(watch::Sender::new(0)) }
    }

    /// Milliseconds since 1970.
    pub(super) fn now_ms(&self) -> u64 {
        real_ms().saturating_add(*self.ahead_ms.borrow())
    }

    /// Seconds since 1970.
    pub(super) fn now_s(&self) -> u64 {
        self.now_ms() / 1_000
    }

    /// The offset to real time, in milliseconds.
    pub(super) fn ahead_ms(&self) -> u64 {
        *self.ahead_ms.borrow()
    }

    /// Advances the clock; shorter pauses end at once.
    pub(super) fn advance(&self, by: Duration) {
        // At most a thousand years: more would overflow in sums of times.
        self.ahead_ms.send_modify(|ahead| *ahead = ahead.saturating_add(ms(by)).min(1_000 * 365 * 86_400_000));
    }

    pub(super) fn reset(&self) {
        self.ahead_ms.send_replace(0);
    }

    /// The time after `duration` from now, in milliseconds since 1970.
    pub(super) fn due(&self, duration: Duration) -> u64 {
        self.now_ms().saturating_add(ms(duration))
    }

    /// Waits until this clock has advanced by `duration`.
    pub(super) async fn pause(&self, duration: Duration) {
        self.pause_until(self.due(duration)).await;
    }

    /// Waits until this clock reaches a time. To avoid a race with [`advance`](Self::advance), fix the time before the cause of
    /// the wait is visible.
    pub(super) async fn pause_until(&self, until: u64) {
        let mut jumps = self.ahead_ms.subscribe();
        loop {
            let left = until.saturating_sub(self.now_ms());
            if left == 0 {
                return;
            }
            tokio::select! {
                () = sleep(Duration::from_millis(left)) => {}
                // The sender lives as long as `self`, so this cannot fail.
                _ = jumps.changed() => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_jump_ends_the_pauses_that_it_covers() {
        let clock = Clock::new();
        let (there, waiting) = (clock.clone(), clock.clone());
        let before = clock.now_ms();
        let paused = tokio::spawn(async move { waiting.pause(Duration::from_secs(3_600)).await });
        let longer = tokio::spawn(async move { there.pause(Duration::from_secs(7_300)).await });
        tokio::task::yield_now().await;
        clock.advance(Duration::from_secs(3_601));
        paused.await.unwrap();
        assert!(!longer.is_finished());
        assert!(clock.now_ms() >= before + 3_601_000);
        clock.reset();
        assert_eq!(clock.ahead_ms(), 0);
        longer.abort();
    }
}
