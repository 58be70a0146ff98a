//! Promises of the embedded store alone: one file, one writer, keys beside it, and nothing lost by closing it.

#![allow(clippy::unwrap_used)] // helpers of tests

use std::{fs, path::PathBuf, time::Duration};

use bytes::Bytes;
use futures_util::future::join_all;
use redb::ReadableDatabase as _;
use serde_json::json;
use tempfile::TempDir;
use zengine_connector::{
    ClientMessageId, FailureId, StrategyName, TenantId,
    store::{
        ClaimKey, ClaimOp, ClaimStatus, DeadLetter, DomainEvent, Embedded, EpochEntry, Fingerprint, Lease, NewFile, OutboundFailed,
        OwnerToken, StoreErrorKind, Stores,
    },
};

const NOW: i64 = 1_767_225_600_000;

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zengine.db");
    (folder, path)
}

fn key(id: &str) -> ClaimKey {
    ClaimKey::outbound(&TenantId::new("acme").unwrap(), &StrategyName::new("sns-sms").unwrap(), &ClientMessageId::new(id).unwrap())
}

fn claim(store: &Embedded, owner: &str, now: i64) -> ClaimOp {
    ClaimOp::Claim {
        lease: Lease { owner: OwnerToken::named(owner), boot: store.claims().boot().map(Into::into), until_ms: now + 60_000 },
        fingerprint: Fingerprint::new([1; 16], 1, "k"),
        skew_ms: 2_000,
        ttl_s: 3_600,
    }
}

fn refused(opened: Result<Embedded, zengine_connector::store::StoreError>) -> (StoreErrorKind, &'static str) {
    let error = opened.unwrap_err();
    (error.kind, error.message)
}

#[tokio::test]
async fn rule_17_what_was_written_survives_closing_and_earlier_claims_are_free_at_once() {
    let (_folder, path) = place();
    let store = Embedded::open(&path).unwrap();
    let first_boot = store.claims().boot().unwrap().to_owned();
    assert!(store.claims().apply(&key("claimed"), &claim(&store, "a", NOW), None, NOW).await.unwrap().done);
    assert!(store.claims().apply(&key("sending"), &claim(&store, "a", NOW), None, NOW).await.unwrap().done);
    let mark = ClaimOp::Mark { owner: OwnerToken::named("a"), idempotency: None, ttl_s: 3_600 };
    assert!(store.claims().apply(&key("sending"), &mark, None, NOW).await.unwrap().done);
    let version = store.sessions().put("s", "k", Bytes::from_static(b"v"), None, Duration::from_secs(60), NOW).await.unwrap();
    drop(store);

    let store = Embedded::open(&path).unwrap();
    assert_ne!(store.claims().boot().unwrap(), first_boot);
    assert_eq!(store.sessions().get("s", "k", NOW).await.unwrap(), Some((version, Bytes::from_static(b"v"))));
    assert!(store.claims().apply(&key("claimed"), &claim(&store, "b", NOW + 1), None, NOW + 1).await.unwrap().done);
    let sending = store.claims().apply(&key("sending"), &claim(&store, "b", NOW + 1), None, NOW + 1).await.unwrap();
    assert_eq!((sending.done, sending.record.unwrap().status), (false, ClaimStatus::Sending));
    let lease = Lease { owner: OwnerToken::named("b"), boot: store.claims().boot().map(Into::into), until_ms: NOW + 60_000 };
    let take_over = ClaimOp::TakeOver { lease, seen: OwnerToken::named("a"), owner_gone: false, skew_ms: 2_000 };
    assert!(store.claims().apply(&key("sending"), &take_over, None, NOW + 1).await.unwrap().record.unwrap().maybe_sent);
}

#[tokio::test]
async fn a_second_writer_is_told_that_the_store_is_busy() {
    let (_folder, path) = place();
    let store = Embedded::open(&path).unwrap();
    assert_eq!(refused(Embedded::open(&path)).0, StoreErrorKind::StoreBusy);
    let other_handle = store.clone();
    drop(store);
    assert_eq!(refused(Embedded::open(&path)).0, StoreErrorKind::StoreBusy);
    drop(other_handle);
    Embedded::open(&path).unwrap();
}

