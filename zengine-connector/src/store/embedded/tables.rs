//! The tables of the file.

use redb::TableDefinition;

/// Version of the file's format, under `format` in [`META`].
pub(super) const FORMAT: &str = "2";

/// Facts about the file: `format`, `boot`, `key_id`, `key_check`, and `key:<id>` with the check value of each key.
pub(super) const META: TableDefinition<'_, &str, &str> = TableDefinition::new("meta");
/// Numbers that only grow: `session`, `config`, `event`.
pub(super) const COUNTERS: TableDefinition<'_, &str, u64> = TableDefinition::new("counters");
/// Claim records, CBOR, by key.
pub(super) const CLAIMS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("claims");
/// Inbound records, CBOR, by key.
pub(super) const INBOUND: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("inbound");
/// References to sends, CBOR, by the hash of their provider key.
pub(super) const REFERENCES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("references");
/// Dead letters, CBOR, by failure id.
pub(super) const LETTERS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("dead_letters");
/// Domain events, JSON, by number.
pub(super) const EVENTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("events");
/// Documents by log and number.
pub(super) const EPOCHS: TableDefinition<'_, (&str, u64), &[u8]> = TableDefinition::new("epochs");
/// Version, end in milliseconds UTC and sealed value, by scope and key.
pub(super) const SESSIONS: TableDefinition<'_, (&str, &str), (u64, i64, &[u8])> = TableDefinition::new("sessions");
/// End in milliseconds UTC, size and content of files, by tenant and id. While it is not whole, a file has no size, and its content is
/// its id.
pub(super) const MEDIA: TableDefinition<'_, (&str, &str), (i64, Option<u64>, &str)> = TableDefinition::new("media");
/// Sealed parts of files, by content and part.
pub(super) const MEDIA_PARTS: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("media_parts");
/// Directory rows, JSON, by strategy and tenant.
pub(super) const DIRECTORY: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("directory");
/// Strategy, kind, value and tenant of every route.
pub(super) const ROUTES: TableDefinition<'_, (&str, &str, &str, &str), ()> = TableDefinition::new("routes");
/// Sealed values of secrets, by scope and name.
pub(super) const SECRETS: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("secrets");

/// Runs a macro with every table, in a fixed order.
macro_rules! each_table {
    ($run:ident) => {
        $run!(
            META,
            COUNTERS,
            CLAIMS,
            INBOUND,
            REFERENCES,
            LETTERS,
            EVENTS,
            EPOCHS,
            SESSIONS,
            MEDIA,
            MEDIA_PARTS,
            DIRECTORY,
            ROUTES,
            SECRETS
        )
    };
}
pub(super) use each_table;
