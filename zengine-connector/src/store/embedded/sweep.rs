//! Removal of expired records, a few with every transaction.

use std::ops::Bound;

use redb::{ReadableTable as _, TableDefinition, WriteTransaction};

use super::{
    fault::Fault,
    tables::{CLAIMS, INBOUND, MEDIA, MEDIA_PARTS, REFERENCES, SESSIONS},
};
use crate::store::{
    ClaimRecord, InboundRecord, Reference,
    cbor::{Record, decode},
    claims::Kept,
};

/// The positions at which the next transaction continues.
#[derive(Debug, Default)]
pub(super) struct Sweeper {
    claims: String,
    inbound: String,
    references: String,
    sessions: (String, String),
    media: (String, String),
}

/// Parts of files that one task of a transaction removes: 15 MiB.
pub(super) const MOST_PARTS: usize = 256;

/// The end of a file whose parts are being removed.
pub(super) const REMOVED: i64 = i64::MIN;

impl Sweeper {
    /// Checks about two records per job in each table, so that removal keeps up with writing. Unreadable records stay. A table is
    /// swept from its start again after its end.
    pub(super) fn sweep(&mut self, transaction: &WriteTransaction, now_ms: i64, jobs: usize) -> Result<(), Fault> {
        let budget = 2 * jobs + 2;
        sweep::<ClaimRecord>(transaction, CLAIMS, &mut self.claims, budget, now_ms)?;
        sweep::<InboundRecord>(transaction, INBOUND, &mut self.inbound, budget, now_ms)?;
        sweep::<Reference>(transaction, REFERENCES, &mut self.references, budget, now_ms)?;
        let mut sessions = transaction.open_table(SESSIONS)?;
        let from = (&*self.sessions.0, &*self.sessions.1);
        let next = sessions.range(from..)?.nth(budget).transpose()?.map(|(place, _)| {
            let (scope, key) = place.value();
            (scope.to_owned(), key.to_owned())
        });
        let to = next.as_ref().map_or(Bound::Unbounded, |(scope, key)| Bound::Excluded((&**scope, &**key)));
        sessions.retain_in((Bound::Included(from), to), |_, (_, expires_at_ms, _)| expires_at_ms > now_ms)?;
        self.sessions = next.unwrap_or_default();
        self.media = sweep_media(transaction, &self.media, budget, now_ms)?.unwrap_or_default();
        Ok(())
    }
}

/// Removes expired files, with their parts. Returns the place to go on from.
fn sweep_media(
    transaction: &WriteTransaction,
    from: &(String, String),
    budget: usize,
    now_ms: i64,
) -> Result<Option<(String, String)>, Fault> {
    let (mut expired, mut next) = (Vec::new(), None);
    for (n, entry) in transaction.open_table(MEDIA)?.range((&*from.0, &*from.1)..)?.enumerate() {
        let (place, row) = entry?;
        let (tenant, id) = place.value();
        let place = (tenant.to_owned(), id.to_owned());
        if n == budget {
            next = Some(place);
            break;
        }
        if row.value().0 <= now_ms {
            expired.push(place);
        }
    }
    let mut room = MOST_PARTS;
    for (tenant, id) in expired {
        if room == 0 {
            return Ok(Some((tenant, id)));
        }
        remove_file(transaction, &tenant, &id, &mut room)?;
    }
    Ok(next)
}

/// Checks the next records of a table.
fn sweep<R: Record + Kept>(
    transaction: &WriteTransaction,
    table: TableDefinition<'_, &'static str, &'static [u8]>,
    cursor: &mut String,
    budget: usize,
    now_ms: i64,
) -> Result<(), Fault> {
    let mut table = transaction.open_table(table)?;
    let next = table.range(&**cursor..)?.nth(budget).transpose()?.map(|(key, _)| key.value().to_owned());
    let to = next.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
    table.retain_in::<&str, _>((Bound::Included(&**cursor), to), |_, bytes| {
        decode::<R>(bytes).map_or(true, |record| record.removable_at_ms() > now_ms)
    })?;
    *cursor = next.unwrap_or_default();
    Ok(())
}

/// Removes a file, and as many of its parts as there is room for. Parts that are left have a row under their content, as those of a file
/// that is not whole, and its name is returned: whoever deletes goes on with it, else the sweep does.
pub(super) fn remove_file(transaction: &WriteTransaction, tenant: &str, id: &str, room: &mut usize) -> Result<Option<String>, Fault> {
    let mut files = transaction.open_table(MEDIA)?;
    let Some(content) = files.remove((tenant, id))?.map(|row| row.value().2.to_owned()) else { return Ok(None) };
    let mut parts = transaction.open_table(MEDIA_PARTS)?;
    let all = (&*content, "")..=(&*content, "\u{10ffff}");
    let rest = parts.range(all.clone())?.nth(*room).transpose()?.map(|(place, _)| place.value().1.to_owned());
    let end = rest.as_deref().map_or(Bound::Included(*all.end()), |rest| Bound::Excluded((&*content, rest)));
    parts.retain_in((Bound::Included(*all.start()), end), |_, _| {
        *room -= 1;
        false
    })?;
    if rest.is_none() {
        return Ok(None);
    }
    files.insert((tenant, &*content), (REMOVED, None, &*content))?;
    Ok(Some(content))
}
