//! Nothing that is printed holds a secret, a person or what was said.

use std::fmt::Write as _;

use serde_json::json;
use zengine_connector::{
    Content, ErrorKind, Event, Identity,
    message::{EndReason, Failure, Feedback, Participant, ProviderError, RecipientClient, Role, SessionEnd, SessionEvent, State, Status},
    strategy::InboundRequest,
};

use crate::{
    host::{Do, Host, message, payload, request},
    log::Log,
};

#[tokio::test(start_paused = true)]
async fn rule_81_logs_errors_and_debug_hold_no_secret_no_person_and_no_content() {
    let log = Log::default();
    // For the whole process: what other tests make the core say holds no canary either.
    tracing::subscriber::set_global_default(log.clone()).unwrap();
    let host = Host::new();
    let mut printed = String::new();
    for todo in [None, Some(Do::NotStored), Some(Do::Poison), Some(Do::Reply { n: 0, after: std::time::Duration::ZERO, with: "x".into() })]
    {
        if let Some(todo) = todo.clone() {
            host.on("canary-text", todo);
        }
        let mut nowhere = message(&format!("nowhere {todo:?}"), "canary-conversation", "canary-text");
        nowhere["routes"] = json!([["phone", "canary-route"]]);
        let mut broken = nowhere.clone();
        broken["routes"] = json!([["phone", "broken"]]);
        let body = payload(&[
            message(&format!("{todo:?}"), "canary-conversation", "canary-text"),
            nowhere,
            broken,
            json!("canary-element"),
            message(&format!("failing {todo:?}"), "canary-2", "admit: fail"),
        ]);
        let request = request("/canary-path?canary=1").header("x-secret", "canary-secret").body(body).unwrap();
        let inbound = InboundRequest::http(request);
        write!(printed, "{inbound:?}").unwrap();
        let received = host.orchestrator.receive("acme-shared", inbound).await.unwrap();
        write!(printed, "{received:?}").unwrap();
    }
    let wrong = request("/").header("x-secret", "canary-guess").body(payload(&[message("9", "a", "canary-text")])).unwrap();
    write!(printed, "{:?}", host.receive("acme-shared", wrong).await).unwrap();
    let events = host.seen.events.lock().unwrap().clone();
    write!(printed, "{events:?}").unwrap();
    let to = host.seen.reply_to.lock().unwrap()[0].clone();
    write!(printed, "{to:?} {:?}", host.orchestrator.reply(&to, 0, Content::text("canary-reply")).await).unwrap();
    write!(printed, "{:?} {:?}", host.orchestrator, host.memory).unwrap();

    let log = log.lines("").join("\n");
    for line in ["inbound.completed", "inbound.poison", "inbound.unstored", "inbound.tenant_broken"] {
        assert!(log.contains(line), "{line} is missing in {log}");
    }
    for text in [&log, &printed] {
        assert!(!text.contains("canary"), "{text}");
    }
    assert!(log.contains("the host's database is down"), "the text is the host's own: {log}");
    assert!(log.contains("accepted=1 poisoned=3 unstored=1"), "{log}");
    assert!(!log.contains("(none)"), "a fact that is not there is a key that is not there: {log}");
}

/// A provider's own words.
fn words() -> ProviderError {
    let mut error = ProviderError::new(ErrorKind::Media, Some("131053".into()));
    error.title = Some("canary-title".into());
    error.message = Some("canary-message".into());
    error.details = Some("canary-details".into());
    error
}

/// One event of each kind that tells something about a person.
fn telling() -> Vec<Event> {
    let mut status = Status::new("canary-target", State::Failed);
    status.recipient = vec![Identity::opaque("acme", "canary-recipient").unwrap()];
    status.participant = vec![Identity::opaque("acme", "canary-participant").unwrap()];
    let mut failure = Failure::new(Some(true));
    failure.diagnostic = Some("550 canary@example.org".into());
    failure.subtype = Some("canary@example.org".into());
    status.failure = Some(failure);
    let mut feedback = Feedback::new("canary-abuse");
    feedback.text = Some("canary-feedback".into());
    status.feedback = Some(Box::new(feedback));
    let mut client = RecipientClient::default();
    client.user_agent = Some("canary-agent".into());
    client.ip = Some("canary-ip".into());
    client.link = Some("https://canary.example/".into());
    status.client = Some(Box::new(client));
    (status.error, status.more_errors, status.reference) = (Some(words()), vec![words()], Some("canary-reference".into()));
    let mut end = SessionEnd::new(EndReason::Idle);
    end.word = Some("canary-word".into());
    let agent = || Participant::new(Role::Agent).with_id("canary-id").with_name("canary-name");
    let ended = SessionEvent::ended(end).with_participant(agent()).with_previous(agent()).with_error(words());
    let template = json!({
        "type": "template", "aspect": "status", "name": "canary-template", "previous": "canary-previous", "current": "canary-current",
        "reason": "canary-reason", "recommendation": "canary-recommendation",
    });
    let opt_out = json!({ "type": "opt_out", "scope": "canary-scope", "value": "canary-value", "detail": "canary-detail" });
    let read = |event| serde_json::from_value(event).unwrap();
    vec![Event::Status(status), Event::Session(ended), read(template), read(opt_out)]
}

#[tokio::test(start_paused = true)]
async fn rule_81_what_an_event_tells_of_a_person_is_in_no_line_and_no_debug() {
    let log = Log::default();
    let listening = tracing::subscriber::set_default(log.clone());
    let (host, mut printed, mut came) = (Host::new(), String::new(), 0);
    for (n, todo) in [None, Some(Do::NotStored), Some(Do::Poison), Some(Do::Panic)].into_iter().enumerate() {
        if let Some(todo) = todo {
            host.on("", todo);
        }
        for (kind, event) in telling().into_iter().enumerate() {
            for route in ["one", "nobody", "broken"] {
                let element = json!({
                    "routes": [["phone", route]], "id": format!("canary-{n}-{kind}"), "conversation": "canary-conversation", "event": event,
                    "sender": Participant::new(Role::Agent).with_id("canary-sender").with_name("canary-sender"),
                });
                let received = host.shared(payload(&[element])).await;
                write!(printed, "{received:?}").unwrap();
                came += 1;
            }
        }
    }
    // Two events under one key: a letter, and the word of a synchronous channel.
    let of = |words: &str| {
        let mut element = message("canary-key", "canary-conversation", "canary-text");
        element["same"] = json!([1, words]);
        payload(&[element])
    };
    for words in ["canary-words", "canary-others"] {
        write!(printed, "{:?}", host.shared(of(words)).await).unwrap();
        write!(printed, "{:?}", host.receive("acme-chat", request("/one").body(of(words)).unwrap()).await).unwrap();
    }
    let events = host.seen.events.lock().unwrap().clone();
    let letters = host.letters().await;
    assert!(events.len() >= 4 * 3 + 2 && letters.len() > came / 3, "{} events, {} letters", events.len(), letters.len());
    write!(printed, "{events:?} {:?}", letters.iter().map(|(letter, _)| letter).collect::<Vec<_>>()).unwrap();
    drop(listening);

    let log = log.lines("").join("\n");
    for line in ["inbound.poison", "inbound.unstored", "inbound.conflict", "inbound.tenant_broken"] {
        assert!(log.contains(line), "{line} is missing in {log}");
    }
    for text in [&log, &printed] {
        assert!(!text.contains("canary"), "{text}");
    }
}
