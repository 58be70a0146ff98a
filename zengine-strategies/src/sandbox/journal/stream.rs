//! The journal as server-sent events.

use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::{Journal, JournalEntry};
use crate::sandbox::clock;

/// Maximum entries per read.
const PAGE: usize = 256;

/// Sends all entries above `after`, then new ones, until the receiver is dropped. A comment at least every `heartbeat` shows
/// that the stream is alive.
pub(in crate::sandbox) fn events(journal: &Arc<Journal>, after: u64, heartbeat: Duration) -> mpsc::Receiver<Bytes> {
    let (chunks, receiver) = mpsc::channel(16);
    // A weak reference, so that an open page does not keep a stopped emulator alive.
    let journal = Arc::downgrade(journal);
    drop(tokio::spawn(async move { send(&journal, after, heartbeat, &chunks).await }));
    receiver
}

async fn send(journal: &Weak<Journal>, mut after: u64, heartbeat: Duration, chunks: &mpsc::Sender<Bytes>) {
    // A page that loses the stream reconnects after a second.
    let mut text = "retry: 1000\n\n".to_owned();
    loop {
        let Some(mut counts) = journal.upgrade().map(|journal| journal.counts.subscribe()) else { return };
        counts.mark_unchanged();
        loop {
            let Some(entries) = journal.upgrade().map(|journal| journal.after(after, PAGE)) else { return };
            for entry in &entries {
                after = entry.number;
                push(&mut text, entry);
            }
            if !text.is_empty() && chunks.send(Bytes::from(std::mem::take(&mut text))).await.is_err() {
                return;
            }
            if entries.len() < PAGE {
                break;
            }
        }
        tokio::select! {
            changed = counts.changed() => if changed.is_err() { return },
            () = clock::sleep(heartbeat) => text.push_str(": heartbeat\n\n"),
            () = chunks.closed() => return,
        }
    }
}

fn push(text: &mut String, entry: &JournalEntry) {
    use std::fmt::Write;
    let kind = match entry.kind {
        super::EntryKind::Request => "request",
        super::EntryKind::Webhook => "webhook",
    };
    // Compact JSON cannot fail here and has no line breaks.
    let data = serde_json::to_string(entry).unwrap_or_default();
    let _ = write!(text, "id: {}\nevent: {kind}\ndata: {data}\n\n", entry.number);
}
