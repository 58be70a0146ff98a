//! The time and the store of a decision.

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
