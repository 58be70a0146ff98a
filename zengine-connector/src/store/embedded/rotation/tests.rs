//! A rotation that is cut off after every page.

use std::{path::Path, time::Duration};

use bytes::Bytes;
use smol::block_on;

use super::{
    super::{KeyFile, named_keys, owners_of},
    *,
};
use crate::{
    ids::{ClientMessageId, FailureId, StrategyName, TenantId},
    store::{
        AttemptsMade, ClaimKey, ClaimOp, Effects, Embedded, Evidence, Fingerprint, InboundOp, Lease, LetterDirection, OwnerToken,
        SecretScope, StoreErrorKind, Terminal,
    },
};

const NOW: i64 = 1_767_225_600_000;
/// Entries of each table: a page and a quarter.
const EACH: usize = PAGE * 5 / 4;

fn place() -> (TenantId, StrategyName) {
    (TenantId::new("acme").unwrap(), StrategyName::new("sns-sms").unwrap())
}

fn claim_key(n: usize) -> ClaimKey {
    let (tenant, strategy) = place();
    ClaimKey::outbound(&tenant, &strategy, &ClientMessageId::new(format!("{n:05}")).unwrap())
}

async fn fill(store: &Embedded) {
    let keys = &*store.keys();
    let (tenant, strategy) = place();
    let receipt = |key: &ClaimKey, text: &str| {
        StoredReceipt::sealed(keyring::seal(keys, &SystemRng, &StoredReceipt::place(key.as_str()), text.as_bytes()).unwrap())
    };
    let one = async |n: usize| {
        let key = claim_key(n);
        let owner = OwnerToken::named("o");
        let lease = Lease { owner, boot: None, until_ms: NOW + 60_000 };
        let fingerprint = Fingerprint::new([1; 16], 1, keys.current().id());
        let result = (!n.is_multiple_of(3)).then(|| if n % 3 == 1 { StoredReceipt::EMPTY } else { receipt(&key, "receipt") });
        let terminal = if n.is_multiple_of(3) { Terminal::Unknown } else { Terminal::Delivered };
        let evidence = Evidence::new(crate::message::State::Delivered, NOW, Some(receipt(&key, "told")));
        let made = AttemptsMade::new(1);
        for operation in [
            ClaimOp::Claim { lease, fingerprint, skew_ms: 0, ttl_s: 100 },
            ClaimOp::Mark { owner, idempotency: None, ttl_s: 100 },
            ClaimOp::Commit { owner, terminal, result, error: None, made, effects: Effects::NONE, ttl_s: 100 },
        ] {
            assert!(store.claims().apply(&key, &operation, None, NOW).await.unwrap().done);
        }
        if n.is_multiple_of(3) {
            let tell = ClaimOp::Tell { key_generation: 0, evidence, skew_ms: 0, ttl_s: 100 };
            let told = store.claims().apply(&key, &tell, None, NOW).await.unwrap().record.unwrap();
            let clear = ClaimOp::ClearEffects { first_claimed_at_ms: NOW, generation: 0, done: told.effects_pending };
            let _ = store.claims().apply(&key, &clear, None, NOW).await.unwrap();
        }
        let id = FailureId::new(format!("f-{n:05}")).unwrap();
        let letter = DeadLetter::new(LetterDirection::Outbound, (&tenant, &strategy, id), "failed", NOW);
        let mut letter = letter.seal(keys, &SystemRng, b"body").unwrap();
        if n.is_multiple_of(2) {
            letter.provider_details = keyring::seal(keys, &SystemRng, &letter.details_bound(), b"{}").unwrap();
        }
        store.dead_letters().put(&letter).await.unwrap();
        let (scope, key) = ("acme|sns-sms", format!("{n:05}"));
        let value = keyring::seal(keys, &SystemRng, &sessions::place(scope, &key), b"session").unwrap();
        store.sessions().put(scope, &key, value, None, Duration::MAX, NOW).await.unwrap();
    };
    futures_util::future::join_all((0..EACH).map(one)).await;
    for n in 0..3 {
        store.tenant_writer().put_secret(&scope(), &n.to_string(), vec!["secret".into()]).await.unwrap();
    }
}

fn scope() -> SecretScope {
    let (tenant, strategy) = place();
    SecretScope::tenant(strategy, tenant)
}

