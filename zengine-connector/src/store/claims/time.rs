//! The time of a decision, and the times from which records are over and may go.

/// The time of a decision, and the store's current opening.
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    /// The wall clock, in milliseconds UTC.
    pub now_ms: i64,
    /// Id of the store's current opening, if one process owns the store.
    pub boot: Option<&'a str>,
}

impl At<'_> {
    /// The expiry of a record that lives for so many seconds from now, in seconds UTC.
    pub(super) const fn expiry(self, ttl_s: i64) -> i64 {
        self.now_ms / 1000 + ttl_s
    }

    /// Returns `true` if a lease is over, or its owner belongs to an earlier opening of the store (rule 17).
    pub(super) fn is_over(self, lease_until_ms: i64, boot: Option<&str>) -> bool {
        lease_until_ms < self.now_ms || (self.boot.is_some() && boot != self.boot)
    }
}

/// Returns `true` if a time in seconds UTC is reached. Every check of an expiry must use this comparison (rule 29).
pub(super) const fn is_reached(at_s: i64, now_ms: i64) -> bool {
    as_ms(at_s) <= now_ms
}

/// A time in seconds UTC, in milliseconds.
pub(super) const fn as_ms(at_s: i64) -> i64 {
    at_s.saturating_mul(1000)
}

/// A record that may be removed at a time.
pub(in crate::store) trait Kept {
    /// The time from which the record may be removed, in milliseconds UTC.
    fn removable_at_ms(&self) -> i64;
}