#[tokio::test]
async fn readers_work_beside_the_writer_and_see_its_commits() {
    let (_folder, path) = place();
    assert_eq!(refused(Embedded::open_read_only(&path)).1, "there is no store at this path");
    let store = Embedded::open(&path).unwrap();
    let reader = Embedded::open_read_only(&path).unwrap();
    assert_eq!(reader.claims().get(&key("1")).await.unwrap(), None);
    let written = store.claims().apply(&key("1"), &claim(&store, "a", NOW), None, NOW).await.unwrap();
    assert_eq!(reader.claims().get(&key("1")).await.unwrap().as_ref(), written.record.as_deref());
    let write = reader.claims().apply(&key("2"), &claim(&reader, "a", NOW), None, NOW).await;
    assert_eq!(write.unwrap_err().kind, StoreErrorKind::Unsupported);
    assert_eq!(reader.rotate_key().unwrap_err().kind, StoreErrorKind::Unsupported);
    drop(store);
    assert_eq!(reader.claims().get(&key("1")).await.unwrap().as_ref(), written.record.as_deref());
    let again = Embedded::open(&path).unwrap();
    assert_eq!(reader.keys().current().id(), again.keys().current().id());
}

#[cfg(unix)]
#[tokio::test]
async fn files_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_folder, path) = place();
    let key_path = path.with_extension("db.key");
    let mode = |path: &PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let store = Embedded::open(&path).unwrap();
    assert_eq!((mode(&path), mode(&key_path)), (0o600, 0o600));
    store.rotate_key().unwrap();
    assert_eq!(mode(&key_path), 0o600);
    drop(store);
    for path in [&path, &key_path] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    }
    let _store = Embedded::open(&path).unwrap();
    assert_eq!((mode(&path), mode(&key_path)), (0o600, 0o600));
}

/// With keys of theirs, others could read what is stored from then on.
#[cfg(unix)]
#[test]
fn a_key_file_that_others_may_write_or_own_is_refused_and_stays_as_it_is() {
    use std::os::unix::fs::{PermissionsExt as _, chown};
    let (_folder, path) = place();
    let key_path = path.with_extension("db.key");
    drop(Embedded::open(&path).unwrap());
    let refused_as_it_is = |mode: u32| {
        fs::set_permissions(&key_path, fs::Permissions::from_mode(mode)).unwrap();
        for opened in [Embedded::open(&path), Embedded::open_read_only(&path)] {
            let (kind, message) = refused(opened);
            assert!(kind == StoreErrorKind::Corrupt && message.contains("mode 0600"), "{message}");
        }
        assert_eq!(fs::metadata(&key_path).unwrap().permissions().mode() & 0o777, mode);
    };
    refused_as_it_is(0o666);
    refused_as_it_is(0o602);
    // A volume of a group, as Kubernetes mounts it, gives the group its permissions at every start.
    fs::set_permissions(&key_path, fs::Permissions::from_mode(0o660)).unwrap();
    drop(Embedded::open(&path).unwrap());
    if chown(&key_path, Some(65_534), None).is_ok() {
        refused_as_it_is(0o600);
        // An administrator's command over the store of a service.
        chown(&path, Some(65_534), None).unwrap();
        drop(Embedded::open(&path).unwrap());
    }
}

