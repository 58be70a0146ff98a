//! Erasure of letters: of a tenant, and of a person.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use zengine_connector::{
    ErrorKind, Identity, Orchestrator, OutboundMessage, Outcome, Reach, TenantId,
    stage::{Breaker, Retry},
    store::{ClaimStatus, NewFile, SessionPage, SessionStore, StoreError},
    testing::{ProviderAnswer, Recording, StoreCall, StoreFault},
};

use crate::{
    log::Log,
    support::{Queue, World, failed, secs, send, strategy, tenant},
};

fn other() -> TenantId {
    TenantId::new("other").unwrap()
}

/// A process whose provider refuses every message for good.
fn refusing(world: &World) -> (Orchestrator, Recording) {
    let provider = Recording::new();
    provider.answer_always(ProviderAnswer::error(ErrorKind::OptedOut, Reach::Processed));
    world.memory.put_tenant(&other(), &strategy(), serde_json::json!({}));
    (world.process_with(&provider, |it| it.retry(Retry::none()).breaker(Breaker::off())), provider)
}

async fn refused(process: &Orchestrator, tenant: &TenantId, n: &str, to: Identity) -> Outcome {
    let message = OutboundMessage::text(to, "hello");
    let outcome = process.send(tenant, "recording", n, &message).await.unwrap();
    assert_eq!(outcome.as_str(), "failed");
    outcome
}

fn phone(number: &str) -> Identity {
    Identity::phone(number).unwrap()
}

/// The client message ids of all letters, sorted.
async fn ids(world: &World) -> Vec<String> {
    let mut ids: Vec<_> = world.all_letters().await.iter().map(|letter| letter.client_message_id.as_ref().unwrap().to_string()).collect();
    ids.sort();
    ids
}

#[tokio::test(start_paused = true)]
async fn a_tenants_letters_go_and_its_records_and_the_others_letters_stay() {
    for (world, sends) in [(World::in_memory(), 250), (World::on_disk(), 25)] {
        let (process, provider) = refusing(&world);
        for n in 0..sends {
            let whose = if n % 5 == 0 { other() } else { tenant() };
            let _ = refused(&process, &whose, &n.to_string(), phone("+15551230001")).await;
        }
        let forgotten = process.forget(&tenant()).await.unwrap();
        assert!(forgotten.is_complete(), "{forgotten:?}");
        assert_eq!((forgotten.letters, forgotten.sessions), (sends * 4 / 5, 0));
        let left = world.all_letters().await;
        assert!(left.len() as u64 == sends / 5 && left.iter().all(|letter| letter.tenant == other()));
        assert_eq!(process.forget(&tenant()).await.unwrap().letters, 0);

        let again = refused(&process, &tenant(), "1", phone("+15551230001")).await;
        assert!(again.is_replayed(), "the record stays, so that the message is not sent again");
        assert_eq!(provider.calls().len() as u64, sends);
    }
}

