//! Tests of failures that only the inside can make.

use std::{
    fs::OpenOptions,
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::{FutureExt as _, future::join_all};
use redb::ReadableTableMetadata as _;

use super::{
    Embedded, KeyFile,
    file::{Shared, engine},
    fitting, keys_beside,
    limited::{Gate, GatedFile, SyncLimit},
    named_keys, owners_of,
    tables::{MEDIA, MEDIA_PARTS},
    work::Done,
    writer::MAX_WAITING,
};
use crate::{
    ids::{RouteKey, StrategyName, TenantId},
    runtime::SystemRng,
    secret::Secret,
    store::{EpochEntry, NewFile, SecretScope, StoreError, StoreErrorKind, TenantRow},
};

/// A disk that is full as long as the flag is set.
#[derive(Debug)]
struct Disk {
    full: Arc<AtomicBool>,
    /// Stands for a panic of the engine in the middle of a write, which it does over some damage.
    panics: Arc<AtomicBool>,
}

impl Gate for Disk {
    fn write(&self) -> io::Result<()> {
        assert!(!self.panics.load(Ordering::SeqCst), "on purpose");
        if self.full.load(Ordering::SeqCst) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

fn on_disk(path: &Path, full: &Arc<AtomicBool>) -> Embedded {
    on_any_disk(path, full, &Arc::default())
}

fn on_any_disk(path: &Path, full: &Arc<AtomicBool>, panics: &Arc<AtomicBool>) -> Embedded {
    let (file, full, panics) = (path.to_owned(), Arc::clone(full), Arc::clone(panics));
    let opener = move |_: &Arc<SyncLimit>| {
        OpenOptions::new().write(true).create(true).truncate(false).open(&file)?;
        engine().create_with_backend(GatedFile::open(&file, Disk { full: Arc::clone(&full), panics: Arc::clone(&panics) })?)
    };
    Embedded::open_with(Box::new(opener), path).unwrap()
}

async fn append(store: &Embedded, n: u64) -> Result<bool, StoreErrorKind> {
    store.epochs().append("log", EpochEntry::new(n, Bytes::from(vec![7; 4000]))).await.map_err(|error| error.kind)
}

async fn stored(store: &Embedded) -> Vec<u64> {
    store.epochs().read("log", 0, u32::MAX).await.unwrap().iter().map(|entry| entry.n).collect()
}

#[tokio::test]
async fn a_full_disk_is_said_and_costs_nothing_and_ends_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zengine.db");
    let full = Arc::new(AtomicBool::new(false));
    let store = on_disk(&path, &full);
    let mut written = Vec::new();
    for round in 0..3_u64 {
        for n in 0..20 {
            assert_eq!(append(&store, round * 100 + n).await, Ok(true));
            written.push(round * 100 + n);
        }
        full.store(true, Ordering::SeqCst);
        let refused = join_all((50..60).map(|n| append(&store, round * 100 + n))).await;
        assert!(refused.iter().all(|answer| *answer == Err(StoreErrorKind::Full)), "{refused:?}");
        full.store(false, Ordering::SeqCst);
        assert_eq!(append(&store, round * 100 + 99).await, Ok(true), "there is room again");
        written.push(round * 100 + 99);
        assert_eq!(stored(&store).await, written);
    }
    drop(store);
    assert_eq!(stored(&Embedded::open(&path).unwrap()).await, written);
}

/// One that was not stored whole is swept after an hour.
#[tokio::test]
async fn an_expired_file_is_swept_with_its_parts() {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(folder.path().join("zengine.db")).unwrap();
    let (media, acme) = (store.media(), TenantId::new("acme").unwrap());
    let day = 24 * 3600;
    let put = async |id: &'static str, bytes: usize, ttl_s| {
        media.put(&acme, id, &NewFile::new(vec![7; bytes]), Duration::from_secs(ttl_s), 0).await
    };
    let kept = put("kept", 100_000, day).await.unwrap();
    put("short", 100_000, 60).await.unwrap();
    let mut half = Box::pin(put("half", 4_000_000, day));
    assert!((&mut half).now_or_never().is_none());
    drop(half);
    let left = async |now_ms| {
        for n in 0..4 {
            store.sessions().put("s", &format!("{now_ms} {n}"), Bytes::new(), None, Duration::from_secs(1), now_ms).await.unwrap();
        }
        store.engine.read(|snapshot| Ok((snapshot.open_table(MEDIA)?.len()?, snapshot.open_table(MEDIA_PARTS)?.len()?))).unwrap()
    };
    assert_eq!(left(59_999).await, (3, 3 + 3 + 64));
    assert_eq!(left(60_000).await, (2, 3 + 64));
    assert_eq!(left(3_600_000).await, (1, 3));
    assert_eq!(media.get(&acme, &kept.id, 0..u64::MAX, 3_600_000).await.unwrap().unwrap().len(), 100_000);
}

/// Files and parts in a store.
fn rows_and_parts(store: &Embedded) -> (u64, u64) {
    store.engine.read(|snapshot| Ok((snapshot.open_table(MEDIA)?.len()?, snapshot.open_table(MEDIA_PARTS)?.len()?))).unwrap()
}

#[tokio::test]
async fn a_large_file_is_removed_in_steps_and_is_absent_after_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(folder.path().join("zengine.db")).unwrap();
    let (media, acme) = (store.media(), TenantId::new("acme").unwrap());
    let put = async |id: &'static str, parts: usize| {
        let rows = move |transaction: &redb::WriteTransaction| {
            transaction.open_table(MEDIA)?.insert(("acme", id), (i64::MAX, Some(1), &*format!("0{id}")))?;
            let mut table = transaction.open_table(MEDIA_PARTS)?;
            for n in 0..parts {
                table.insert((&*format!("0{id}"), &*format!("{n:08x}")), &[7_u8][..])?;
            }
            Ok(Done::Wrote(()))
        };
        store.engine.write(None, rows).await.unwrap();
    };
    let step = || store.engine.write(None, |transaction| Ok(Done::Wrote(super::media::erase(transaction, "acme", 100)?)));
    put("large", 300).await;
    put("small", 2).await;
    assert_eq!((step().await.unwrap(), rows_and_parts(&store)), ((0, false), (2, 302 - 256)));
    assert_eq!(media.info(&acme, "large", 0).await.unwrap(), None);
    // A call removes at least one file, however many steps that takes.
    assert_eq!(media.erase(&acme, 100).await.unwrap(), 2);
    put("large", 600).await;
    assert_eq!((media.erase(&acme, 100).await.unwrap(), media.erase(&acme, 100).await.unwrap()), (1, 0));
    put("large", 600).await;
    media.delete(&acme, "large").await.unwrap();
    assert_eq!(rows_and_parts(&store), (0, 0));

    // A process that dies between two steps leaves the rest to the sweep.
    put("large", 600).await;
    let _ = step().await.unwrap();
    for n in 0..3 {
        let left = rows_and_parts(&store).1;
        store.sessions().put("s", &n.to_string(), Bytes::new(), None, Duration::from_secs(1), 0).await.unwrap();
        assert!(left - rows_and_parts(&store).1 <= 256);
    }
    assert_eq!(rows_and_parts(&store), (0, 0));
}

