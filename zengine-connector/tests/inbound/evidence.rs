//! Rule 27: what a webhook proves about a send.

use std::sync::atomic::Ordering::SeqCst;

use serde_json::{Value, json};
use zengine_connector::{
    ClientMessageId, ErrorKind, Event, Identity, OutboundMessage, Outcome, Reach, SendOptions,
    ids::CorrelationId,
    message::State,
    orchestrator::Ack,
    pipeline::RedriveOptions,
    store::{
        AttemptsMade, ClaimKey, ClaimOp, ClaimRecord, ClaimStatus, DomainEvent, Effects, Evidence, Fingerprint, Lease, OwnerToken,
        Reference, StoredError, Terminal,
    },
    strategy::ProviderKey,
    testing::SimClock,
};

use crate::{
    host::{Host, counts, id, name, payload, request},
    strategies::TRACE,
};

const NOW: i64 = SimClock::EPOCH_MS;

struct Send {
    key: ClaimKey,
    id: ClientMessageId,
}

impl Send {
    /// A send of tenant `one` that is under way.
    async fn sending(host: &Host, message: &str) -> Self {
        let id_of = ClientMessageId::new(message).unwrap();
        let send = Self { key: ClaimKey::outbound(&id("one"), &name("acme-shared"), &id_of), id: id_of };
        let lease = Lease { owner: OwnerToken::named("owner"), boot: None, until_ms: NOW + 60_000 };
        let fingerprint = Fingerprint::new([1; 16], 1, "k");
        send.apply(host, ClaimOp::Claim { lease, fingerprint, skew_ms: 0, ttl_s: 86_400 }).await;
        send.apply(host, ClaimOp::Mark { owner: OwnerToken::named("owner"), idempotency: None, ttl_s: 86_400 }).await;
        send
    }

    /// A send of tenant `one` whose end nobody knows, already kept and announced.
    async fn unknown(host: &Host, message: &str) -> Self {
        let send = Self::sending(host, message).await;
        send.give_up(host).await;
        send.apply(host, ClaimOp::ClearEffects { first_claimed_at_ms: NOW, generation: 0, done: Effects::BOTH }).await;
        send
    }

    async fn give_up(&self, host: &Host) {
        let error = StoredError::new(ErrorKind::Timeout, Reach::Maybe, "no answer");
        let (claimant, seen) = (OwnerToken::named("another"), OwnerToken::named("owner"));
        self.apply(host, ClaimOp::GiveUp { claimant, seen, owner_gone: true, error, skew_ms: 0, ttl_s: 86_400 }).await;
    }

    async fn apply(&self, host: &Host, operation: ClaimOp) {
        assert!(host.memory.claims().apply(&self.key, &operation, None, NOW).await.unwrap().done, "{operation:?}");
    }

    async fn record(&self, host: &Host) -> ClaimRecord {
        host.memory.claims().get(&self.key).await.unwrap().unwrap()
    }

    fn reference(&self, generation: u32) -> String {
        ProviderKey::derive(&id("one"), &name("acme-shared"), &self.id, generation).to_string()
    }
}

fn status(event: &str, state: State, reference: &str) -> Value {
    json!({ "routes": [["phone", "one"]], "id": event, "status": state, "reference": reference })
}

async fn tell(host: &Host, event: &str, state: State, reference: &str) -> zengine_connector::orchestrator::Received {
    host.shared(payload(&[status(event, state, reference)])).await
}

/// The sends that the handler's last status names.
fn named(host: &Host) -> Option<ClientMessageId> {
    match &host.seen.events.lock().unwrap().last().unwrap().event {
        Event::Status(status) => status.client_message_id.clone(),
        other => panic!("{other:?}"),
    }
}

fn settled(host: &Host) -> Vec<(String, String)> {
    let events = host.memory.published();
    let settled = events.iter().map(|event| match event {
        DomainEvent::OutboundSettled(settled) => (settled.client_message_id.to_string(), settled.outcome.clone()),
        other => panic!("{}", other.name()),
    });
    settled.collect()
}

