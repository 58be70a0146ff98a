//! What an emulator was asked, in memory and as JSON lines.

use std::collections::VecDeque;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::watch;

use super::lock;

/// How many entries stay in memory; the file and the counters hold all.
const IN_MEMORY: usize = 100_000;

/// One request that an emulator got. As a JSON line its keys stand in the order of the fields.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Entry {
    /// When the request had been read, in milliseconds since 1970.
    pub at_ms: u64,
    /// HTTP method.
    pub method: String,
    /// Path without the query, which may hold secrets.
    pub path: String,
    /// HTTP status of the answer; 0 where the emulator gives none (hang, reset).
    pub status: u16,
    /// True exactly when the provider took the message of this request for delivery, whatever it answered. Requests that carry
    /// no message (read receipts, uploads, look-ups) are never accepted.
    pub accepted: bool,
    /// The sending number or account, where the path names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_number_id: Option<String>,
    /// The provider's id of an accepted message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wamid: Option<String>,
    /// The fault that was played.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// The request's JSON; text where it is no JSON, `{"bytes": n}` for an upload, null where it was not read.
    pub body: Value,
}

impl fmt::Debug for Entry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The body holds what people write to each other.
        formatter
            .debug_struct("Entry")
            .field("at_ms", &self.at_ms)
            .field("method", &self.method)
            .field("path", &self.path)
            .field("status", &self.status)
            .field("accepted", &self.accepted)
            .field("fault", &self.fault)
            .finish_non_exhaustive()
    }
}

/// The requests that an emulator got, oldest first.
///
/// An entry is recorded, and written to the file, before the emulator answers. It reaches the operating system with one
/// write, so it survives the death of the process, though not that of the machine. Several runs may append to one file.
#[derive(Debug)]
pub struct Journal {
    inner: Mutex<Inner>,
    requests: watch::Sender<u64>,
}

#[derive(Debug)]
struct Inner {
    entries: VecDeque<Entry>,
    accepted: u64,
    file: Option<File>,
}

/// Opens for appending; ends a last line that a dying machine left unfinished.
fn open(path: &Path) -> io::Result<File> {
    let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
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
    /// Opens the file for appending, where one is given.
    pub(super) fn open(path: Option<&Path>) -> io::Result<Self> {
        let file = path.map(open).transpose()?;
        Ok(Self { inner: Mutex::new(Inner { entries: VecDeque::new(), accepted: 0, file }), requests: watch::Sender::new(0) })
    }

    pub(super) fn append(&self, entry: Entry) -> io::Result<()> {
        let mut inner = lock(&self.inner);
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
        drop(inner);
        self.requests.send_modify(|count| *count += 1);
        Ok(())
    }

    /// Returns all entries of this run; after more than 100,000 only the newest.
    pub fn entries(&self) -> Vec<Entry> {
        self.matching(|_| true)
    }

    /// Returns the entries that `select` is true for.
    pub fn matching(&self, mut select: impl FnMut(&Entry) -> bool) -> Vec<Entry> {
        lock(&self.inner).entries.iter().filter(|entry| select(entry)).cloned().collect()
    }

    /// Returns the requests whose message was taken for delivery.
    pub fn accepted(&self) -> Vec<Entry> {
        self.matching(|entry| entry.accepted)
    }

    /// Counts the messages that were accepted in this run.
    pub fn accepted_count(&self) -> u64 {
        lock(&self.inner).accepted
    }

    /// Counts the requests of this run.
    pub fn request_count(&self) -> u64 {
        *self.requests.borrow()
    }

    /// Waits until `count` requests have come in, in this run.
    pub async fn wait_for_requests(&self, count: u64) {
        let mut requests = self.requests.subscribe();
        // The sender lives as long as `self`, so this cannot fail.
        let _ = requests.wait_for(|so_far| *so_far >= count).await;
    }

    /// Forgets the entries in memory; the file and the counters stay.
    pub fn clear(&self) {
        lock(&self.inner).entries.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unfinished_last_line_spoils_no_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        std::fs::write(&path, "{\"at_ms\":1,\"pa").unwrap();
        let entry = Entry {
            at_ms: 2,
            method: "POST".to_owned(),
            path: "/x".to_owned(),
            status: 200,
            accepted: true,
            phone_number_id: None,
            wamid: None,
            fault: None,
            body: Value::Null,
        };
        Journal::open(Some(&path)).unwrap().append(entry.clone()).unwrap();
        Journal::open(Some(&path)).unwrap().append(entry.clone()).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let read: Vec<Option<Entry>> = text.lines().map(|line| serde_json::from_str(line).ok()).collect();
        assert_eq!(read, [None, Some(entry.clone()), Some(entry)]);
    }
}