#[tokio::test]
async fn a_file_whose_parts_are_erased_while_it_is_stored_is_stored_anew() {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(folder.path().join("zengine.db")).unwrap();
    let (media, acme) = (store.media(), TenantId::new("acme").unwrap());
    for bytes in [100_000, 4_000_000] {
        let file = NewFile::new(vec![7; bytes]);
        let mut put = Box::pin(media.put(&acme, "1", &file, Duration::MAX, 0));
        assert!((&mut put).now_or_never().is_none());
        assert_eq!(media.erase(&acme, 100).await.unwrap(), 1);
        let stored = put.await.unwrap();
        assert_eq!(media.get(&acme, "1", stored.bytes - 1..u64::MAX, 0).await.unwrap().unwrap(), [7_u8][..]);
        assert_eq!(media.get(&acme, "1", 0..1, 0).await.unwrap().unwrap(), [7_u8][..]);
        assert_eq!(rows_and_parts(&store), (1, bytes.div_ceil(60 << 10) as u64 + 1));
        media.delete(&acme, "1").await.unwrap();
    }
}

#[tokio::test]
async fn a_row_that_names_another_content_or_size_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(folder.path().join("zengine.db")).unwrap();
    let (media, acme) = (store.media(), TenantId::new("acme").unwrap());
    for id in ["1", "2"] {
        media.put(&acme, id, &NewFile::new(id.repeat(100_000)), Duration::MAX, 0).await.unwrap();
    }
    let row = |id: &str| {
        let read = |snapshot: &redb::ReadTransaction| {
            let row = snapshot.open_table(MEDIA)?.get(("acme", id))?.unwrap();
            let (end_ms, size, content) = row.value();
            Ok((end_ms, size, content.to_owned()))
        };
        store.engine.read(read).unwrap()
    };
    let ((end_ms, size, own), (.., other)) = (row("1"), row("2"));
    for (size, content) in [(size, other), (Some(60 << 10), own.clone()), (Some(100_001), own)] {
        let change = move |transaction: &redb::WriteTransaction| {
            transaction.open_table(MEDIA)?.insert(("acme", "1"), (end_ms, size, &*content))?;
            Ok(Done::Wrote(()))
        };
        store.engine.write(None, change).await.unwrap();
        assert_eq!(media.info(&acme, "1", 0).await.unwrap_err().kind, StoreErrorKind::Corrupt);
        assert_eq!(media.get(&acme, "1", 0..10, 0).await.unwrap_err().kind, StoreErrorKind::Corrupt);
        assert!(media.get(&acme, "2", 0..10, 0).await.unwrap().is_some());
    }
}