#[cfg(unix)]
#[test]
fn a_key_file_that_others_may_write_by_now_is_neither_followed_nor_copied() {
    use std::os::unix::fs::PermissionsExt as _;
    let (folder, path) = place();
    let key_path = path.with_extension("db.key");
    let store = Embedded::open(&path).unwrap();
    let reader = Embedded::open_read_only(&path).unwrap();
    let new = store.rotate_key().unwrap();
    fs::set_permissions(&key_path, fs::Permissions::from_mode(0o602)).unwrap();
    assert!(reader.keys().by_id(&new).is_none());
    assert_eq!(reader.snapshot(folder.path().join("copy.db")).unwrap_err().kind, StoreErrorKind::Corrupt);
    fs::set_permissions(&key_path, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(reader.keys().by_id(&new).is_some());
}

/// As Kubernetes mounts a secret for the group of a container: root's, and readable by the group.
#[cfg(target_os = "linux")]
#[test]
fn a_key_file_of_root_that_the_process_may_read_is_enough_to_write() {
    use std::{
        env,
        os::unix::{
            fs::{PermissionsExt as _, chown, symlink},
            process::CommandExt as _,
        },
        process::Command,
    };
    const NAME: &str = "a_key_file_of_root_that_the_process_may_read_is_enough_to_write";
    const USER: u32 = 65_534;
    if let Some(path) = env::var_os("ZENGINE_TEST_STORE") {
        println!("{:?}", Embedded::open(path).map(drop).map_err(|error| error.message));
        return;
    }
    let (folder, path) = place();
    drop(Embedded::open(&path).unwrap());
    let (key_path, volume) = (path.with_extension("db.key"), folder.path().join("volume"));
    fs::rename(&key_path, &volume).unwrap();
    symlink(&volume, &key_path).unwrap();
    if [folder.path(), &*path].iter().any(|file| chown(file, Some(USER), Some(USER)).is_err())
        || chown(&volume, Some(0), Some(USER)).is_err()
    {
        return; // Only root gives files away.
    }
    for (mode, answer) in [
        (0o640, "Ok(())"),
        (0o440, "Ok(())"),
        (0o600, "Err(\"the store's key file could not be read or written\")"),
        (0o642, "Err(\"others may write the store's key file"),
    ] {
        fs::set_permissions(&volume, fs::Permissions::from_mode(mode)).unwrap();
        let mut child = Command::new("/proc/self/exe");
        child.args([NAME, "--exact", "--nocapture"]).env("ZENGINE_TEST_STORE", &path).uid(USER).gid(USER);
        let output = String::from_utf8(child.output().unwrap().stdout).unwrap();
        assert!(output.contains(answer), "{mode:o}: {output}");
        assert_eq!(fs::metadata(&volume).unwrap().permissions().mode() & 0o777, mode);
    }
}

/// As a mounted volume brings it: what a rotation writes must be in the volume.
#[cfg(unix)]
#[test]
fn a_rotation_through_a_link_writes_the_key_file_that_it_leads_to() {
    let (folder, path) = place();
    let (key_path, volume) = (path.with_extension("db.key"), folder.path().join("volume"));
    drop(Embedded::open(&path).unwrap());
    fs::create_dir(&volume).unwrap();
    fs::rename(&key_path, volume.join("keys")).unwrap();
    std::os::unix::fs::symlink("volume/keys", &key_path).unwrap();
    let mut store = Embedded::open(&path).unwrap();
    let reader = Embedded::open_read_only(&path).unwrap();
    let new = store.rotate_key().unwrap();
    assert!(fs::symlink_metadata(&key_path).unwrap().is_symlink());
    let in_volume = || fs::read_to_string(volume.join("keys")).unwrap();
    assert!(in_volume().contains(&new));
    assert_eq!(reader.keys().by_id(&new).unwrap().id(), new);
    drop(reader);
    assert_eq!(smol::block_on(store.drop_old_keys()).unwrap().len(), 1);
    assert!(fs::symlink_metadata(&key_path).unwrap().is_symlink() && in_volume().matches("\"id\"").count() == 1);
    assert_eq!(fs::read_dir(&volume).unwrap().count(), 1, "nothing is left beside it");
    // A volume that is not mounted at the moment.
    fs::remove_file(volume.join("keys")).unwrap();
    let error = store.rotate_key().unwrap_err();
    assert_eq!((error.kind, error.message), (StoreErrorKind::Unavailable, "the store's key file could not be read or written"));
    assert!(fs::symlink_metadata(&key_path).unwrap().is_symlink() && fs::read_dir(&volume).unwrap().count() == 0);
}

#[test]
fn a_key_file_from_before_a_rotation_is_refused() {
    let (_folder, path) = place();
    let key_path = path.with_extension("db.key");
    let mut store = Embedded::open(&path).unwrap();
    let mut files = vec![fs::read(&key_path).unwrap()];
    for _ in 0..2 {
        store.rotate_key().unwrap();
        files.push(fs::read(&key_path).unwrap());
    }
    drop(store);
    let newest = files.pop().unwrap();
    for older in files {
        fs::write(&key_path, older).unwrap();
        for opened in [Embedded::open(&path), Embedded::open_read_only(&path)] {
            let (kind, message) = refused(opened);
            assert!(kind == StoreErrorKind::Corrupt && message.contains("older than the store"), "{message}");
        }
    }
    fs::write(&key_path, newest).unwrap();
    store = Embedded::open(&path).unwrap();
    // Keys that were dropped are not missed.
    assert_eq!(smol::block_on(store.drop_old_keys()).unwrap().len(), 2);
    drop(store);
    Embedded::open(&path).unwrap();
}

/// Killed between the key file and the store: the next opening uses the new key, and so records it.
#[test]
fn a_key_that_an_opening_finds_is_recorded_before_it_is_used() {
    let (folder, path) = place();
    let key_path = path.with_extension("db.key");
    let kept = folder.path().join("kept.db");
    let store = Embedded::open(&path).unwrap();
    store.snapshot(&kept).unwrap();
    let before = fs::read(&key_path).unwrap();
    store.rotate_key().unwrap();
    fs::copy(&key_path, kept.with_extension("db.key")).unwrap();
    drop(Embedded::open(&kept).unwrap());
    fs::write(kept.with_extension("db.key"), before).unwrap();
    assert!(refused(Embedded::open(&kept)).1.contains("older than the store"));
}

/// Opening looks first: only what is ours is changed.
#[cfg(unix)]
#[test]
fn files_of_others_keep_their_permissions_and_bytes() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let (folder, path) = place();
    let mode = |path: &PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let text = folder.path().join("notes.txt");
    fs::write(&text, "someone else's notes, longer than any header of a store").unwrap();
    let inner = folder.path().join("folder");
    fs::create_dir(&inner).unwrap();
    let (to_text, to_folder, to_nothing) = (folder.path().join("a"), folder.path().join("b"), folder.path().join("c"));
    symlink(&text, &to_text).unwrap();
    symlink(&inner, &to_folder).unwrap();
    symlink(folder.path().join("absent"), &to_nothing).unwrap();
    for (file, mode) in [(&text, 0o644), (&inner, 0o755)] {
        fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
    }
    for foreign in [&text, &inner, &to_text, &to_folder] {
        assert_eq!(refused(Embedded::open(foreign)).0, StoreErrorKind::Corrupt, "{}", foreign.display());
    }
    assert!(Embedded::open(&to_nothing).is_err());
    assert_eq!((mode(&text), mode(&inner)), (0o644, 0o755));
    assert!(fs::read_to_string(&text).unwrap().starts_with("someone else's"));
    assert!(!folder.path().join("absent").exists() && !folder.path().join("notes.txt.key").exists());

    // A link to a store is one.
    drop(Embedded::open(&path).unwrap());
    assert_eq!(mode(&path), 0o600);
    let (link, link_key) = (folder.path().join("link.db"), folder.path().join("link.db.key"));
    symlink(&path, &link).unwrap();
    fs::copy(path.with_extension("db.key"), &link_key).unwrap();
    drop(Embedded::open(&link).unwrap());
    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    assert!(!names.iter().any(|name| name.contains(".new")), "nothing is left beside the store: {names:?}");
}

