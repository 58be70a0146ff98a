//! The append-only log behind breakers that several processes share (rules 49 to 53).

use async_trait::async_trait;
use bytes::Bytes;

use super::StoreError;

/// One entry of a log: its number and its document.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EpochEntry {
    /// From 1, without gaps where the log is whole.
    pub n: u64,
    /// The document.
    pub document: Bytes,
}

impl EpochEntry {
    /// An entry.
    pub fn new(n: u64, document: Bytes) -> Self {
        Self { n, document }
    }
}

/// Append-only logs, one per name, written by create-if-absent.
#[async_trait]
pub trait EpochLog: Send + Sync + std::fmt::Debug + 'static {
    /// Creates entry `n`; `false` where it exists already.
    async fn append(&self, log: &str, entry: EpochEntry) -> Result<bool, StoreError>;

    /// The entries `from..from + count` that exist.
    async fn read(&self, log: &str, from: u64, count: u32) -> Result<Vec<EpochEntry>, StoreError>;

    /// The entry with the highest number.
    async fn newest(&self, log: &str) -> Result<Option<EpochEntry>, StoreError>;

    /// Deletes entries below `n`.
    async fn trim(&self, log: &str, below: u64) -> Result<(), StoreError>;
}