/// Opens everything, and counts the values by the id of their key.
async fn opened(store: &Embedded) -> std::collections::BTreeMap<String, usize> {
    let (keys, mut by_key) = (&*store.keys(), std::collections::BTreeMap::new());
    let mut open = |place: &[&str], sealed: &[u8], text: &[u8]| {
        assert_eq!(keyring::open(keys, place, sealed).unwrap(), text);
        *by_key.entry(keyring::key_id(sealed).unwrap().to_owned()).or_default() += 1;
    };
    for n in 0..EACH {
        let key = claim_key(n);
        let record = store.claims().get(&key).await.unwrap().unwrap();
        if let Some(result) = record.result.filter(|result| !result.as_sealed().is_empty()) {
            open(&StoredReceipt::place(key.as_str()), result.as_sealed(), b"receipt");
        }
        if let Some(told) = record.evidence.and_then(|evidence| evidence.receipt) {
            open(&StoredReceipt::place(key.as_str()), told.as_sealed(), b"told");
        }
        let letter = store.dead_letters().get(&FailureId::new(format!("f-{n:05}")).unwrap()).await.unwrap().unwrap();
        open(&letter.bound().each_ref().map(|part| &**part), &letter.body, b"body");
        if !letter.provider_details.is_empty() {
            open(&letter.details_bound(), &letter.provider_details, b"{}");
        }
        let key = format!("{n:05}");
        let (_, value) = store.sessions().get("acme|sns-sms", &key, NOW).await.unwrap().unwrap();
        open(&sessions::place("acme|sns-sms", &key), &value, b"session");
    }
    for n in 0..3 {
        let secret = store.secrets().get(&scope(), &n.to_string()).await.unwrap();
        assert_eq!(secret[0].expose(), b"secret");
    }
    by_key
}

fn keys_in(path: &Path) -> usize {
    KeyFile::read(&KeyFile::beside(path), owners_of(path).unwrap()).unwrap().unwrap().ids().count()
}

#[test]
fn a_rotation_that_stops_after_any_page_leaves_everything_readable_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zengine.db");
    let store = Embedded::open(&path).unwrap();
    block_on(fill(&store));
    let before = block_on(opened(&store));
    let versions =
        |store: &Embedded| block_on(store.sessions().list(None, 10_000)).unwrap().sessions.iter().map(|it| it.version).collect::<Vec<_>>();
    let (unchanged, total) = (versions(&store), before.values().sum::<usize>());
    drop(store);
    for pages in 0..8 {
        let store = Embedded::open(&path).unwrap();
        let new = store.rotate_key().unwrap();
        // As many pages as are done when the process ends.
        let mut left = pages;
        'done: for table in 0..SEALED.len() {
            let mut after = None;
            loop {
                if left == 0 {
                    break 'done;
                }
                left -= 1;
                (after, _) = block_on(reseal_page(&store.engine, table, after)).unwrap();
                if after.is_none() {
                    break;
                }
            }
        }
        drop(store);
        let store = Embedded::open(&path).unwrap();
        let half = block_on(opened(&store));
        assert_eq!(half.values().sum::<usize>(), total, "after {pages} pages");
        assert_eq!(half.contains_key(&new), pages > 0);
        let report = block_on(store.reseal()).unwrap();
        assert_eq!(report.unreadable, 0);
        assert_eq!(block_on(opened(&store)), [(new, total)].into(), "after {pages} pages");
        assert_eq!(block_on(store.reseal()).unwrap().resealed, 0, "nothing is left");
        assert_eq!(versions(&store), unchanged, "a strategy that read a session before may write it");
    }
    assert_eq!(keys_in(&path), 9);
}

