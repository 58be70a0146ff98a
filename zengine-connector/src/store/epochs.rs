//! Append-only logs for breakers shared between processes (rules 49 to 53).

use async_trait::async_trait;
use bytes::Bytes;

use super::StoreError;

/// One entry of a log: its number and its document.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EpochEntry {
    /// Number of the entry, from 1. A complete log has no gaps.
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
    /// Creates an entry. Returns `false` if its number exists.
    async fn append(&self, log: &str, entry: EpochEntry) -> Result<bool, StoreError>;

    /// Reads the entries `from..from + count` that exist.
    async fn read(&self, log: &str, from: u64, count: u32) -> Result<Vec<EpochEntry>, StoreError>;

    /// Reads the entry with the highest number.
    async fn newest(&self, log: &str) -> Result<Option<EpochEntry>, StoreError>;

    /// Deletes the entries with a number less than `below`.
    async fn trim(&self, log: &str, below: u64) -> Result<(), StoreError>;
}