#[tokio::test(start_paused = true)]
async fn rule_27_a_webhook_settles_an_unknown_as_delivered_and_says_so_once() {
    let host = Host::new();
    let send = Send::unknown(&host, "order-17").await;
    for (event, state) in [("1", State::Sent), ("2", State::Delivered), ("2", State::Delivered), ("3", State::Read)] {
        assert_eq!(tell(&host, event, state, &send.reference(0)).await.ack, Ack::Done);
        assert_eq!(named(&host), Some(send.id.clone()));
    }
    let record = send.record(&host).await;
    assert_eq!((record.status, record.effects_pending), (ClaimStatus::Delivered, Effects::NONE));
    assert_eq!(settled(&host), [("order-17".to_owned(), "delivered".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn rule_27_a_webhook_settles_an_unknown_as_failed() {
    let host = Host::new();
    let send = Send::unknown(&host, "order-17").await;
    let _ = tell(&host, "1", State::Failed, &send.reference(0)).await;
    assert_eq!(send.record(&host).await.status, ClaimStatus::Failed);
    // What is known does not change again.
    let _ = tell(&host, "2", State::Delivered, &send.reference(0)).await;
    assert_eq!(send.record(&host).await.status, ClaimStatus::Failed);
    assert_eq!(settled(&host), [("order-17".to_owned(), "failed".to_owned())]);
}

/// A group, or an e-mail to several addresses: the failure with one of them is none of the send, which the others may have.
#[tokio::test(start_paused = true)]
async fn rule_27_a_failure_with_one_of_several_recipients_settles_nothing() {
    let host = Host::new();
    let send = Send::unknown(&host, "order-17").await;
    let told = async |event: &str, state: State, member: (&str, Value)| {
        let mut element = status(event, state, &send.reference(0));
        element[member.0] = member.1;
        assert_eq!(host.shared(payload(&[element])).await.ack, Ack::Done);
    };
    let final_one = json!({ "permanent": true, "suppressed": true });
    told("1", State::Failed, ("partial", json!(true))).await;
    told("2", State::Failed, ("participant", json!([{ "kind": "phone", "value": "+15551230002" }]))).await;
    let mut element = status("3", State::Rejected, &send.reference(0));
    (element["partial"], element["failure"]) = (json!(true), final_one);
    assert_eq!(host.shared(payload(&[element])).await.ack, Ack::Done);
    assert_eq!(send.record(&host).await.status, ClaimStatus::Unknown);
    assert_eq!(settled(&host), []);
    // One of them has it: it was sent.
    told("4", State::Delivered, ("partial", json!(true))).await;
    assert_eq!(send.record(&host).await.status, ClaimStatus::Delivered);
}

/// What a mail provider tells: a bounce that is not final says nothing about the end, a suppressed complaint is no delivery.
#[tokio::test(start_paused = true)]
async fn rule_27_neither_a_soft_failure_nor_a_suppressed_complaint_proves_a_delivery() {
    let soft = json!({ "permanent": false, "subtype": "MailboxFull" });
    let hard = json!({ "permanent": true, "subtype": "NoEmail" });
    let suppressed = json!({ "permanent": true, "subtype": "OnAccountSuppressionList", "suppressed": true });
    for (news, status, announced) in [
        (vec![(State::Failed, &soft)], ClaimStatus::Unknown, vec![]),
        (vec![(State::Failed, &soft), (State::Deferred, &soft)], ClaimStatus::Delivered, vec!["delivered"]),
        (vec![(State::Failed, &soft), (State::Delivered, &Value::Null)], ClaimStatus::Delivered, vec!["delivered"]),
        (vec![(State::Failed, &soft), (State::Failed, &hard)], ClaimStatus::Failed, vec!["failed"]),
        (vec![(State::Complained, &suppressed)], ClaimStatus::Failed, vec!["failed"]),
        (vec![(State::Complained, &Value::Null)], ClaimStatus::Delivered, vec!["delivered"]),
    ] {
        let host = Host::new();
        let send = Send::unknown(&host, "order-17").await;
        for (n, (state, failure)) in news.iter().enumerate() {
            let mut element = self::status(&n.to_string(), *state, &send.reference(0));
            element["failure"] = (*failure).clone();
            assert_eq!(host.shared(payload(&[element])).await.ack, Ack::Done);
        }
        assert_eq!(send.record(&host).await.status, status, "{news:?}");
        assert_eq!(settled(&host).iter().map(|(_, outcome)| outcome.as_str()).collect::<Vec<_>>(), announced, "{news:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn case_90_proof_that_comes_while_sending_decides_after_a_crash() {
    let host = Host::new();
    let send = Send::sending(&host, "order-17").await;
    let _ = tell(&host, "1", State::Delivered, &send.reference(0)).await;
    let record = send.record(&host).await;
    assert_eq!((record.status, record.owner), (ClaimStatus::Sending, OwnerToken::named("owner")));
    assert_eq!(record.evidence.as_deref().map(Evidence::proves), Some(Terminal::Delivered));
    // The owner crashed; whoever finds the record gives it up, and the proof decides: no dead letter, no event.
    send.give_up(&host).await;
    let record = send.record(&host).await;
    assert_eq!((record.status, record.effects_pending), (ClaimStatus::Delivered, Effects::NONE));
    assert!(settled(&host).is_empty());
}

/// A provider's id may hold the recipient, so that a record holds it encrypted; a replay names it.
#[tokio::test(start_paused = true)]
async fn rule_32_the_id_that_a_status_tells_is_encrypted_and_replayed() {
    let host = Host::new();
    let send = Send::unknown(&host, "order-17").await;
    let _ = tell(&host, "1", State::Delivered, &send.reference(0)).await;
    let target = match &host.seen.events.lock().unwrap().last().unwrap().event {
        Event::Status(status) => status.target.clone(),
        other => panic!("{other:?}"),
    };
    let record = send.record(&host).await;
    let written = String::from_utf8_lossy(&record.to_cbor()).into_owned() + &serde_json::to_string(&record).unwrap();
    assert!(!target.is_empty() && !written.contains(&target), "{written}");
    assert!(!format!("{record:?}").contains(&target));
    let end = host.orchestrator.outcome(&id("one"), "acme-shared", &send.id).await.unwrap();
    let Some(Outcome::Delivered(end)) = end else { panic!("{end:?}") };
    assert_eq!(end.provider_id().map(ToString::to_string), Some(target));
}

#[tokio::test(start_paused = true)]
async fn rule_27_keys_of_others_are_left_alone() {
    let host = Host::new();
    let send = Send::unknown(&host, "order-17").await;
    let (two, shared, other) = (id("two"), name("acme-shared"), name("acme-hook"));
    let references = [
        ProviderKey::derive(&two, &shared, &send.id, 0).to_string(),
        ProviderKey::derive(&id("one"), &other, &send.id, 0).to_string(),
        "order-17".to_owned(),
        String::new(),
        send.reference(0).replace("z1.0.", "z1.00."),
    ];
    for (n, reference) in references.iter().enumerate() {
        assert_eq!(tell(&host, &n.to_string(), State::Delivered, reference).await.ack, Ack::Done);
        assert_eq!(named(&host), None, "{reference}");
    }
    assert_eq!(send.record(&host).await.status, ClaimStatus::Unknown);
}

#[tokio::test(start_paused = true)]
async fn rule_27_news_of_an_earlier_generation_says_nothing_of_the_one_under_way() {
    let host = Host::new();
    let send = Send::sending(&host, "order-17").await;
    let error = Some(StoredError::new(ErrorKind::Account, Reach::Processed, "refused"));
    let (owner, terminal) = (OwnerToken::named("owner"), Terminal::Failed);
    send.apply(
        &host,
        ClaimOp::Commit { owner, terminal, result: None, error, made: AttemptsMade::new(1), effects: Effects::NONE, ttl_s: 86_400 },
    )
    .await;
    let lease = Lease { owner: OwnerToken::named("redriver"), boot: None, until_ms: NOW + 60_000 };
    let fingerprint = Fingerprint::new([1; 16], 1, "k");
    let redrive = ClaimOp::Redrive {
        lease,
        fingerprint,
        generation: 0,
        first_claimed_at_ms: None,
        key_generation: 1,
        maybe_sent: false,
        first_sent_at_ms: None,
        last_attempt_at_ms: None,
        idempotency: None,
        ttl_s: 86_400,
    };
    send.apply(&host, redrive).await;

    let _ = tell(&host, "1", State::Failed, &send.reference(0)).await;
    assert_eq!((named(&host), send.record(&host).await.evidence), (Some(send.id.clone()), None));
    let _ = tell(&host, "2", State::Delivered, &send.reference(1)).await;
    assert!(send.record(&host).await.evidence.is_some());
}

#[tokio::test(start_paused = true)]
async fn rule_27_a_hashed_key_leads_back_to_its_send() {
    let host = Host::new();
    let send = Send::unknown(&host, &"x".repeat(200)).await;
    let key = ProviderKey::echoed(send.reference(0));
    // Without its record it leads nowhere.
    let _ = tell(&host, "1", State::Delivered, key.as_str()).await;
    assert_eq!((named(&host), send.record(&host).await.status), (None, ClaimStatus::Unknown));
    let reference = Reference::new(id("one"), name("acme-shared"), send.id.clone(), NOW / 1000 + 86_400);
    host.memory.claims().put_reference(key.hash().unwrap(), &reference).await.unwrap();
    let _ = tell(&host, "2", State::Delivered, key.as_str()).await;
    assert_eq!((named(&host), send.record(&host).await.status), (Some(send.id.clone()), ClaimStatus::Delivered));
}

#[tokio::test(start_paused = true)]
async fn rule_27_without_the_store_the_status_must_come_again() {
    let host = Host::new();
    let send = Send::unknown(&host, "order-17").await;
    host.faults.sends_down.store(true, SeqCst);
    let received = tell(&host, "1", State::Delivered, &send.reference(0)).await;
    assert_eq!((received.ack, counts(&received), host.seen.count()), (Ack::Redeliver, (0, 0, 1), 0));
    host.faults.sends_down.store(false, SeqCst);
    assert_eq!(tell(&host, "1", State::Delivered, &send.reference(0)).await.ack, Ack::Done);
    assert_eq!((send.record(&host).await.status, host.seen.count()), (ClaimStatus::Delivered, 1));
}

#[tokio::test(start_paused = true)]
async fn rule_69_a_silent_bus_leaves_the_event_to_the_next_news() {
    let host = Host::new();
    let send = Send::unknown(&host, "order-17").await;
    host.faults.bus_down.store(true, SeqCst);
    assert_eq!(tell(&host, "1", State::Delivered, &send.reference(0)).await.ack, Ack::Done);
    let record = send.record(&host).await;
    assert_eq!((record.status, record.effects_pending.settled), (ClaimStatus::Delivered, true));
    host.faults.bus_down.store(false, SeqCst);
    let _ = tell(&host, "2", State::Read, &send.reference(0)).await;
    assert!(!send.record(&host).await.effects_pending.pending());
    assert_eq!(settled(&host).len(), 1);
}

/// The owner that ended the send is between its record and its events.
#[tokio::test(start_paused = true)]
async fn rule_65_the_end_of_a_failure_is_never_told_before_the_failure() {
    for (waited, told) in [(0, 0), (59, 0), (60, 1)] {
        let host = Host::new();
        let send = Send::sending(&host, "order-17").await;
        send.give_up(&host).await;
        host.clock.advance(std::time::Duration::from_secs(waited)).await;
        let _ = tell(&host, "1", State::Delivered, &send.reference(0)).await;
        let record = send.record(&host).await;
        assert_eq!((record.status, settled(&host).len()), (ClaimStatus::Delivered, told), "after {waited} s");
        assert_eq!(record.effects_pending.settled, told == 0, "it is left to a sweep");
        // The next status tells it, once.
        let _ = tell(&host, "2", State::Read, &send.reference(0)).await;
        assert_eq!((settled(&host).len(), send.record(&host).await.effects_pending), (1, Effects::NONE));
    }
}

#[tokio::test(start_paused = true)]
async fn rule_27_the_same_failure_is_announced_settled_and_then_replayed_as_delivered() {
    let host = Host::new();
    let send = async || {
        let to = Identity::opaque("acme", "visitor").unwrap();
        let options = SendOptions::new().correlation_id(CorrelationId::new("req-1").unwrap()).traceparent(TRACE);
        host.orchestrator.send_with(&id("one"), "acme-both", "order-17", &OutboundMessage::text(to, "lost answer"), options).await.unwrap()
    };
    let Outcome::Unknown(unknown) = send().await else { panic!("not unknown") };

    let key = ProviderKey::derive(&id("one"), &name("acme-both"), &ClientMessageId::new("order-17").unwrap(), 0);
    let webhook = request("/one").header("traceparent", TRACE).extension(CorrelationId::new("req-1").unwrap());
    let body = payload(&[json!({ "id": "1", "status": "delivered", "reference": key })]);
    assert_eq!(host.receive("acme-both", webhook.body(body).unwrap()).await.ack, Ack::Done);

    let events = host.memory.published();
    let [DomainEvent::OutboundFailed(failed), DomainEvent::OutboundSettled(settled)] = &events[..] else { panic!("{}", events.len()) };
    assert_eq!((&failed.id, &settled.id), (&unknown.failure_id, &unknown.failure_id));
    assert_eq!((failed.outcome.as_str(), settled.outcome.as_str()), ("unknown", "delivered"));
    let Outcome::Delivered(delivered) = send().await else { panic!("not delivered") };
    assert!(delivered.replayed);
    assert_eq!(host.sent.lock().unwrap().len(), 1);
}

/// The letter stays as it was stored: a change of it would race with its owner and with its removal.
#[tokio::test(start_paused = true)]
async fn rule_71_a_soft_failure_is_noted_in_the_record_whatever_the_letter_says() {
    let host = Host::new();
    let to = Identity::opaque("acme", "visitor").unwrap();
    let message = OutboundMessage::text(to, "lost opening");
    let options = SendOptions::new().correlation_id(CorrelationId::new("req-1").unwrap()).traceparent(TRACE);
    let outcome = host.orchestrator.send_with(&id("one"), "acme-both", "order-17", &message, options).await.unwrap();
    assert_eq!(outcome.as_str(), "unknown");
    let key = ProviderKey::derive(&id("one"), &name("acme-both"), &ClientMessageId::new("order-17").unwrap(), 0);
    let failure = json!({ "permanent": false });
    let body = payload(&[json!({ "id": "1", "status": "failed", "failure": failure, "reference": key })]);
    let webhook = request("/one").header("traceparent", TRACE).extension(CorrelationId::new("req-1").unwrap());
    // Letters that cannot be read or written do not hold the status up.
    Host::fault(&host.faults.dead_letters_down, true);
    assert_eq!(host.receive("acme-both", webhook.body(body).unwrap()).await.ack, Ack::Done);
    Host::fault(&host.faults.dead_letters_down, false);
    let (letter, _) = host.letters().await.remove(0);
    assert!(letter.content_not_sent);
    let error = host.orchestrator.redrive(&letter.failure_id, RedriveOptions::new()).await.unwrap_err();
    assert_eq!(error.context("rule"), Some("71"));
    assert_eq!(host.sent.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn statuses_of_one_message_keep_their_order() {
    let host = Host::new();
    // They have no conversation; they are news of the same message.
    let states = [State::Accepted, State::Sent, State::Delivered, State::Read];
    let elements: Vec<_> = states.iter().enumerate().map(|(n, state)| status(&n.to_string(), *state, "")).collect();
    assert_eq!(counts(&host.shared(payload(&elements)).await), (4, 0, 0));
    let given: Vec<_> = host
        .seen
        .events
        .lock()
        .unwrap()
        .iter()
        .map(|event| match &event.event {
            Event::Status(status) => status.state,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(given, states);
}
