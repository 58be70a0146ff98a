//! The journal of requests and webhooks, in memory and as JSON lines.

mod entry;
mod mask;
mod stream;

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Mutex;

use tokio::sync::watch;

pub(super) use self::entry::body_value;
pub use self::entry::{EntryKind, JournalEntry};
pub(super) use self::mask::Mask;
pub(super) use self::stream::events;
use super::lock;
use crate::private_file;

/// Maximum entries in memory; the file and the counters cover all.
const IN_MEMORY: usize = 100_000;

/// The requests to an emulator and the webhooks from it, oldest first.
///
/// A request's entry is recorded, and written to the file, before the emulator responds. It reaches the operating system
/// with one write, so it survives a crash of the process but not of the machine. Several runs may append to one file.
#[derive(Debug)]
pub struct Journal {
    inner: Mutex<Inner>,
    counts: watch::Sender<Counts>,
    mask: Mask,
}

#[derive(Debug)]
struct Inner {
    entries: VecDeque<JournalEntry>,
    accepted: u64,
    file: Option<File>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    all: u64,
    requests: u64,
    webhooks: u64,
}

/// Opens a file for appending, readable by its owner only; terminates a last line left unfinished by a crash.
fn open(path: &Path) -> io::Result<File> {
    let mut file = private_file::open(path, OpenOptions::new().read(true).append(true))?;
    if file.metadata()?.len() > 0 {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    Ok(file)
}

impl Journal {
    /// Opens the file, if any, for appending. `secrets` are the provider's names of secret members.
    pub(super) fn open(path: Option<&Path>, secrets: &'static [&'static str]) -> io::Result<Self> {
        let file = path.map(open).transpose()?;
        Ok(Self {
            inner: Mutex::new(Inner { entries: VecDeque::new(), accepted: 0, file }),
            counts: watch::Sender::new(Counts::default()),
            mask: Mask::new(secrets),
        })
    }

    /// The secrets masked in every entry.
    pub(super) fn mask(&self) -> &Mask {
        &self.mask
    }

    /// Numbers, masks and records an entry.
    pub(super) fn append(&self, mut entry: JournalEntry) -> io::Result<()> {
        self.mask.body(&mut entry.body);
        self.mask.body(&mut entry.answer);
        entry.query = entry.query.map(|query| self.mask.fields(&query));
        let mut inner = lock(&self.inner);
        let mut counts = *self.counts.borrow();
        counts.all += 1;
        match entry.kind {
            EntryKind::Request => counts.requests += 1,
            EntryKind::Webhook => counts.webhooks += 1,
        }
        entry.number = counts.all;
        if let Some(file) = &mut inner.file {
            let mut line = serde_json::to_vec(&entry)?;
            line.push(b'\n');
            file.write_all(&line)?;
        }
        inner.accepted += u64::from(entry.accepted);
        inner.entries.push_back(entry);
        if inner.entries.len() > IN_MEMORY {
            inner.entries.pop_front();
        }
        // Under the lock, so that the counts follow the order of the entries.
        self.counts.send_replace(counts);
        Ok(())
    }

    /// Returns the requests of this run, among the newest 100,000 entries.
    pub fn entries(&self) -> Vec<JournalEntry> {
        self.matching(|_| true)
    }

    /// Returns the requests for which `select` returns true.
    pub fn matching(&self, mut select: impl FnMut(&JournalEntry) -> bool) -> Vec<JournalEntry> {
        let inner = lock(&self.inner);
        inner.entries.iter().filter(|entry| entry.kind == EntryKind::Request && select(entry)).cloned().collect()
    }

    /// Returns the requests with an accepted message.
    pub fn accepted(&self) -> Vec<JournalEntry> {
        self.matching(|entry| entry.accepted)
    }

    /// Returns the webhook POSTs of this run that are in memory, one entry per attempt.
    pub fn webhooks(&self) -> Vec<JournalEntry> {
        lock(&self.inner).entries.iter().filter(|entry| entry.kind == EntryKind::Webhook).cloned().collect()
    }

    /// Returns at most `limit` entries of both kinds with a number above `number`, oldest first.
    pub fn after(&self, number: u64, limit: usize) -> Vec<JournalEntry> {
        let inner = lock(&self.inner);
        let first = inner.entries.partition_point(|entry| entry.number <= number);
        inner.entries.iter().skip(first).take(limit).cloned().collect()
    }

    /// Returns the number of messages accepted in this run.
    pub fn accepted_count(&self) -> u64 {
        lock(&self.inner).accepted
    }

    /// Returns the number of requests in this run.
    pub fn request_count(&self) -> u64 {
        self.counts.borrow().requests
    }

    /// Returns the number of webhook POSTs in this run, counting every attempt and every copy.
    pub fn webhook_count(&self) -> u64 {
        self.counts.borrow().webhooks
    }

    /// Waits until this run has `count` requests.
    pub async fn wait_for_requests(&self, count: u64) {
        self.wait_for_counts(|counts| counts.requests >= count).await;
    }

    /// Waits until this run has `count` webhook POSTs.
    pub async fn wait_for_webhooks(&self, count: u64) {
        self.wait_for_counts(|counts| counts.webhooks >= count).await;
    }

    /// Waits for an entry of either kind that satisfies the condition, beginning with those in memory, and returns it.
    pub async fn wait_for(&self, mut condition: impl FnMut(&JournalEntry) -> bool) -> JournalEntry {
        let (mut counts, mut seen) = (self.counts.subscribe(), 0);
        loop {
            for entry in self.after(seen, usize::MAX) {
                seen = entry.number;
                if condition(&entry) {
                    return entry;
                }
            }
            // The sender lives as long as `self`, so this cannot fail.
            let _ = counts.changed().await;
        }
    }

    async fn wait_for_counts(&self, enough: impl Fn(&Counts) -> bool) {
        let _ = self.counts.subscribe().wait_for(enough).await;
    }

    /// Clears the entries in memory; the file, the numbers and the counters stay.
    pub fn clear(&self) {
        lock(&self.inner).entries.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_unfinished_last_line_does_not_corrupt_a_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        std::fs::write(&path, "{\"at_ms\":1,\"pa").unwrap();
        let entry = JournalEntry {
            at_ms: 2,
            method: "POST".to_owned(),
            path: "/x".to_owned(),
            status: 200,
            accepted: true,
            ..JournalEntry::default()
        };
        Journal::open(Some(&path), &[]).unwrap().append(entry.clone()).unwrap();
        Journal::open(Some(&path), &[]).unwrap().append(entry.clone()).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let read: Vec<Option<JournalEntry>> = text.lines().map(|line| serde_json::from_str(line).ok()).collect();
        let written = JournalEntry { number: 1, ..entry };
        assert_eq!(read, [None, Some(written.clone()), Some(written)]);
    }

    #[tokio::test]
    async fn entries_are_numbered_masked_and_waited_for() {
        let journal = Journal::open(None, &[]).unwrap();
        let webhook = JournalEntry { kind: EntryKind::Webhook, body: json!({"access_token": "x"}), ..JournalEntry::default() };
        journal.append(JournalEntry { query: Some("access_token=x".to_owned()), ..JournalEntry::default() }).unwrap();
        journal.append(webhook).unwrap();
        assert_eq!((journal.request_count(), journal.webhook_count(), journal.entries().len()), (1, 1, 1));
        assert_eq!(journal.entries()[0].query.as_deref(), Some("access_token=***"));
        let found = journal.wait_for(|entry| entry.kind == EntryKind::Webhook).await;
        assert_eq!((found.number, &found.body), (2, &json!({"access_token": "***"})));
        assert_eq!(journal.after(1, 10), [found]);
        journal.clear();
        journal.append(JournalEntry::default()).unwrap();
        assert_eq!(journal.after(0, 10).iter().map(|entry| entry.number).collect::<Vec<_>>(), [3]);
    }
}