/// Rule 23: a fingerprint is compared under its own key, for as long as its record lives.
#[test]
fn rule_23_old_keys_go_when_the_records_that_they_hashed_are_gone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zengine.db");
    let mut store = Embedded::open(&path).unwrap();
    block_on(fill(&store));
    let first = store.keys().current().id().to_owned();
    let second = store.rotate_key().unwrap();
    let third = store.rotate_key().unwrap();

    let claims = store.claims();
    assert_eq!(block_on(store.drop_old_keys()).unwrap_err().kind, StoreErrorKind::StoreBusy, "a port may write under an old key");
    assert_eq!(keys_in(&path), 3);
    drop(claims);
    assert_eq!(block_on(store.drop_old_keys()).unwrap(), [second]);
    assert_eq!(block_on(store.reseal()).unwrap().in_use, BTreeSet::from([first.clone(), third.clone()]));
    assert_eq!(keys_in(&path), 2);
    let named: BTreeSet<_> = store.engine.read(named_keys).unwrap().into_iter().map(|(id, _)| id).collect();
    assert_eq!(named, BTreeSet::from([first.clone(), third.clone()]), "a key file without one of them is refused");

    // Later writes remove the expired records.
    let later = NOW + 200_000;
    let (sessions, keys) = (store.sessions(), store.keys());
    for round in 0..3 {
        block_on(futures_util::future::join_all((0..EACH).map(async |n| {
            let (scope, key) = ("other|sns-sms", format!("{round} {n}"));
            let value = keyring::seal(&*keys, &SystemRng, &sessions::place(scope, &key), b"x").unwrap();
            sessions.put(scope, &key, value, None, Duration::ZERO, later).await.unwrap()
        })));
    }
    drop((sessions, keys));
    assert_eq!(block_on(store.claims().get(&claim_key(0))).unwrap(), None);
    assert_eq!(block_on(store.drop_old_keys()).unwrap(), [first]);
    drop(store);
    assert_eq!(keys_in(&path), 1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(KeyFile::beside(&path)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    // The file's check value is that of the key that is left.
    let store = Embedded::open(&path).unwrap();
    assert_eq!(store.keys().current().id(), third);
    let letter = block_on(store.dead_letters().get(&FailureId::new("f-00001").unwrap())).unwrap().unwrap();
    assert_eq!(letter.open(&*store.keys()).unwrap(), "body");
}

#[test]
fn rule_84_the_key_of_an_event_s_fingerprint_stays_while_its_record_does() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Embedded::open(folder.path().join("zengine.db")).unwrap();
    let first = store.keys().current().id().to_owned();
    let (tenant, strategy) = place();
    let claim = |store: &Embedded, event: &str, now_ms: i64| {
        let key = ClaimKey::inbound(&tenant, &strategy, &crate::message::DedupeKey::of(&tenant, &strategy, event));
        let lease = Lease { owner: OwnerToken::named("o"), boot: None, until_ms: now_ms + 60_000 };
        let fingerprint = (event == "known").then(|| Fingerprint::new([1; 16], 1, store.keys().current().id()));
        let operation = InboundOp::Claim { lease, fingerprint, ttl_s: 100 };
        assert!(block_on(store.claims().apply_inbound(&key, &operation, None, now_ms)).unwrap().done);
    };
    claim(&store, "known", NOW);
    let second = store.rotate_key().unwrap();
    assert_eq!(block_on(store.reseal()).unwrap().in_use, BTreeSet::from([first.clone(), second.clone()]));
    assert_eq!(block_on(store.drop_old_keys()).unwrap(), Vec::<String>::new());
    // A later write removes the expired record.
    claim(&store, "other", NOW + 200_000);
    assert_eq!(block_on(store.drop_old_keys()).unwrap(), [first]);
}

#[test]
fn a_drop_of_keys_that_is_killed_between_its_two_writes_opens_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zengine.db");
    let mut store = Embedded::open(&path).unwrap();
    store.rotate_key().unwrap();
    let before = std::fs::read(KeyFile::beside(&path)).unwrap();
    assert_eq!(block_on(store.drop_old_keys()).unwrap().len(), 1);
    drop(store);
    // The store names the new key, and the key file still holds both.
    std::fs::write(KeyFile::beside(&path), before).unwrap();
    let mut store = Embedded::open(&path).unwrap();
    assert_eq!(block_on(store.drop_old_keys()).unwrap().len(), 1);
}

#[test]
fn what_cannot_be_read_is_counted_stays_and_keeps_every_key() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Embedded::open(folder.path().join("zengine.db")).unwrap();
    let first = store.keys().current().id().to_owned();
    let damage = store.engine.write(None, |transaction| {
        transaction.open_table(CLAIMS)?.insert("v1|a|s|1", &b"no record"[..])?;
        transaction.open_table(LETTERS)?.insert("f-1", &b"no letter"[..])?;
        transaction.open_table(SESSIONS)?.insert(("a|s", "k"), (1, i64::MAX, &b"not sealed"[..]))?;
        Ok(Done::Wrote(()))
    });
    block_on(damage).unwrap();
    let second = store.rotate_key().unwrap();
    let report = block_on(store.reseal()).unwrap();
    assert_eq!((report.resealed, report.unreadable), (0, 3));
    assert_eq!(report.in_use, BTreeSet::from([first, second]));
    assert_eq!(block_on(store.drop_old_keys()).unwrap(), Vec::<String>::new());
    assert_eq!(block_on(store.sessions().get("a|s", "k", NOW)).unwrap(), Some((1, Bytes::from_static(b"not sealed"))));
}

