//! The quickstart as a program: what it promises about doubles, also when it is killed.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may")]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;
use zengine_connector::{
    ClientMessageId, StrategyName, TenantId,
    store::{ClaimKey, ClaimStatus, Embedded},
};

struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("quickstart.db")
    }

    fn journal(&self) -> PathBuf {
        self.folder.path().join("journal.jsonl")
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quickstart"));
        command
            .arg("--store")
            .arg(self.store())
            .arg("--journal")
            .arg(self.journal())
            .env_remove("WHATSAPP_ACCESS_TOKEN")
            .env_remove("PORT");
        command
    }

    fn run(&self) -> Output {
        let output = self.command().output().unwrap();
        assert!(output.status.success(), "{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        output
    }

    fn start(&self) -> Child {
        self.command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// How often the provider took each message, by our reference.
    fn accepted(&self) -> BTreeMap<String, u32> {
        let mut accepted = BTreeMap::new();
        for line in std::fs::read_to_string(self.journal()).unwrap_or_default().lines() {
            // A killed emulator may leave half a line; a later run ends it.
            let Ok(entry) = serde_json::from_str::<Value>(line) else { continue };
            if entry["accepted"] == true {
                let reference = entry["body"]["biz_opaque_callback_data"].as_str().expect("our reference").to_owned();
                *accepted.entry(reference).or_insert(0) += 1;
            }
        }
        accepted
    }
}

/// The ids of the story.
fn ids() -> Vec<(&'static str, String)> {
    let both = ["acme", "globex"].into_iter();
    let common = ["text", "template", "list", "buttons", "image"];
    let mut ids: Vec<_> = both.flat_map(|tenant| common.map(|name| (tenant, format!("{tenant}-{name}")))).collect();
    ids.extend([
        ("acme", "acme-throttled".to_owned()),
        ("globex", "globex-in-doubt".to_owned()),
        ("globex", "globex-maintenance".to_owned()),
    ]);
    ids
}

fn statuses(store: &Path) -> BTreeMap<String, Option<ClaimStatus>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Embedded::open(store).unwrap();
        let strategy = StrategyName::new("whatsapp-meta-cloud").unwrap();
        let mut statuses = BTreeMap::new();
        for (tenant, id) in ids() {
            let key = ClaimKey::outbound(&TenantId::new(tenant).unwrap(), &strategy, &ClientMessageId::new(&id).unwrap());
            let record = store.claims().get(&key).await.unwrap();
            statuses.insert(id, record.map(|record| record.status));
        }
        statuses
    })
}

#[test]
fn a_second_run_on_the_same_store_replays_and_sends_nothing() {
    let place = Place::new();
    let first = String::from_utf8(place.run().stdout).unwrap();
    assert!(first.contains("A new store."), "{first}");
    for told in ["after 3 attempts", "unknown (replayed)", "breaker_open", "sent → delivered → read", "Where is my order?"] {
        assert!(first.contains(told), "{told} is missing in\n{first}");
    }
    let accepted = place.accepted();
    assert_eq!(accepted.len(), 13, "twelve messages and one reply: {accepted:?}");
    assert!(accepted.values().all(|times| *times == 1), "{accepted:?}");
    for (id, status) in statuses(&place.store()) {
        let expected = if id == "globex-in-doubt" { ClaimStatus::Unknown } else { ClaimStatus::Delivered };
        assert_eq!(status, Some(expected), "{id}");
    }

    let second = String::from_utf8(place.run().stdout).unwrap();
    assert!(second.contains("replayed"), "{second}");
    assert_eq!(place.accepted(), accepted);
}

#[test]
fn killed_twice_every_message_is_taken_at_most_once_and_settled() {
    let place = Place::new();
    for after in [Duration::from_millis(60), Duration::from_millis(1_400)] {
        let mut child = place.start();
        wait(after);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let told = String::from_utf8(place.run().stdout).unwrap();
    let accepted = place.accepted();
    assert!(accepted.values().all(|times| *times == 1), "{accepted:?}");
    for (id, status) in statuses(&place.store()) {
        let status = status.unwrap_or_else(|| panic!("{id} has no record\n{told}"));
        assert!(status.is_terminal(), "{id} is {status:?}\n{told}");
        if status == ClaimStatus::Unknown {
            assert!(told.contains(&id), "{id} is in doubt and not named in\n{told}");
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "a process is killed after real time")]
fn wait(time: Duration) {
    std::thread::sleep(time);
}
