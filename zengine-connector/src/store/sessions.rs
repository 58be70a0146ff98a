//! The port for the state of strategies.

use std::{fmt::Debug, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;

use super::{StoreError, StoreErrorKind};

/// A store of versioned values with compare-and-set. The values are encrypted by the caller.
///
/// A version tells a writer that the value is still the one that it read. Callers only compare versions for equality; a store
/// must keep two promises per scope and key:
///
/// - A write over a value returns a higher version than the one it replaces.
/// - A write over nothing, the first one or one after a deletion or an expiry, returns a version that no earlier value had.
///
/// A store with a counter takes its next number for every write. A store without one draws the version of a first write at
/// random from `1..=u64::MAX / 2` and adds 1 with every later write: a value that is deleted and created again then does not
/// meet an old version but by a chance of about one in 2<sup>63</sup> per earlier version.
#[async_trait]
pub trait SessionStore: Send + Sync + Debug + 'static {
    /// Reads a value and its version. `None` if it is absent or expired.
    async fn get(&self, scope: &str, key: &str, now_ms: i64) -> Result<Option<(u64, Bytes)>, StoreError>;

    /// Writes the value if the stored version is `expect`; `None` means that nothing is stored, or an expired value. Returns
    /// the new version.
    ///
    /// # Errors
    /// `Conflict` if the stored version is different.
    async fn put(&self, scope: &str, key: &str, value: Bytes, expect: Option<u64>, ttl: Duration, now_ms: i64) -> Result<u64, StoreError>;

    /// Deletes the value if the stored version is `expect`.
    ///
    /// # Errors
    /// `Conflict` if the stored version is different.
    async fn delete(&self, scope: &str, key: &str, expect: u64, now_ms: i64) -> Result<(), StoreError>;
}

/// The error of a write that expected another version.
pub(super) fn conflict() -> StoreError {
    StoreError::new(StoreErrorKind::Conflict, "the session was changed meanwhile")
}
