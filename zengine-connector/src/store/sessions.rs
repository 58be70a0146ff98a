//! Where strategies' state is kept.

use std::{fmt::Debug, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;

use super::StoreError;

/// Versioned values with compare-and-set. Values arrive encrypted.
#[async_trait]
pub trait SessionStore: Send + Sync + Debug + 'static {
    /// The value and its version; absent or expired: `None`.
    async fn get(&self, scope: &str, key: &str, now_ms: i64) -> Result<Option<(u64, Bytes)>, StoreError>;

    /// Writes where the stored version is `expect` (`None`: where nothing is stored) and gives the new version.
    ///
    /// # Errors
    /// `Conflict` where it is another.
    async fn put(&self, scope: &str, key: &str, value: Bytes, expect: Option<u64>, ttl: Duration, now_ms: i64) -> Result<u64, StoreError>;

    /// Deletes where the stored version is `expect`.
    ///
    /// # Errors
    /// `Conflict` where it is another.
    async fn delete(&self, scope: &str, key: &str, expect: u64, now_ms: i64) -> Result<(), StoreError>;
}