#[tokio::test(start_paused = true)]
async fn a_persons_letters_go_whatever_the_spelling_and_at_one_tenant() {
    let world = World::in_memory();
    let (process, _) = refusing(&world);
    for (n, to) in [phone("+1 (555) 123-0001"), phone("+15551230002"), Identity::email("ana@Example.org").unwrap()].into_iter().enumerate()
    {
        let _ = refused(&process, &tenant(), &n.to_string(), to).await;
    }
    let _ = refused(&process, &other(), "9", phone("+15551230001")).await;
    let forgotten = process.forget_person(&tenant(), &Identity::guess("tel:+1-555-123-0001").unwrap()).await.unwrap();
    assert_eq!((forgotten.letters, forgotten.is_complete()), (1, true));
    assert_eq!(ids(&world).await, ["1", "2", "9"]);
    assert_eq!(process.forget_person(&tenant(), &Identity::email("ana@example.ORG").unwrap()).await.unwrap().letters, 1);
    assert_eq!(ids(&world).await, ["1", "9"]);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_is_reported_and_the_next_call_goes_on() {
    let world = World::in_memory();
    let (process, _) = refusing(&world);
    for n in 0..5 {
        let _ = refused(&process, &tenant(), &n.to_string(), phone("+15551230001")).await;
    }
    world.faults.decide({
        let mut removed = 0;
        move |call| {
            removed += u32::from(call == StoreCall::RemoveLetter);
            (call == StoreCall::RemoveLetter && removed > 2).then_some(StoreFault::Hang)
        }
    });
    let forgotten = process.forget(&tenant()).await.unwrap();
    let why: Vec<_> = forgotten.not_done.iter().map(|(port, error)| (*port, error.kind())).collect();
    assert_eq!((forgotten.letters, why, forgotten.is_complete()), (2, vec![("dead_letters", ErrorKind::Store)], false));
    world.faults.heal();
    let rest = process.forget(&tenant()).await.unwrap();
    assert_eq!((rest.letters, rest.is_complete()), (3, true));
}

#[tokio::test(start_paused = true)]
async fn the_files_of_a_tenant_go_and_a_media_store_that_fails_is_named() {
    let world = World::in_memory();
    let process = world.process_with(&Recording::new(), |it| it.media(world.faults.media(world.memory.media())));
    // More than a page.
    for n in 0..101 {
        process.store_media(&tenant(), &NewFile::new(n.to_string()), secs(60)).await.unwrap();
    }
    let kept = process.store_media(&other(), &NewFile::new("0"), secs(60)).await.unwrap();
    for fault in [StoreFault::Refused, StoreFault::Hang] {
        world.faults.next(StoreCall::DeleteFile, 1, fault);
        let forgotten = process.forget(&tenant()).await.unwrap();
        let why: Vec<_> = forgotten.not_done.iter().map(|(port, error)| (*port, error.kind())).collect();
        assert_eq!((forgotten.files, why), (0, vec![("media", ErrorKind::Store)]));
    }
    let forgotten = process.forget(&tenant()).await.unwrap();
    assert_eq!((forgotten.files, forgotten.is_complete()), (101, true));
    assert!(world.memory.media().info(&other(), &kept.id, 0).await.unwrap().is_some());
    assert_eq!(process.forget(&tenant()).await.unwrap().files, 0);
}

#[tokio::test(start_paused = true)]
async fn a_sink_of_letters_is_named_and_the_sessions_are_erased_all_the_same() {
    let world = World::in_memory();
    let queue = Arc::new(Queue::default());
    let process = world.process_with(&Recording::new(), |it| it.dead_letter_sink(queue));
    world.memory.sessions().put("acme|recording", "k", Bytes::from_static(b"v"), None, secs(60), 0).await.unwrap();
    let forgotten = process.forget(&tenant()).await.unwrap();
    let why: Vec<_> = forgotten.not_done.iter().map(|(port, error)| (*port, error.kind())).collect();
    assert_eq!((forgotten.sessions, why), (1, vec![("dead_letters", ErrorKind::Unsupported)]));
}

/// Sessions of which `b` is written by others before each deletion, and `c` before the first.
#[derive(Debug)]
struct Restless(Arc<dyn SessionStore>, AtomicBool);

#[async_trait]
impl SessionStore for Restless {
    async fn get(&self, scope: &str, key: &str, now_ms: i64) -> Result<Option<(u64, Bytes)>, StoreError> {
        self.0.get(scope, key, now_ms).await
    }

    async fn put(&self, scope: &str, key: &str, value: Bytes, expect: Option<u64>, ttl: Duration, now_ms: i64) -> Result<u64, StoreError> {
        self.0.put(scope, key, value, expect, ttl, now_ms).await
    }

    async fn delete(&self, scope: &str, key: &str, expect: u64, now_ms: i64) -> Result<(), StoreError> {
        if key == "b" || key == "c" && !self.1.swap(true, Ordering::SeqCst) {
            self.put(scope, key, Bytes::from_static(b"again"), Some(expect), Duration::MAX, now_ms).await?;
        }
        self.0.delete(scope, key, expect, now_ms).await
    }

    async fn list(&self, after: Option<&str>, limit: usize) -> Result<SessionPage, StoreError> {
        self.0.list(after, limit).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_that_never_rests_is_counted_and_keeps_no_other() {
    let world = World::in_memory();
    let sessions = world.memory.sessions();
    let process =
        world.process_with(&Recording::new(), |it| it.sessions(Arc::new(Restless(world.memory.sessions(), AtomicBool::new(false)))));
    for key in ["a", "b", "c"] {
        sessions.put("acme|recording", key, Bytes::from_static(b"v"), None, Duration::MAX, 0).await.unwrap();
    }
    let forgotten = process.forget(&tenant()).await.unwrap();
    assert_eq!((forgotten.sessions, forgotten.busy, forgotten.not_done.len()), (2, 1, 0));
    assert!(!forgotten.is_complete());
    sessions.delete("acme|recording", "b", sessions.get("acme|recording", "b", 0).await.unwrap().unwrap().0, 0).await.unwrap();
    assert!(process.forget(&tenant()).await.unwrap().is_complete());
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_opened_is_counted_for_a_person_and_goes_with_its_tenant() {
    let world = World::in_memory();
    let (process, _) = refusing(&world);
    let _ = refused(&process, &tenant(), "1", phone("+15551230001")).await;
    let mut letter = world.all_letters().await.remove(0);
    letter.body = Bytes::from_static(b"damaged");
    world.letters.put(&letter).await.unwrap();
    world.memory.sessions().put("acme|recording", "k", Bytes::from_static(b"damaged"), None, secs(60), 0).await.unwrap();
    let of_person = process.forget_person(&tenant(), &phone("+15551230001")).await.unwrap();
    assert_eq!((of_person.letters, of_person.sessions, of_person.unreadable, of_person.is_complete()), (0, 0, 2, false));
    let of_tenant = process.forget(&tenant()).await.unwrap();
    assert_eq!((of_tenant.letters, of_tenant.sessions, of_tenant.is_complete()), (1, 1, true));
}

#[tokio::test(start_paused = true)]
async fn a_send_in_progress_ends_and_the_next_call_removes_its_letter() {
    let world = World::in_memory();
    let provider = Recording::new();
    let process = world.process_with(&provider, |it| it.retry(Retry::none()));
    provider.answer(ProviderAnswer::Hang);
    let forget = async {
        world.pass(secs(1)).await;
        process.forget(&tenant()).await.unwrap()
    };
    let (outcome, forgotten) = futures_util::future::join(send(&process, "1"), forget).await;
    assert_eq!((outcome.as_str(), forgotten.letters), ("unknown", 0));
    assert_eq!(world.record("1").await.unwrap().status, ClaimStatus::Unknown);
    assert_eq!(process.forget(&tenant()).await.unwrap().letters, 1);
}

#[tokio::test(start_paused = true)]
async fn nothing_that_is_printed_or_logged_names_the_person() {
    let (world, log) = (World::in_memory(), Log::default());
    let (process, _) = refusing(&world);
    let _ = failed(refused(&process, &tenant(), "1", phone("+15551230001")).await);
    let _logging = tracing::subscriber::set_default(log.clone());
    let forgotten = process.forget_person(&tenant(), &phone("+15551230001")).await.unwrap();
    assert!(!format!("{forgotten:?}").contains("555"));
    assert_eq!(log.lines("store.forgotten").len(), 1);
    assert!(log.lines("555").is_empty());
}
