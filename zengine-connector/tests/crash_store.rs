//! The embedded store is killed at random moments; what it acknowledged is there afterwards.
//!
//! The test runs this program again as the process that is killed. It prints a line after every acknowledged write.

#![allow(clippy::unwrap_used)] // helpers of tests

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
};

use futures_util::future::join_all;
use zengine_connector::{
    ClientMessageId, ErrorKind, Identity, Orchestrator, OutboundMessage, Outcome, Reach, StrategyName, TenantId,
    runtime::{Rng as _, SystemRng},
    store::{
        AttemptsMade, ClaimKey, ClaimOp, ClaimStatus, Effects, Embedded, Fingerprint, Lease, OwnerToken, StoredReceipt, TenantRow, Terminal,
    },
    testing::{ProviderAnswer, Recording, block_on},
};

const STORE: &str = "ZENGINE_CRASH_STORE";
const ROUND: &str = "ZENGINE_CRASH_ROUND";
const FOLDER: &str = "ZENGINE_CRASH_FOLDER";
const NOW: i64 = 1_767_225_600_000;
const ROTATED: &str = "ZENGINE_CRASH_ROTATED";
const KILLS: usize = 10;

fn key(id: &str) -> ClaimKey {
    ClaimKey::outbound(&TenantId::new("acme").unwrap(), &StrategyName::new("sns-sms").unwrap(), &ClientMessageId::new(id).unwrap())
}

/// Writes until it is killed: claims, marks and commits, eight at a time.
fn write_until_killed(path: &Path, round: &str) {
    let store = Embedded::open(path).unwrap();
    let claims = store.claims();
    let say = |line: String| {
        let mut out = std::io::stdout().lock();
        out.write_all(format!("{line}\n").as_bytes()).and_then(|()| out.flush()).unwrap();
    };
    let send = |id: String| {
        let claims = &claims;
        let say = &say;
        async move {
            let key = key(&id);
            let lease = Lease { owner: OwnerToken::named("o"), boot: claims.boot().map(Into::into), until_ms: NOW + 60_000 };
            let steps = [
                ("claimed", ClaimOp::Claim { lease, fingerprint: Fingerprint::new([1; 16], 1, "k"), skew_ms: 0, ttl_s: 86_400 }),
                ("sending", ClaimOp::Mark { owner: OwnerToken::named("o"), idempotency: None, ttl_s: 86_400 }),
                (
                    "delivered",
                    ClaimOp::Commit {
                        owner: OwnerToken::named("o"),
                        terminal: Terminal::Delivered,
                        result: Some(StoredReceipt::sealed(&b"r"[..])),
                        error: None,
                        made: AttemptsMade::new(1),
                        effects: Effects::NONE,
                        ttl_s: 86_400,
                    },
                ),
            ];
            for (name, step) in steps {
                assert!(claims.apply(&key, &step, None, NOW).await.unwrap().done);
                say(format!("{id} {name}"));
            }
        }
    };
    for n in 0.. {
        block_on(join_all((0..8).map(|worker| send(format!("{round}-{n}-{worker}")))));
    }
}

/// Creates stores until it is killed.
fn create_until_killed(folder: &Path) {
    for n in 0.. {
        let mut out = std::io::stdout().lock();
        out.write_all(format!("creating {n}\n").as_bytes()).and_then(|()| out.flush()).unwrap();
        drop(Embedded::open(folder.join(format!("{n}.db"))).unwrap());
    }
}

#[test]
fn a_process_killed_while_it_creates_a_store_leaves_none_that_does_not_open() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return create_until_killed(Path::new(&folder));
    }
    for round in 0..KILLS {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_process_killed_while_it_creates_a_store_leaves_none_that_does_not_open", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        // The kill comes while the store of this line is being made: at once, when its file is there, or when its keys are.
        let made = out.lines().map_while(Result::ok).filter(|line| line.contains("creating ")).nth(round % 5);
        let step = [None, Some("db"), Some("db.key")][round % 3].map(|end| folder.path().join(format!("{}.{end}", round % 5)));
        while step.as_ref().is_some_and(|file| !file.exists()) {
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(made.is_some());
        for n in 0..=round % 5 + 1 {
            Embedded::open(folder.path().join(format!("{n}.db"))).unwrap_or_else(|error| panic!("store {n} of kill {round}: {error}"));
        }
    }
}

/// Rotates the keys and encrypts everything anew until it is killed.
fn rotate_until_killed(path: &Path) {
    let store = Embedded::open(path).unwrap();
    for n in 0.. {
        store.rotate_key().unwrap();
        let mut out = std::io::stdout().lock();
        out.write_all(format!("rotated {n}\n").as_bytes()).and_then(|()| out.flush()).unwrap();
        assert_eq!(block_on(store.reseal()).unwrap().unreadable, 0);
    }
}

