//! The time from which a store may remove a record.

use super::{ClaimRecord, InboundRecord, Reference};

/// A record that may be removed at a time.
pub(in crate::store) trait Kept {
    /// The time from which the record may be removed, in milliseconds UTC.
    fn removable_at_ms(&self) -> i64;
}

impl Kept for ClaimRecord {
    fn removable_at_ms(&self) -> i64 {
        self.removable_at_s().map_or(i64::MAX, |at_s| at_s.saturating_mul(1000))
    }
}

impl Kept for InboundRecord {
    fn removable_at_ms(&self) -> i64 {
        self.expires_at_s.saturating_mul(1000)
    }
}

impl Kept for Reference {
    fn removable_at_ms(&self) -> i64 {
        self.expires_at_s.saturating_mul(1000)
    }
}