#[test]
fn a_key_of_the_right_name_and_other_bytes_is_told_at_once() {
    let (_folder, path) = place();
    let key_path = path.with_extension("db.key");
    let store = Embedded::open(&path).unwrap();
    store.rotate_key().unwrap();
    drop(store);
    let right: serde_json::Value = serde_json::from_slice(&fs::read(&key_path).unwrap()).unwrap();
    for n in 0..2 {
        let mut keys = right.clone();
        keys["keys"][n]["key"] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".into();
        fs::write(&key_path, keys.to_string()).unwrap();
        for opened in [Embedded::open(&path), Embedded::open_read_only(&path)] {
            let (kind, message) = refused(opened);
            assert_eq!(kind, StoreErrorKind::Corrupt);
            assert!(message.contains("not the one that the store was made with"), "{message}");
        }
    }
    fs::write(&key_path, right.to_string()).unwrap();
    Embedded::open(&path).unwrap();
}

#[tokio::test]
async fn a_store_without_its_own_keys_is_refused() {
    let (folder, path) = place();
    let key_path = path.with_extension("db.key");
    drop(Embedded::open(&path).unwrap());
    let keys = fs::read(&key_path).unwrap();
    fs::remove_file(&key_path).unwrap();
    for opened in [Embedded::open(&path), Embedded::open_read_only(&path)] {
        let (kind, message) = refused(opened);
        assert_eq!(kind, StoreErrorKind::Corrupt);
        assert!(message.contains("key file is gone"), "{message}");
    }
    assert!(!key_path.exists(), "a missing key file is not replaced");

    let other = folder.path().join("other.db");
    drop(Embedded::open(&other).unwrap());
    fs::copy(other.with_extension("db.key"), &key_path).unwrap();
    assert!(refused(Embedded::open(&path)).1.contains("belongs to another store"));
    for damaged in ["", "{}", r#"{"v":1,"keys":[]}"#, r#"{"v":1,"keys":[{"id":"k","key":"AAAA"}]}"#] {
        fs::write(&key_path, damaged).unwrap();
        assert_eq!(refused(Embedded::open(&path)).0, StoreErrorKind::Corrupt);
    }
    fs::write(&key_path, r#"{"v":2,"keys":[]}"#).unwrap();
    assert!(refused(Embedded::open(&path)).1.contains("unknown version"));
    fs::write(&key_path, keys).unwrap();
    Embedded::open(&path).unwrap();
}

#[tokio::test]
async fn a_rotated_key_is_current_and_the_older_ones_stay() {
    let (_folder, path) = place();
    let store = Embedded::open(&path).unwrap();
    let first = store.keys().current();
    let second = store.rotate_key().unwrap();
    let third = store.rotate_key().unwrap();
    assert_eq!(store.keys().current().id(), third);
    drop(store);
    let store = Embedded::open(&path).unwrap();
    let keys = store.keys();
    assert_eq!(keys.current().id(), third);
    assert!(keys.by_id(&second).is_some() && keys.by_id("unknown").is_none());
    assert_eq!(keys.by_id(first.id()).unwrap().fingerprint(&[b"x"]), first.fingerprint(&[b"x"]));
}

#[tokio::test]
async fn a_reader_finds_a_key_that_the_host_made_after_it_opened() {
    let (_folder, path) = place();
    let store = Embedded::open(&path).unwrap();
    let reader = Embedded::open_read_only(&path).unwrap();
    let first = store.keys().current();
    let rotated = store.rotate_key().unwrap();
    assert!(reader.keys().by_id("unknown").is_none());
    assert_eq!(reader.keys().current().id(), first.id(), "an id that no key has changes nothing");
    let key = reader.keys().by_id(&rotated).unwrap();
    assert_eq!(key.fingerprint(&[b"x"]), store.keys().current().fingerprint(&[b"x"]));
    assert_eq!(reader.keys().current().id(), rotated);
    fs::remove_file(path.with_extension("db.key")).unwrap();
    assert!(reader.keys().by_id("unknown").is_none() && reader.keys().by_id(first.id()).is_some());
}

#[test]
fn what_is_no_store_is_refused_with_what_to_do() {
    let (folder, path) = place();
    let missing = folder.path().join("absent").join("zengine.db");
    assert!(refused(Embedded::open(&missing)).1.contains("folder of the store does not exist"));

    fs::write(&path, "a text file that somebody named by mistake, longer than any header").unwrap();
    assert_eq!(refused(Embedded::open(&path)).0, StoreErrorKind::Corrupt);
    assert_eq!(fs::read(&path).unwrap().len(), 66, "it is left as it was");

    let foreign = folder.path().join("foreign.db");
    let table: redb::TableDefinition<'_, u64, u64> = redb::TableDefinition::new("somebody_elses");
    let database = redb::Database::create(&foreign).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(table).unwrap().insert(1, 1).unwrap();
    transaction.commit().unwrap();
    drop(database);
    assert_eq!(refused(Embedded::open(&foreign)), (StoreErrorKind::Corrupt, "the file is not a store: name another one"));
    assert!(!foreign.with_extension("db.key").exists());
}

/// A store that was lost must not come back empty: every message that it settled would be sent again.
#[test]
fn what_is_left_of_a_lost_store_never_becomes_a_new_one() {
    let (_folder, path) = place();
    let key_path = path.with_extension("db.key");
    fs::write(&path, "").unwrap();
    for opened in [Embedded::open(&path), Embedded::open_read_only(&path)] {
        let (kind, message) = refused(opened);
        assert_eq!(kind, StoreErrorKind::Corrupt);
        assert!(message.contains("the file is empty"), "{message}");
    }
    assert!(fs::read(&path).unwrap().is_empty() && !key_path.exists(), "both are left as they were");

    fs::remove_file(&path).unwrap();
    drop(Embedded::open(&path).unwrap());
    let (store, keys) = (fs::read(&path).unwrap(), fs::read(&key_path).unwrap());
    fs::write(&path, "").unwrap();
    assert!(refused(Embedded::open(&path)).1.contains("the file is empty"));
    for left in [&*keys, b"", b"not a key file"] {
        let _ = fs::remove_file(&path);
        fs::write(&key_path, left).unwrap();
        let (kind, message) = refused(Embedded::open(&path));
        assert_eq!(kind, StoreErrorKind::Corrupt);
        assert!(message.contains("the store is gone, and its key file is there"), "{message}");
        assert!(!path.exists() && fs::read(&key_path).unwrap() == left);
    }

    fs::write(&path, store).unwrap();
    fs::write(&key_path, keys).unwrap();
    drop(Embedded::open(&path).unwrap());
    for file in [&path, &key_path] {
        fs::remove_file(file).unwrap();
    }
    Embedded::open(&path).unwrap();
}

/// A killed creation leaves the file, or the file and its keys, and nothing in it yet.
#[test]
fn a_creation_that_was_cut_off_opens_at_each_of_its_steps() {
    let (folder, path) = place();
    let key_path = path.with_extension("db.key");
    let other = folder.path().join("other.db");
    drop(Embedded::open(&other).unwrap());
    for with_keys in [false, true] {
        let mut engine = redb::Builder::new();
        drop(engine.set_concurrency_mode(redb::ConcurrencyMode::SingleWriter).create(&path).unwrap());
        if with_keys {
            fs::copy(other.with_extension("db.key"), &key_path).unwrap();
        }
        drop(Embedded::open(&path).unwrap());
        drop(Embedded::open(&path).unwrap());
        assert_eq!(fs::read(&key_path).unwrap() == fs::read(other.with_extension("db.key")).unwrap(), with_keys);
        for file in [&path, &key_path] {
            fs::remove_file(file).unwrap();
        }
    }
}

/// The host that makes a store first makes its file and then its keys; one that comes in between waits or opens it.
#[test]
fn hosts_that_make_the_same_store_at_once_see_it_busy_and_never_lost() {
    for _ in 0..20 {
        let (_folder, path) = place();
        let opened = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| Embedded::open(&path))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        assert_eq!(opened.iter().filter(|opened| opened.is_ok()).count(), 1);
        for refused in opened.into_iter().filter_map(Result::err) {
            assert_eq!(refused.kind, StoreErrorKind::StoreBusy, "{refused}");
        }
    }
}

