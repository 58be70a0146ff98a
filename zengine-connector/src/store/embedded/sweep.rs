//! Removal of expired records, a few with every batch.

use redb::{ReadableTable as _, Table};

use super::{batch::Batch, fault::Fault};
use crate::store::{ClaimRecord, InboundRecord, Reference, cbor::decode};

/// The positions at which the next batch continues.
#[derive(Debug, Default)]
pub(super) struct Sweeper {
    claims: String,
    inbound: String,
    references: String,
    sessions: (String, String),
}

impl Sweeper {
    /// Checks about two records per job in each table, so that removal keeps up with writing. Unreadable records stay.
    pub(super) fn sweep(&mut self, batch: &mut Batch<'_>, now_ms: i64, jobs: usize) -> Result<(), Fault> {
        let budget = 2 * jobs + 2;
        pass(batch.claims()?, &mut self.claims, budget, |bytes| {
            decode::<ClaimRecord>(bytes).is_ok_and(|record| record.is_removable(now_ms))
        })?;
        pass(batch.inbound()?, &mut self.inbound, budget, |bytes| {
            decode::<InboundRecord>(bytes).is_ok_and(|record| record.is_expired(now_ms))
        })?;
        pass(batch.references()?, &mut self.references, budget, |bytes| {
            decode::<Reference>(bytes).is_ok_and(|reference| reference.is_expired(now_ms))
        })?;
        self.sweep_sessions(batch, now_ms, budget)
    }

    fn sweep_sessions(&mut self, batch: &mut Batch<'_>, now_ms: i64, budget: usize) -> Result<(), Fault> {
        let sessions = batch.sessions()?;
        let mut over = Vec::new();
        let mut next = None;
        for (n, entry) in sessions.range((&*self.sessions.0, &*self.sessions.1)..)?.enumerate() {
            let (place, value) = entry?;
            let (scope, key) = place.value();
            if n == budget {
                next = Some((scope.to_owned(), key.to_owned()));
                break;
            }
            if value.value().1 <= now_ms {
                over.push((scope.to_owned(), key.to_owned()));
            }
        }
        self.sessions = next.unwrap_or_default();
        for (scope, key) in &over {
            sessions.remove((&**scope, &**key))?;
        }
        Ok(())
    }
}

/// Checks the next records of a table, and starts over after the last.
fn pass(
    table: &mut Table<'_, &'static str, &'static [u8]>,
    cursor: &mut String,
    budget: usize,
    over: impl Fn(&[u8]) -> bool,
) -> Result<(), Fault> {
    let mut removed = Vec::new();
    let mut next = None;
    for (n, entry) in table.range(&**cursor..)?.enumerate() {
        let (key, json) = entry?;
        if n == budget {
            next = Some(key.value().to_owned());
            break;
        }
        if over(json.value()) {
            removed.push(key.value().to_owned());
        }
    }
    *cursor = next.unwrap_or_default();
    for key in &removed {
        table.remove(&**key)?;
    }
    Ok(())
}