/// Changes a stored record in place.
fn edit<R: Record>(
    transaction: &WriteTransaction,
    table: TableDefinition<'_, &'static str, &'static [u8]>,
    key: &str,
    change: impl FnOnce(&mut R),
) -> Result<(), Fault> {
    let mut table = transaction.open_table(table)?;
    let mut record: R = decode(table.get(key)?.unwrap().value())?;
    change(&mut record);
    table.insert(key, &*encode(&record))?;
    Ok(())
}

#[test]
fn what_a_newer_release_wrote_is_counted_stays_and_keeps_every_key() {
    const NEWER: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("of_a_newer_release");
    fn add_member(unread: &mut crate::store::cbor::Unread) {
        unread.keep(100, &mut minicbor::Decoder::new(&[0x41, b'x'])).unwrap();
    }
    type Plant = fn(&WriteTransaction) -> Result<(), Fault>;
    let plants: [Plant; 4] = [
        |transaction| edit::<ClaimRecord>(transaction, CLAIMS, claim_key(1).as_str(), |claim| add_member(&mut claim.unread)),
        |transaction| {
            edit::<ClaimRecord>(transaction, CLAIMS, claim_key(0).as_str(), |claim| {
                add_member(&mut claim.evidence.as_mut().unwrap().unread);
            })
        },
        |transaction| edit::<DeadLetter>(transaction, LETTERS, "f-00000", |letter| add_member(&mut letter.unread)),
        |transaction| {
            transaction.open_table(NEWER)?.insert("key", &b"value"[..])?;
            Ok(())
        },
    ];
    let folder = tempfile::tempdir().unwrap();
    let mut store = Embedded::open(folder.path().join("zengine.db")).unwrap();
    block_on(fill(&store));
    let second = store.rotate_key().unwrap();
    store.rotate_key().unwrap();
    assert!(!block_on(store.reseal()).unwrap().in_use.contains(&second), "no fingerprint is of this key");
    for (n, plant) in plants.iter().enumerate() {
        store.engine.write_here(plant).unwrap();
        let report = block_on(store.reseal()).unwrap();
        assert_eq!((report.unreadable, report.in_use.contains(&second)), (n as u64 + 1, true), "plant {n}");
    }
    assert_eq!(block_on(store.drop_old_keys()).unwrap(), Vec::<String>::new());
    // What is known of such a record is encrypted anew, and the rest is as it was.
    let fourth = store.rotate_key().unwrap();
    block_on(store.reseal()).unwrap();
    assert!(block_on(opened(&store)).into_keys().eq([fourth]));
    assert!(block_on(store.claims().get(&claim_key(0))).unwrap().unwrap().evidence.unwrap().unread.len() == 1);
}

/// A rotation by root, over the store of a host that runs as another user.
#[cfg(unix)]
#[test]
fn a_new_key_file_belongs_to_the_owner_of_the_old_one() {
    use std::os::unix::fs::{MetadataExt as _, chown};
    const OTHER: u32 = 65_534;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zengine.db");
    drop(Embedded::open(&path).unwrap());
    let key_path = KeyFile::beside(&path);
    if [&path, &key_path].iter().any(|file| chown(file, Some(OTHER), Some(OTHER)).is_err()) {
        return; // Only root gives files away.
    }
    let owner = || {
        let about = std::fs::metadata(&key_path).unwrap();
        (about.uid(), about.gid(), about.mode() & 0o777)
    };
    let mut store = Embedded::open(&path).unwrap();
    store.rotate_key().unwrap();
    assert_eq!((owner(), keys_in(&path)), ((OTHER, OTHER, 0o600), 2));
    block_on(store.drop_old_keys()).unwrap();
    assert_eq!((owner(), keys_in(&path)), ((OTHER, OTHER, 0o600), 1));
}