/// Sends messages, of which every second fails, and returns the number of letters and receipts that open.
async fn sealed(store: &Embedded, sends: usize) -> (usize, usize) {
    let recording = Recording::new();
    let host = Orchestrator::builder().strategy(recording.clone()).stores(store).sweep_every(None).build().unwrap();
    store
        .tenant_writer()
        .put(&TenantId::new("acme").unwrap(), &StrategyName::new("recording").unwrap(), TenantRow::new(serde_json::json!({})))
        .await
        .unwrap();
    let message = OutboundMessage::text(Identity::phone("+15551230001").unwrap(), "hello");
    for (kind, answer) in [("ok", ProviderAnswer::Accept), ("bad", ProviderAnswer::error(ErrorKind::OptedOut, Reach::Processed))] {
        recording.answer_always(answer);
        let outcomes = join_all((0..sends).map(|n| host.send("acme", "recording", format!("{kind}-{n}"), &message))).await;
        assert!(outcomes.iter().all(Result::is_ok));
    }
    opened(store, sends).await
}

/// The number of letters and of receipts that open.
async fn opened(store: &Embedded, sends: usize) -> (usize, usize) {
    let host = Orchestrator::builder().strategy(Recording::new()).stores(store).sweep_every(None).build().unwrap();
    let letters = store.dead_letters().list(None, 10_000).await.unwrap().letters;
    let letters = letters.iter().filter(|letter| letter.open(&*store.keys()).is_ok()).count();
    let mut receipts = 0;
    for n in 0..sends {
        let outcome = host.outcome("acme", "recording", format!("ok-{n}")).await.unwrap();
        receipts += usize::from(matches!(outcome, Some(Outcome::Delivered(delivered)) if delivered.provider_id().is_some()));
    }
    (letters, receipts)
}

#[test]
fn a_rotation_of_keys_that_is_killed_leaves_everything_readable_and_is_finished_later() {
    const SENDS: usize = 400;
    if let Some(path) = std::env::var_os(ROTATED) {
        return rotate_until_killed(Path::new(&path));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zengine.db");
    assert_eq!(runtime.block_on(sealed(&Embedded::open(&path).unwrap(), SENDS)), (SENDS, SENDS));
    for round in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_rotation_of_keys_that_is_killed_leaves_everything_readable_and_is_finished_later", "--nocapture"])
            .env(ROTATED, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        assert!(out.lines().map_while(Result::ok).filter(|line| line.contains("rotated ")).nth(round % 3).is_some());
        // Somewhere in the pages that follow.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let moment = (SystemRng.unit() * 2_000.0) as u32;
        (0..moment).for_each(|_| std::thread::yield_now());
        child.kill().unwrap();
        child.wait().unwrap();
        let store = Embedded::open(&path).unwrap();
        assert_eq!(runtime.block_on(opened(&store, SENDS)), (SENDS, SENDS), "after kill {round}");
    }
    let store = Embedded::open(&path).unwrap();
    assert_eq!(block_on(store.reseal()).unwrap().unreadable, 0);
    assert_eq!(runtime.block_on(opened(&store, SENDS)), (SENDS, SENDS));
}

fn rank(status: &str) -> u8 {
    match status {
        "claimed" => 1,
        "sending" => 2,
        "delivered" => 3,
        _ => 0,
    }
}

fn rank_of(status: ClaimStatus) -> u8 {
    match status {
        ClaimStatus::Claimed => 1,
        ClaimStatus::Sending => 2,
        ClaimStatus::Delivered => 3,
        _ => 0,
    }
}

#[test]
fn no_acknowledged_write_is_lost_when_the_process_is_killed() {
    if let (Some(path), Ok(round)) = (std::env::var_os(STORE), std::env::var(ROUND)) {
        return write_until_killed(Path::new(&path), &round);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zengine.db");
    let mut acknowledged = Vec::new();
    let mut boots = BTreeSet::new();
    for round in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "no_acknowledged_write_is_lost_when_the_process_is_killed", "--nocapture"])
            .env(STORE, &path)
            .env(ROUND, round.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // A random number of acknowledgements is a random moment, and needs no clock.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let moment = 1 + (SystemRng.unit() * 300.0) as usize;
        let out = BufReader::new(child.stdout.take().unwrap());
        let mut seen = 0;
        for line in out.lines() {
            let line = line.unwrap();
            // The test framework's own lines have no such form.
            if let Some((id, status)) = line.split_once(' ').filter(|(_, status)| rank(status) > 0) {
                acknowledged.push((id.to_owned(), rank(status)));
                seen += 1;
            }
            if seen == moment {
                child.kill().unwrap();
            }
        }
        assert!(seen >= moment, "the writer wrote until it was killed");
        child.wait().unwrap();

        let reader = Embedded::open_read_only(&path).map(|_| ()).unwrap_err();
        assert!(reader.message.contains("open it once for writing"), "{reader}");
        let store = Embedded::open(&path).unwrap();
        assert!(Embedded::open_read_only(&path).is_ok());
        boots.insert(store.claims().boot().unwrap().to_owned());
        for (id, at_least) in &acknowledged {
            let record = block_on(store.claims().get(&key(id))).unwrap();
            let record = record.unwrap_or_else(|| panic!("{id} was acknowledged and is gone after kill {round}"));
            assert!(rank_of(record.status) >= *at_least, "{id} fell back after kill {round}");
        }
    }
    assert_eq!(boots.len(), KILLS);
    assert!(acknowledged.len() >= KILLS);
}