#[test]
fn case_30_a_store_of_an_unknown_format_is_refused_with_what_to_do() {
    let (_folder, path) = place();
    drop(Embedded::open(&path).unwrap());
    let meta: redb::TableDefinition<'_, &str, &str> = redb::TableDefinition::new("meta");
    let database = redb::Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(meta).unwrap().insert("format", "1").unwrap();
    transaction.commit().unwrap();
    drop(database);
    for opened in [Embedded::open(&path), Embedded::open_read_only(&path)] {
        let (kind, message) = refused(opened);
        assert_eq!(kind, StoreErrorKind::Corrupt);
        assert!(message.contains("use the release that wrote it"), "{message}");
    }
}

#[tokio::test]
async fn case_30_a_record_of_an_unknown_version_is_an_error_and_never_a_fresh_claim() {
    let (_folder, path) = place();
    drop(Embedded::open(&path).unwrap());
    let claims: redb::TableDefinition<'_, &str, &[u8]> = redb::TableDefinition::new("claims");
    let database = redb::Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(claims).unwrap().insert(key("1").as_str(), &br#"{"v":2,"status":"delivered"}"#[..]).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let store = Embedded::open(&path).unwrap();
    let far = NOW + 1_000 * 24 * 3_600_000;
    for now in [NOW, far] {
        let error = store.claims().apply(&key("1"), &claim(&store, "a", now), None, now).await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Corrupt);
        assert!(!format!("{error} {error:?}").contains("acme"));
    }
    assert!(store.claims().apply(&key("2"), &claim(&store, "a", far), None, far).await.unwrap().done);
    assert_eq!(store.claims().get(&key("1")).await.unwrap_err().kind, StoreErrorKind::Corrupt);
    drop(store);
    let database = redb::Database::open(&path).unwrap();
    assert!(database.begin_read().unwrap().open_table(claims).unwrap().get(key("1").as_str()).unwrap().is_some());
}

