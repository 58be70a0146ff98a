//! Content, recipients and what providers say about them appear in no log line, error, Debug text, record or file.

use std::{
    fmt::Write as _,
    sync::{Arc, Mutex},
};

use zengine_connector::{
    ErrorKind, Identity, Memory, Orchestrator, OutboundMessage, Reach, Receipt, SendError, SendOptions,
    error::{ProviderDetails, Scope, Step, StepReach},
    ids::CorrelationId,
    pipeline::{DeferredReason, RedriveOptions},
    stage::Breaker,
    store::Embedded,
    strategy::Rate,
    testing::{ProviderAnswer, Recording, block_on},
};

use crate::log::Log;
use crate::support::{World, deferred, delivered, failed, id, key, secs, tenant, unknown, written};

const CANARIES: [&str; 4] = ["canary", "5550009999", "Y2FuYXJ5", "63616e617279"];

#[track_caller]
fn clean(what: &str, text: &str) {
    for canary in CANARIES {
        assert!(!text.contains(canary), "{what} tells {canary}: {text}");
    }
}

fn message() -> OutboundMessage {
    let json = r#"{"to":{"ids":[{"kind":"phone","value":"+15550009999"}],"name":"canary-name"},
        "content":{"type":"text","body":"canary-body"},"metadata":{"order":"canary-order"}}"#;
    serde_json::from_str(json).unwrap()
}

/// The provider's own words about a refusal.
fn words() -> ProviderDetails {
    let mut words = ProviderDetails::default();
    for text in [&mut words.subcode, &mut words.title, &mut words.message, &mut words.details, &mut words.trace_id] {
        *text = Some("canary-words".to_owned());
    }
    words
}

/// A pause of each kind of scope, the send that it holds back, and the status meanwhile.
async fn paused_scopes(world: &World, provider: &Recording, process: &Orchestrator, printed: &mut String) {
    let declared = Arc::new(Mutex::new(String::new()));
    let shown = Arc::clone(&declared);
    provider.set_scopes(move |message, scopes| {
        let number = message.to.preferred().map(Identity::value).unwrap_or_default();
        let rate = Rate::per_second(1000);
        scopes.sender("canary-sender", rate).recipient(number, rate).shared("canary-account", rate);
        write!(shown.lock().unwrap(), "{scopes:?} ").unwrap();
    });
    for scope in [Scope::Account, Scope::Sender, Scope::Recipient, Scope::Shared] {
        provider.answer(ProviderAnswer::throttle_scope(scope, secs(60)));
        let calls = provider.calls().len();
        for _ in 0..2 {
            let end = deferred(process.send(tenant(), "recording", id(scope.as_str()), &message()).await.unwrap());
            assert_eq!(end.reason, DeferredReason::Throttled);
            write!(printed, "{end:?} ").unwrap();
        }
        assert_eq!(provider.calls().len(), calls + 1, "the pause holds the second one back");
        let status = process.status(&tenant(), "recording").await.unwrap();
        assert_eq!(status.pauses.len(), 1);
        write!(printed, "{status:?} {} ", serde_json::to_string(&status).unwrap()).unwrap();
        world.pass(secs(80)).await;
    }
    let declared = declared.lock().unwrap();
    assert!(!declared.is_empty());
    printed.push_str(&declared);
}