/// A row is all new or all old, also after the write failed and the file was opened again.
#[tokio::test]
async fn a_row_that_could_not_be_written_leaves_the_old_configuration_with_its_old_routes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zengine.db");
    let full = Arc::new(AtomicBool::new(false));
    let (tenant, strategy) = (TenantId::new("acme").unwrap(), StrategyName::new("sns-sms").unwrap());
    let route = |n: u32| RouteKey::new("topic_arn", n.to_string());
    // Far more than what a transaction keeps in memory before it writes.
    let row = |n: u32| {
        let routes = (0..500).map(|i| RouteKey::new("topic_arn", format!("{n}-{i}-{}", "x".repeat(1000))));
        TenantRow::new(serde_json::json!({ "n": n })).with_routes(routes.chain([route(n)]))
    };
    let expect = async |store: &Embedded, n: u32| {
        let (writer, directory) = (store.tenant_writer(), store.directory());
        let stored = writer.row(&tenant, &strategy).await.unwrap().unwrap();
        assert_eq!((stored.config["n"].as_u64(), stored.routes.len()), (Some(n.into()), 501));
        for other in 1..=2 {
            let found = directory.route(&strategy, &route(other)).await.unwrap();
            assert_eq!(found.as_slice(), if other == n { std::slice::from_ref(&tenant) } else { &[] }, "{other}");
        }
    };
    let store = on_disk(&path, &full);
    store.tenant_writer().put(&tenant, &strategy, row(1)).await.unwrap();
    full.store(true, Ordering::SeqCst);
    assert_eq!(store.tenant_writer().put(&tenant, &strategy, row(2)).await.unwrap_err().kind, StoreErrorKind::Full);
    full.store(false, Ordering::SeqCst);
    drop(store);
    let store = Embedded::open(&path).unwrap();
    expect(&store, 1).await;
    store.tenant_writer().put(&tenant, &strategy, row(2)).await.unwrap();
    expect(&store, 2).await;
}

