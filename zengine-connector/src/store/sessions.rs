//! The port for the state of strategies.

use std::{fmt::Debug, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;

use super::StoreError;

/// A store of versioned values with compare-and-set. The values are encrypted by the caller.
#[async_trait]
pub trait SessionStore: Send + Sync + Debug + 'static {
    /// Reads a value and its version. `None` if it is absent or expired.
    async fn get(&self, scope: &str, key: &str, now_ms: i64) -> Result<Option<(u64, Bytes)>, StoreError>;

    /// Writes the value if the stored version is `expect`; `None` means that nothing is stored. Returns the new version.
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
