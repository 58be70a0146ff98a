//! A claim store for `zengine-connector` on SQLite: one table of records, each written under the condition that it is still the
//! one that was read.
//!
//! It leaves out `ClaimStore::due`, so that `Orchestrator::sweep` answers `Unsupported`: a send in doubt that no duplicate
//! resolves keeps its row.
//!
//! ```
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("claims.db");
//! use std::sync::Arc;
//!
//! use sqlite_claims::SqliteClaims;
//! use zengine_connector::{Secret, keyring::{Key, StaticKeyRing}, store::{Memory, Stores}};
//!
//! let bytes = Secret::new([7; 32]); // from your vault, the same in every process and after every restart
//! let keys = Arc::new(StaticKeyRing::new(Key::new("k1", &bytes)));
//! let claims = Arc::new(SqliteClaims::open(&path)?);
//! let stores = Stores::builder().base(Memory::new()).claims(claims).keys(keys).build()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, params};
use zengine_connector::store::{
    Applied, At, ClaimKey, ClaimOp, ClaimRecord, ClaimStore, InboundOp, InboundRecord, Reference, StoreError, StoreErrorKind,
    compare_and_set::{self, CompareAndSet, Operation, PutIf, Stored},
};

/// `rev` and `owner` repeat what is in the record, because a write compares them; so does `removable_at_s`, because the sweep
/// looks for it. It is null while the record must stay.
const TABLES: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS claims (
        key TEXT PRIMARY KEY, owner BLOB NOT NULL, rev INTEGER NOT NULL, removable_at_s INTEGER, record BLOB NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS removable_claims ON claims (removable_at_s) WHERE removable_at_s IS NOT NULL;
    CREATE TABLE IF NOT EXISTS provider_references (hash TEXT PRIMARY KEY, removable_at_s INTEGER NOT NULL, reference BLOB NOT NULL)
        WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS removable_references ON provider_references (removable_at_s);";

const RECORD: &str = "SELECT record FROM claims WHERE key = ?1";
const REFERENCE: &str = "SELECT reference FROM provider_references WHERE hash = ?1";
const INSERT: &str = "INSERT INTO claims VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING";
const UPDATE: &str = "UPDATE claims SET owner = ?2, rev = ?3, removable_at_s = ?4, record = ?5 WHERE key = ?1 AND owner = ?6 AND rev = ?7";

/// Claims in a file of SQLite. Several processes on one machine may share the file.
///
/// SQLite blocks its thread, so every call runs on tokio's threads for blocking work.
#[derive(Clone, Debug)]
pub struct SqliteClaims {
    connection: Arc<Mutex<Connection>>,
}

impl SqliteClaims {
    /// Opens a file, and creates it if there is none.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let connection = Connection::open(path).map_err(unavailable)?;
        // Less than the 5 seconds after which the caller drops the call.
        connection.busy_timeout(Duration::from_secs(3)).map_err(unavailable)?;
        connection.execute_batch(TABLES).map_err(unavailable)?;
        Ok(Self { connection: Arc::new(Mutex::new(connection)) })
    }

    /// Removes up to `limit` records and as many references that may go. Returns their number. You must call this now and
    /// then: SQLite does not expire rows itself.
    pub async fn sweep(&self, now_ms: i64, limit: u32) -> Result<usize, StoreError> {
        self.run(move |connection| {
            let claims = "DELETE FROM claims WHERE key IN (SELECT key FROM claims WHERE removable_at_s <= ?1 LIMIT ?2)";
            let references = "DELETE FROM provider_references WHERE hash IN
                (SELECT hash FROM provider_references WHERE removable_at_s <= ?1 LIMIT ?2)";
            let removed = connection.execute(claims, params![now_ms / 1000, limit])?;
            Ok(removed + connection.execute(references, params![now_ms / 1000, limit])?)
        })
        .await
    }

    /// Runs a statement. It finishes also if the caller is dropped: a write may have happened then, which callers expect.
    async fn run<T, F>(&self, statement: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let connection = Arc::clone(&self.connection);
        let task = tokio::task::spawn_blocking(move || statement(&connection.lock().unwrap_or_else(PoisonError::into_inner)));
        let stopped = |error| StoreError::new(StoreErrorKind::Unavailable, "the statement was not run to its end").with_source(error);
        task.await.map_err(stopped)?.map_err(unavailable)
    }
}

/// Reads one value.
fn read(connection: &Connection, query: &str, key: &str) -> rusqlite::Result<Option<Vec<u8>>> {
    connection.query_row(query, [key], |row| row.get(0)).optional()
}