#[tokio::test]
async fn neither_row_nor_secret_is_written_through_a_handle_that_only_reads() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zengine.db");
    let store = Embedded::open(&path).unwrap();
    let (tenant, strategy) = (TenantId::new("acme").unwrap(), StrategyName::new("sns-sms").unwrap());
    let (scope, secret) = (SecretScope::shared(strategy.clone()), || vec![Secret::new(b"canary".to_vec())]);
    store.tenant_writer().put_secret(&scope, "token", secret()).await.unwrap();
    let reader = Embedded::open_read_only(&path).unwrap();
    let refused = reader.tenant_writer().put_secret(&scope, "token", vec![]).await.unwrap_err();
    assert_eq!(refused.kind, StoreErrorKind::Unsupported);
    assert_eq!(reader.secrets().get(&scope, "token").await.unwrap()[0].expose(), b"canary");
    let refused = reader.tenant_writer().put(&tenant, &strategy, serde_json::json!({}).into()).await.unwrap_err();
    assert_eq!(refused.kind, StoreErrorKind::Unsupported);
}

#[tokio::test]
async fn a_panic_in_the_writer_is_an_error_for_its_batch_and_the_store_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(folder.path().join("zengine.db")).unwrap();
    assert_eq!(append(&store, 1).await, Ok(true));
    let failed = store.engine.write::<(), _>(None, |_| panic!("on purpose")).await.unwrap_err();
    assert_eq!((failed.kind, failed.message), (StoreErrorKind::Corrupt, "the store's file is damaged: put a backup in its place"));
    assert_eq!(append(&store, 2).await, Ok(true));
    assert_eq!(stored(&store).await, [1, 2]);
}

#[tokio::test]
async fn a_panic_in_a_compaction_is_an_error_and_the_store_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let panics = Arc::default();
    let store = on_any_disk(&folder.path().join("zengine.db"), &Arc::default(), &panics);
    for n in 0..20 {
        assert_eq!(append(&store, n).await, Ok(true));
    }
    panics.store(true, Ordering::SeqCst);
    let failed = store.compact().await.unwrap_err();
    assert_eq!((failed.kind, failed.message), (StoreErrorKind::Corrupt, "the store's file is damaged: put a backup in its place"));
    panics.store(false, Ordering::SeqCst);
    while append(&store, 20).await.is_err() {
        // Opening it panicked too: it is opened again with the next write, or after a second.
    }
    assert_eq!(stored(&store).await, (0..=20).collect::<Vec<_>>());
    store.compact().await.unwrap();
}

#[tokio::test]
async fn closing_a_damaged_file_does_not_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zengine.db");
    let panics = Arc::default();
    let store = on_any_disk(&path, &Arc::default(), &panics);
    assert_eq!(append(&store, 1).await, Ok(true));
    panics.store(true, Ordering::SeqCst);
    drop(store);
    assert_eq!(stored(&Embedded::open(&path).unwrap()).await, [1], "its lock is gone");
}

#[tokio::test]
async fn a_compaction_that_syncs_for_ever_ends() {
    let folder = tempfile::tempdir().unwrap();
    let limit = Arc::new(SyncLimit::none());
    let path = folder.path().join("zengine.db");
    drop(Embedded::open(&path).unwrap());
    let database = super::file::open(&path, &limit).unwrap();
    let commit = || Ok::<_, redb::Error>(database.begin_write()?.commit()?);
    commit().unwrap();
    limit.allow(20);
    let commits = std::iter::repeat_with(commit).take_while(Result::is_ok).count();
    assert!((1..=20).contains(&commits) && limit.lift(), "{commits} commits");
    drop(database);
    Embedded::open(&path).unwrap();
}