#[tokio::test]
async fn a_damaged_record_hides_no_other_from_a_list_or_a_sweep() {
    let (_folder, path) = place();
    drop(Embedded::open(&path).unwrap());
    let letter = |id: &str| {
        serde_json::from_value::<DeadLetter>(json!({
            "v": 1, "direction": "outbound", "failure_id": id, "tenant": "acme", "strategy": "sns-sms", "body": "", "outcome": "failed",
            "at_ms": NOW,
        }))
        .unwrap()
        .to_cbor()
    };
    let database = redb::Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    for (table, key, bytes) in [
        ("dead_letters", "f-1", letter("f-1")),
        ("dead_letters", "f-2", vec![0xff]),
        ("dead_letters", "f-3", letter("f-3")),
        ("dead_letters", "f-4", vec![]),
        ("claims", key("1").as_str(), vec![0xff]),
    ] {
        let table: redb::TableDefinition<'_, &str, &[u8]> = redb::TableDefinition::new(table);
        transaction.open_table(table).unwrap().insert(key, &*bytes).unwrap();
    }
    transaction.commit().unwrap();
    drop(database);

    let store = Embedded::open(&path).unwrap();
    let mut after = None;
    let mut pages = vec![];
    loop {
        let page = store.dead_letters().list(after.as_ref(), 2).await.unwrap();
        let ids: Vec<_> = page.letters.iter().map(|letter| letter.failure_id.to_string()).collect();
        pages.push((ids, page.unreadable.iter().map(ToString::to_string).collect::<Vec<_>>()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(pages, [(vec!["f-1".into()], vec!["f-2".into()]), (vec!["f-3".into()], vec!["f-4".into()])]);
    assert_eq!(store.dead_letters().get(&FailureId::new("f-2").unwrap()).await.unwrap_err().kind, StoreErrorKind::Corrupt);

    let due = store.claims().due(NOW, None, 10).await.unwrap();
    assert_eq!((due.records.len(), due.unreadable, due.next), (0, 1, None));
}

/// The engine trusts its file, and panics over some damage.
#[tokio::test]
async fn a_damaged_file_is_a_typed_error_and_never_a_panic() {
    let (folder, path) = place();
    let store = Embedded::open(&path).unwrap();
    for n in 0..200 {
        store.claims().apply(&key(&n.to_string()), &claim(&store, "a", NOW), None, NOW).await.unwrap();
    }
    drop(store);
    let whole = fs::read(&path).unwrap();
    let damaged = folder.path().join("damaged.db");
    fs::copy(path.with_extension("db.key"), damaged.with_extension("db.key")).unwrap();
    let zeroed = |at: usize, length: usize| {
        let mut bytes = whole.clone();
        bytes[at..][..length].fill(0);
        bytes
    };
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        bytes
    };
    let mut files: Vec<Vec<u8>> = (0..512).step_by(9).map(flipped).collect();
    files.extend((0..whole.len() / 4096).step_by(whole.len() / 4096 / 40 + 1).map(|page| zeroed(page * 4096, 4096)));
    files.extend([1, 320, 4096, whole.len() / 2, whole.len() - 1].map(|length| whole[..length].to_vec()));
    let mut refused = 0;
    for bytes in files {
        fs::write(&damaged, bytes).unwrap();
        let works = async || {
            Embedded::open_read_only(&damaged).map(drop).ok();
            let store = Embedded::open(&damaged)?;
            store.claims().get(&key("7")).await?;
            store.claims().due(NOW, None, 1000).await?;
            store.claims().apply(&key("new"), &claim(&store, "a", NOW), None, NOW).await.map(drop)
        };
        refused += usize::from(works().await.is_err());
    }
    assert!(refused > 10, "{refused} were refused");
}

#[tokio::test]
async fn a_snapshot_is_a_store_of_its_own_with_the_same_keys() {
    let (folder, path) = place();
    let store = Embedded::open(&path).unwrap();
    let written = store.claims().apply(&key("1"), &claim(&store, "a", NOW), None, NOW).await.unwrap();
    let (tenant, strategy) = (TenantId::new("acme").unwrap(), StrategyName::new("sns-sms").unwrap());
    store.tenant_writer().put(&tenant, &strategy, serde_json::json!({}).into()).await.unwrap();
    let copy = folder.path().join("copy.db");
    store.snapshot(&copy).unwrap();
    assert_eq!(store.snapshot(&copy).unwrap_err().kind, StoreErrorKind::Conflict);
    assert!(store.claims().apply(&key("2"), &claim(&store, "a", NOW), None, NOW).await.unwrap().done);
    let copied = Embedded::open(&copy).unwrap();
    assert_eq!(copied.claims().get(&key("1")).await.unwrap().as_ref(), written.record.as_deref());
    assert_eq!(copied.claims().get(&key("2")).await.unwrap(), None);
    assert_eq!(copied.keys().current().id(), store.keys().current().id());
    let directory = Stores::from(&copied).directory.unwrap();
    assert!(directory.config(&TenantId::new("acme").unwrap(), &StrategyName::new("sns-sms").unwrap()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_file_is_encrypted_and_goes_with_rotations_and_snapshots() {
    let (folder, path) = place();
    let mut store = Embedded::open(&path).unwrap();
    let (acme, bytes) = (TenantId::new("acme").unwrap(), Bytes::from(b"canary of a file ".repeat(20_000)));
    let file = NewFile::new(bytes.clone()).with_mime("text/canary").with_name("canary.txt");
    let stored = store.media().put(&acme, "1", &file, Duration::from_secs(3600), NOW).await.unwrap();
    let old = store.keys().current().id().to_owned();
    let _ = store.rotate_key().unwrap();
    let report = store.reseal().await.unwrap();
    assert_eq!((report.resealed, report.unreadable), (7, 0), "six parts and the facts");
    assert_eq!(store.drop_old_keys().await.unwrap(), [old]);
    let copy = folder.path().join("copy.db");
    store.snapshot(&copy).unwrap();
    for store in [store, Embedded::open(&copy).unwrap()] {
        assert_eq!(store.media().info(&acme, &stored.id, NOW).await.unwrap().as_ref(), Some(&stored));
        assert!(store.media().get(&acme, &stored.id, 0..u64::MAX, NOW).await.unwrap().unwrap() == bytes);
    }
    for path in [path, copy] {
        assert!(!fs::read(path).unwrap().windows(6).any(|six| six == b"canary"));
    }
}

#[test]
fn a_snapshot_never_replaces_the_keys_of_another_store() {
    let (folder, path) = place();
    let store = Embedded::open(&path).unwrap();
    let (copy, other_key) = (folder.path().join("copy.db"), folder.path().join("copy.db.key"));
    fs::write(&other_key, "the only key of a store whose file is elsewhere").unwrap();
    let refused = store.snapshot(&copy).unwrap_err();
    assert_eq!((refused.kind, copy.exists()), (StoreErrorKind::Conflict, false));
    assert!(fs::read_to_string(&other_key).unwrap().starts_with("the only key"));

    fs::remove_file(&other_key).unwrap();
    fs::write(&copy, "something").unwrap();
    assert_eq!(store.snapshot(&copy).unwrap_err().kind, StoreErrorKind::Conflict);
    assert!(!other_key.exists() && fs::read_to_string(&copy).unwrap() == "something");
}

#[tokio::test]
async fn what_is_over_makes_room_and_compaction_gives_it_back() {
    let (_folder, path) = place();
    let store = Embedded::open(&path).unwrap();
    let ids: Vec<_> = (0..300).map(|n| key(&format!("old-{n}"))).collect();
    let all =
        join_all(ids.iter().map(|key| async { store.claims().apply(key, &claim(&store, "a", NOW), None, NOW).await.unwrap().done })).await;
    assert!(all.iter().all(|done| *done));
    for n in 0..50 {
        let document = Bytes::from(vec![1; 100_000]);
        assert!(store.epochs().append("log", EpochEntry::new(n, document)).await.unwrap());
    }
    let later = NOW + 3_600_000;
    for n in 0..300 {
        assert!(store.claims().apply(&key(&format!("new-{n}")), &claim(&store, "a", later), None, later).await.unwrap().done);
    }
    for key in &ids {
        assert_eq!(store.claims().get(key).await.unwrap(), None, "removed by later writes");
    }
    store.epochs().trim("log", 50).await.unwrap();
    let before = fs::metadata(&path).unwrap().len();
    assert!(store.compact().await.unwrap());
    assert!(fs::metadata(&path).unwrap().len() < before / 2);
    assert!(store.claims().get(&key("new-7")).await.unwrap().is_some());
    assert!(store.claims().apply(&key("after"), &claim(&store, "a", later), None, later).await.unwrap().done);
}

#[tokio::test]
async fn the_newest_ten_thousand_events_are_kept_in_order() {
    let (_folder, path) = place();
    let store = Embedded::open(&path).unwrap();
    let event = |n: usize| {
        let (tenant, strategy) = (TenantId::new("acme").unwrap(), StrategyName::new("sns-sms").unwrap());
        let id = ClientMessageId::new(n.to_string()).unwrap();
        DomainEvent::OutboundFailed(OutboundFailed::new(FailureId::new(format!("f-{n}")).unwrap(), tenant, strategy, id, "failed", NOW))
    };
    let (events, total) = (store.events(), 10_020);
    let published = join_all((0..total).map(|n| {
        let (events, event) = (&events, event(n));
        async move { events.publish(&event).await }
    }))
    .await;
    assert!(published.iter().all(Result::is_ok));
    let (mut seen, mut after) = (Vec::new(), 0);
    loop {
        let page = store.published(after, 999).unwrap();
        let Some((last, _)) = page.last() else { break };
        after = *last;
        seen.extend(page.into_iter().map(|(_, event)| event));
    }
    assert_eq!(seen, (20..total).map(event).collect::<Vec<_>>());
}

#[test]
fn it_works_on_any_executor() {
    let (_folder, path) = place();
    let store = Embedded::open(&path).unwrap();
    smol::block_on(async {
        assert!(store.claims().apply(&key("1"), &claim(&store, "a", NOW), None, NOW).await.unwrap().done);
    });
}

#[tokio::test]
async fn a_snapshot_by_a_reader_has_the_keys_of_a_rotation_since_it_was_opened() {
    use zengine_connector::{Secret, store::SecretScope};
    let (folder, path) = place();
    let store = Embedded::open(&path).unwrap();
    let scope = SecretScope::shared(zengine_connector::StrategyName::new("sns-sms").unwrap());
    store.tenant_writer().put_secret(&scope, "token", vec![Secret::from(b"v1".to_vec())]).await.unwrap();
    let reader = Embedded::open_read_only(&path).unwrap();
    store.rotate_key().unwrap();
    assert!(store.reseal().await.unwrap().resealed > 0);
    let copy = folder.path().join("copy.db");
    reader.snapshot(&copy).unwrap();
    let restored = Embedded::open(&copy).unwrap();
    let values = restored.secrets().get(&scope, "token").await.unwrap();
    assert_eq!(values[0].expose_str(), Some("v1"));

    // Never a copy without its keys.
    fs::remove_file(path.with_extension("db.key")).unwrap();
    let copy = folder.path().join("second.db");
    assert_eq!(reader.snapshot(&copy).unwrap_err().kind, StoreErrorKind::Corrupt);
    assert!(!copy.exists() && !copy.with_extension("db.key").exists());
}
