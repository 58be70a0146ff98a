//! `zengine sweep`: what a store still owes, without its host.

use std::path::Path;

use serde_json::{Value, json};
use zengine_connector::{
    ClientMessageId, Embedded, StrategyName, TenantId,
    store::{AttemptsMade, ClaimKey, ClaimOp, ClaimStatus, ClaimStore, Effects, Fingerprint, Lease, OwnerToken, Stores, Terminal},
    testing::block_on,
};

use crate::support::{Files, Run, zengine};

/// A day in 2020: whatever was left then is over.
const LONG_AGO: i64 = 1_580_000_000_000;

fn key(id: &str) -> ClaimKey {
    ClaimKey::outbound(&TenantId::new("acme").unwrap(), &StrategyName::new("sns-sms").unwrap(), &ClientMessageId::new(id).unwrap())
}

/// Leaves a send in doubt, or settled by an operation.
fn leave(claims: &dyn ClaimStore, id: &str, end: Option<ClaimOp>) {
    let owner = OwnerToken::named(id);
    let lease = Lease { owner, boot: None, until_ms: LONG_AGO + 60_000 };
    let claim = ClaimOp::Claim { lease, fingerprint: Fingerprint::new([1; 16], 1, "k"), skew_ms: 0, ttl_s: 86_400 };
    for operation in [claim, ClaimOp::Mark { owner, idempotency: None, ttl_s: 14 * 86_400 }].into_iter().chain(end) {
        assert!(block_on(claims.apply(&key(id), &operation, None, LONG_AGO)).unwrap().done);
    }
}

fn failed(id: &str, effects: Effects) -> ClaimOp {
    let (owner, made) = (OwnerToken::named(id), AttemptsMade::new(1));
    ClaimOp::Commit { owner, terminal: Terminal::Failed, result: None, error: None, made, effects, ttl_s: 86_400 }
}

fn sweep(store: &Path) -> Run {
    zengine(&["sweep", "--store", store.to_str().unwrap()], "")
}

fn counts(ended: u32, published: u32, waiting: u32, given_up: u32) -> Value {
    let mut counts = json!({ "ended": ended, "published": published, "overdue": 0, "failed": 0 });
    counts["waiting_for_letter"] = waiting.into();
    counts["letters_given_up"] = given_up.into();
    counts
}

#[test]
fn rule_29_a_store_is_swept_and_events_are_published() {
    let files = Files::new();
    let path = files.path("host.db");
    let store = Embedded::open(&path).unwrap();
    let claims = Stores::from(&store).claims;
    leave(&*claims, "doubt", None);
    leave(&*claims, "event", Some(failed("event", Effects::EVENT)));
    leave(&*claims, "both", Some(failed("both", Effects::BOTH)));
    let busy = sweep(&path).ended(1);
    assert!(busy.err.contains("stop the host first") && busy.out.is_empty(), "{busy:?}");
    drop((claims, store));

    assert_eq!(sweep(&path).ended(0).line(), counts(1, 3, 1, 1));
    let store = Embedded::open(&path).unwrap();
    let record = block_on(Stores::from(&store).claims.get(&key("doubt"))).unwrap().unwrap();
    assert_eq!((record.status, record.effects_pending), (ClaimStatus::Unknown, Effects::LETTER));
}

#[test]
fn a_store_that_is_not_there_is_not_made() {
    let files = Files::new();
    let path = files.path("missing.db");
    let run = sweep(&path).ended(2);
    assert!(run.err.contains("there is no store") && !path.exists(), "{run:?}");
    zengine(&["sweep"], "").ended(2);
}

/// The engine of the store panics over some damage. That is no bug, and the command ends as over any other damage.
#[test]
fn a_damaged_store_is_reported_as_such_and_not_as_a_bug() {
    let files = Files::new();
    let path = files.path("host.db");
    let store = Embedded::open(&path).unwrap();
    let claims = Stores::from(&store).claims;
    for n in 0..200 {
        leave(&*claims, &format!("doubt-{n}"), None);
    }
    drop((claims, store));
    let whole = std::fs::read(&path).unwrap();
    let used = whole.chunks(4096).enumerate().filter(|(_, page)| page.iter().any(|byte| *byte != 0)).map(|(n, _)| n * 4096);
    let mut damaged = 0;
    for at in used.step_by(3).take(40) {
        let mut bytes = whole.clone();
        let end = bytes.len().min(at + 4096);
        bytes[at..end].fill(0);
        for arguments in [&["dead-letters", "list"][..], &["sweep"]] {
            std::fs::write(&path, &bytes).unwrap();
            let run = zengine(&[arguments, &["--store", path.to_str().unwrap()]].concat(), "");
            assert!(!run.err.contains("bug") && [0, 1].contains(&run.code), "page at {at}: {run:?}");
            damaged += usize::from(run.err.contains("the store's file is damaged"));
        }
    }
    assert!(damaged > 3, "{damaged}");
}