/// A provider that accepts, throttles, refuses, breaks and panics; a duplicate of each; a mismatch; a redrive.
async fn every_path(world: &World, printed: &mut String) {
    let provider = Recording::new();
    let process = world.process_with(&provider, |it| it.breaker(Breaker::off()));
    let opened = |reach| Step::preparing("open", reach).with_id("canary-conversation");
    let told = move |receipt: Receipt| receipt.with_data(&"canary-receipt").unwrap().with_step(opened(StepReach::Accepted));
    let broke =
        move || SendError::provider("broke").step(opened(StepReach::Maybe)).step(Step::carrying("text", StepReach::NotSent)).maybe();
    let answers = [
        ("delivered", ProviderAnswer::AcceptWith(Arc::new(told))),
        ("throttled", ProviderAnswer::throttle(secs(60))),
        ("failed", ProviderAnswer::Refuse(Arc::new(|| SendError::domain("refused").details(words()).processed()))),
        ("unknown", ProviderAnswer::broken()),
        ("opening", ProviderAnswer::Refuse(Arc::new(broke))),
        ("panicked", ProviderAnswer::Panic),
    ];
    let message = message();
    for (what, answer) in answers {
        provider.answer(answer);
        for _ in 0..2 {
            let options = SendOptions::new().correlation_id(CorrelationId::new("flow-1").unwrap());
            write!(printed, "{options:?} {message:?} ").unwrap();
            let outcome = process.send_with(tenant(), "recording", id(what), &message, options).await.unwrap();
            write!(printed, "{outcome:?} ").unwrap();
            if outcome.is_terminal() {
                match what {
                    "delivered" | "throttled" => drop(delivered(outcome)),
                    "failed" => drop(failed(outcome)),
                    _ => drop(unknown(outcome)),
                }
            } else {
                drop(deferred(outcome));
            }
        }
        let record = world.record(what).await.unwrap();
        write!(printed, "{record:?} {} {:?} ", written(&record), key(what)).unwrap();
    }
    paused_scopes(world, &provider, &process, printed).await;
    let other = OutboundMessage::text(Identity::phone("+15550009999").unwrap(), "another canary");
    let invalid = OutboundMessage::text(Identity::phone("+15550009999").unwrap(), "canary".repeat(1 << 20));
    for (what, message) in [("delivered", &other), ("invalid", &invalid)] {
        let error = process.send(tenant(), "recording", id(what), message).await.unwrap_err();
        write!(printed, "{error} {error:?} ").unwrap();
    }
    let json = serde_json::value::RawValue::from_string(r#"{"to":"canary","content":5}"#.to_owned()).unwrap();
    let error = process.send(tenant(), "recording", id("json"), &json).await.unwrap_err();
    write!(printed, "{error} {error:?} ").unwrap();
    for letter in world.all_letters().await {
        write!(printed, "{letter:?} {} ", serde_json::to_string(&letter).unwrap()).unwrap();
        if letter.outcome == "failed" {
            write!(printed, "{:?} ", process.redrive(&letter.failure_id, RedriveOptions::new()).await).unwrap();
        }
    }
    write!(printed, "{:?} {process:?}", world.memory.published()).unwrap();
}

#[tokio::test(start_paused = true)]
async fn rule_32_nothing_personal_is_printed_logged_or_stored_in_the_clear() {
    let log = Log::default();
    let guard = tracing::subscriber::set_default(log.clone());
    let mut printed = String::new();
    every_path(&World::in_memory(), &mut printed).await;
    drop(guard);
    clean("what is printed", &printed);
    assert!(!log.lines("").is_empty());
    for line in log.lines("") {
        clean("the log", &line);
    }
}

/// Rule 81: one line per send and one per attempt, whatever became of it.
#[tokio::test(start_paused = true)]
async fn rule_81_one_line_per_send_and_one_per_attempt() {
    let log = Log::default();
    let (world, provider) = (World::in_memory(), Recording::new());
    let process = world.process(&provider);
    let guard = tracing::subscriber::set_default(log.clone());
    provider.answer(ProviderAnswer::unreachable());
    let options = SendOptions::new().correlation_id(CorrelationId::new("flow-1").unwrap());
    delivered(process.send_with(tenant(), "recording", id("1"), &message(), options).await.unwrap());
    drop(guard);
    let (sends, attempts) = (log.lines("send.completed"), log.lines("send.attempt"));
    assert_eq!((sends.len(), attempts.len()), (1, 2), "{:?}", log.lines(""));
    for field in ["tenant_id=", "strategy=", "client_message_id=", "outcome=", "attempts=", "lease_owner=", "correlation_id=", "replayed="]
    {
        assert!(sends[0].contains(field), "{field}: {}", sends[0]);
    }
    for field in ["attempt=", "fault=", "reach=", "breaker_state="] {
        assert!(attempts[0].contains(field), "{field}: {}", attempts[0]);
    }
}

/// The file itself, every byte of it.
#[test]
fn rule_32_the_file_of_the_store_holds_nothing_personal() {
    let disk = tempfile::tempdir().unwrap();
    let path = disk.path().join("store");
    let embedded = Embedded::open(&path).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let provider = Recording::new();
        embedded.tenant_writer().put(&tenant(), &crate::support::strategy(), serde_json::json!({}).into()).await.unwrap();
        let process =
            Orchestrator::builder().strategy(provider.clone()).stores(&embedded).secrets(Memory::new().secrets()).build().unwrap();
        provider.answer(ProviderAnswer::AcceptWith(Arc::new(|receipt: Receipt| receipt.with_data(&"canary-receipt").unwrap())));
        provider.answer(ProviderAnswer::error(ErrorKind::InvalidContent, Reach::Processed));
        for what in ["delivered", "failed"] {
            let end = process.send(tenant(), "recording", id(what), &message()).await.unwrap();
            assert_eq!(end.as_str(), what);
        }
    });
    block_on(embedded.compact()).unwrap();
    drop(embedded);
    for file in std::fs::read_dir(disk.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for canary in CANARIES {
            assert!(!bytes.windows(canary.len()).any(|window| window == canary.as_bytes()), "the file tells {canary}");
        }
    }
}
