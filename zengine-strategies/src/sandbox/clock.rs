//! The emulators' own clock: they stand outside the program under test, so they read real time, and only here.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970.
pub(super) fn now_ms() -> u64 {
    #[allow(clippy::disallowed_methods, reason = "an emulator plays the outside world, which does not follow the simulated clock")]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Waits on the emulator's own runtime.
pub(super) async fn pause(duration: Duration) {
    #[allow(clippy::disallowed_methods, reason = "an emulator plays the outside world, which does not follow the simulated clock")]
    let sleep = tokio::time::sleep(duration);
    sleep.await;
}