#[tokio::test]
async fn the_writer_takes_no_more_work_than_it_may_hold_and_goes_on_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(folder.path().join("zengine.db")).unwrap();
    let (resume, waits) = std::sync::mpsc::channel::<()>();
    let mut held = Box::pin(store.engine.write::<(), _>(None, move |_| {
        let _ = waits.recv();
        Ok(Done::Looked(()))
    }));
    assert!(held.as_mut().now_or_never().is_none());
    let write = || store.engine.write(None, |_| Ok(Done::Looked(())));
    let queued: Vec<_> = (1..MAX_WAITING)
        .map(|_| {
            let mut write = Box::pin(write());
            assert!(write.as_mut().now_or_never().is_none());
            write
        })
        .collect();
    let refused = write().await.unwrap_err();
    assert_eq!((refused.kind, refused.message), (StoreErrorKind::Unavailable, "too many writes wait for the store"));
    drop(resume);
    assert!(held.await.is_ok() && join_all(queued).await.iter().all(Result::is_ok));
    write().await.unwrap();
}

#[tokio::test]
async fn an_answer_that_wrote_nothing_costs_no_commit_and_its_error_no_other_work() {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(folder.path().join("zengine.db")).unwrap();
    let refused = store.engine.write::<(), _>(None, |_| Err(super::fault::read_only().into()));
    let (refused, written, read) =
        futures_util::future::join3(refused, append(&store, 1), store.engine.write(None, |_| Ok(Done::Looked(7)))).await;
    assert_eq!(refused.unwrap_err().kind, StoreErrorKind::Unsupported);
    assert_eq!((written, read.unwrap()), (Ok(true), 7));
}

#[tokio::test]
async fn work_that_was_handed_over_is_done_also_where_nobody_waits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zengine.db");
    let store = Embedded::open(&path).unwrap();
    for n in 0..50 {
        let mut write = Box::pin(append(&store, n));
        // Polled once and dropped.
        let _ = write.as_mut().now_or_never();
    }
    // Dropping the last handle finishes what is queued and closes the file.
    drop(store);
    assert_eq!(stored(&Embedded::open(&path).unwrap()).await, (0..50).collect::<Vec<_>>());
}

#[test]
fn a_new_key_is_not_used_before_it_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(folder.path().join("zengine.db")).unwrap();
    let before = store.keys().current().id().to_owned();
    let refused = store.keys.rotate(&SystemRng, |keys| {
        assert_eq!((keys.len(), store.keys().current().id()), (2, &*before));
        Err(StoreError::new(StoreErrorKind::Full, "on purpose"))
    });
    assert_eq!((refused.unwrap_err().kind, store.keys().current().id()), (StoreErrorKind::Full, &*before));
    let next = store.rotate_key().unwrap();
    assert_eq!((store.keys().current().id(), store.keys.ids().len()), (&*next, 3));
}

#[test]
fn a_reader_beside_a_drop_of_keys_opens_and_copies_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zengine.db");
    let (key_path, copy) = (KeyFile::beside(&path), folder.path().join("copy.key"));
    let store = Embedded::open(&path).unwrap();
    store.rotate_key().unwrap();
    let reader = Embedded::open_read_only(&path).unwrap();
    let named = reader.engine.read(named_keys).unwrap();
    // Opened, and copied, with a commit from before the drop and the key file from after it.
    let (owners, store) = (owners_of(&path).unwrap(), std::cell::Cell::new(Some(store)));
    let opened = keys_beside(&Shared::reading(&path).unwrap(), || {
        if let Some(mut store) = store.take() {
            assert_eq!(smol::block_on(store.drop_old_keys()).unwrap().len(), 1);
        }
        KeyFile::read(&key_path, owners)
    });
    assert_eq!(opened.unwrap().ids().count(), 1);
    reader.keys.copy_to(&copy, |keys| fitting(keys, &named)).unwrap();
    assert_eq!(KeyFile::read(&copy, owners).unwrap().unwrap().ids().count(), 2);
}