fn unavailable(error: rusqlite::Error) -> StoreError {
    let kind = match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DiskFull) => StoreErrorKind::Full,
        Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => StoreErrorKind::Corrupt,
        _ => StoreErrorKind::Unavailable,
    };
    StoreError::new(kind, "SQLite did not run the statement").with_source(error)
}

/// The two kinds of record, which share a table: their keys differ.
trait Row: Sized + Send + Sync {
    type Operation: Operation<Record = Self>;

    fn encode(&self) -> Vec<u8>;
    fn decode(bytes: &[u8]) -> Result<Self, StoreError>;
    fn removable_at_s(&self) -> Option<i64>;
}

impl Row for ClaimRecord {
    type Operation = ClaimOp;

    fn encode(&self) -> Vec<u8> {
        self.to_cbor()
    }

    fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        Self::from_cbor(bytes)
    }

    fn removable_at_s(&self) -> Option<i64> {
        self.removable_at_s()
    }
}

impl Row for InboundRecord {
    type Operation = InboundOp;

    fn encode(&self) -> Vec<u8> {
        self.to_cbor()
    }

    fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        Self::from_cbor(bytes)
    }

    fn removable_at_s(&self) -> Option<i64> {
        Some(self.expires_at_s)
    }
}

#[async_trait]
impl<R: Row> CompareAndSet<R> for SqliteClaims {
    async fn get(&self, key: &ClaimKey) -> Result<Option<R>, StoreError> {
        let key = key.to_string();
        let stored = self.run(move |connection| read(connection, RECORD, &key)).await?;
        stored.map(|record| R::decode(&record)).transpose()
    }

    async fn put_if(&self, key: &ClaimKey, expected: Option<Stored>, record: &R) -> Result<PutIf<R>, StoreError> {
        let Stored { owner, rev } = R::Operation::state(record);
        let (key, removable_at_s, record) = (key.to_string(), record.removable_at_s(), record.encode());
        let found = self.run(move |connection| {
            let (owner, rev) = (owner.bits(), rev.cast_signed());
            let written = match expected {
                None => connection.execute(INSERT, params![key, owner, rev, removable_at_s, record])?,
                Some(seen) => {
                    let (seen, seen_rev) = (seen.owner.bits(), seen.rev.cast_signed());
                    connection.execute(UPDATE, params![key, owner, rev, removable_at_s, record, seen, seen_rev])?
                }
            };
            if written == 1 { Ok(None) } else { read(connection, RECORD, &key).map(Some) }
        });
        match found.await? {
            None => Ok(PutIf::Written),
            Some(stored) => Ok(PutIf::Found(stored.map(|record| R::decode(&record)).transpose()?)),
        }
    }
}

#[async_trait]
impl ClaimStore for SqliteClaims {
    async fn apply(
        &self,
        key: &ClaimKey,
        operation: &ClaimOp,
        current: Option<&ClaimRecord>,
        now_ms: i64,
    ) -> Result<Applied<ClaimRecord>, StoreError> {
        compare_and_set::apply(self, key, operation, current, At { now_ms, boot: None }).await
    }

    async fn get(&self, key: &ClaimKey) -> Result<Option<ClaimRecord>, StoreError> {
        CompareAndSet::get(self, key).await
    }

    async fn apply_inbound(
        &self,
        key: &ClaimKey,
        operation: &InboundOp,
        current: Option<&InboundRecord>,
        now_ms: i64,
    ) -> Result<Applied<InboundRecord>, StoreError> {
        compare_and_set::apply(self, key, operation, current, At { now_ms, boot: None }).await
    }

    async fn put_reference(&self, hash: &str, reference: &Reference) -> Result<(), StoreError> {
        let (hash, removable_at_s, reference) = (hash.to_owned(), reference.expires_at_s, reference.to_cbor());
        let put = "INSERT OR REPLACE INTO provider_references VALUES (?1, ?2, ?3)";
        self.run(move |connection| connection.execute(put, params![hash, removable_at_s, reference]).map(drop)).await
    }

    async fn reference(&self, hash: &str, now_ms: i64) -> Result<Option<Reference>, StoreError> {
        let hash = hash.to_owned();
        let stored = self.run(move |connection| read(connection, REFERENCE, &hash)).await?;
        let reference = stored.map(|reference| Reference::from_cbor(&reference)).transpose()?;
        Ok(reference.filter(|reference| !reference.is_expired(now_ms)))
    }
}
