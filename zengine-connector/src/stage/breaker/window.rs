//! Recent calls: ten buckets over a sliding window (rule 46).

use std::time::Duration;

const BUCKETS: usize = 10;

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    /// Number of the time slice that the bucket counts. A different number means that the bucket is old.
    slice: u64,
    calls: u32,
    failures: u32,
}

/// Calls and failures within a sliding window.
#[derive(Clone, Debug)]
pub(super) struct Window {
    slice: Duration,
    buckets: [Bucket; BUCKETS],
}

impl Window {
    pub(super) fn new(length: Duration) -> Self {
        Self { slice: (length / u32::try_from(BUCKETS).unwrap_or(1)).max(Duration::from_millis(1)), buckets: Default::default() }
    }

    /// Counts a call.
    pub(super) fn count(&mut self, now: Duration, failed: bool) {
        let slice = self.slice_at(now);
        let bucket = &mut self.buckets[index(slice)];
        if bucket.slice != slice {
            *bucket = Bucket { slice, ..Bucket::default() };
        }
        bucket.calls = bucket.calls.saturating_add(1);
        bucket.failures = bucket.failures.saturating_add(u32::from(failed));
    }

    /// Calls and failures in the window.
    pub(super) fn totals(&self, now: Duration) -> (u32, u32) {
        let newest = self.slice_at(now);
        let lately = |bucket: &&Bucket| bucket.slice <= newest && newest - bucket.slice < BUCKETS as u64;
        self.buckets.iter().filter(lately).fold((0, 0), |(calls, failures), bucket| (calls + bucket.calls, failures + bucket.failures))
    }

    /// Clears the window.
    pub(super) fn clear(&mut self) {
        self.buckets = Default::default();
    }

    fn slice_at(&self, now: Duration) -> u64 {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        nanos(now) / nanos(self.slice)
    }
}

fn index(slice: u64) -> usize {
    usize::try_from(slice % BUCKETS as u64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_calls_fall_out() {
        let mut window = Window::new(Duration::from_secs(60));
        for _ in 0..1000 {
            window.count(Duration::from_secs(1), false);
        }
        window.count(Duration::from_secs(59), true);
        assert_eq!(window.totals(Duration::from_secs(59)), (1001, 1));
        assert_eq!(window.totals(Duration::from_secs(62)), (1, 1));
        assert_eq!(window.totals(Duration::from_secs(1200)), (0, 0));
        for seconds in 3600..3660 {
            window.count(Duration::from_secs(seconds), true);
        }
        assert_eq!(window.totals(Duration::from_secs(3659)), (60, 60));
        window.clear();
        assert_eq!(window.totals(Duration::from_secs(3659)), (0, 0));
    }
}
