//! A host's first calls: a send with texts, a handler of one argument, an outcome as JSON.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that meets the unexpected fails")]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::stream;
use serde_json::json;
use zengine_connector::{
    ClientMessageId, ErrorKind, HandlerError, Identity, Memory, Orchestrator, OutboundMessage, Outcome, Reach, SendError, SendOptions,
    StrategyName, StrategyRegistry, TenantId,
    pipeline::{RedriveOptions, SendItem},
    strategy::InboundRequest,
    testing::{ProviderAnswer, Recording},
};

fn host() -> (Orchestrator, Recording) {
    let (recording, stores) = (Recording::new(), Memory::new());
    stores.put_tenant(&TenantId::new("acme").unwrap(), &StrategyName::new("recording").unwrap(), json!({}));
    (Orchestrator::builder().strategy(recording.clone()).stores(stores).build().unwrap(), recording)
}

fn message() -> OutboundMessage {
    OutboundMessage::text(Identity::phone("+15551230001").unwrap(), "Your order is on its way")
}

#[tokio::test]
async fn texts_and_newtypes_name_the_same_send() {
    let (host, recording) = host();
    let (tenant, strategy, id) =
        (TenantId::new("acme").unwrap(), StrategyName::new("recording").unwrap(), ClientMessageId::new("1").unwrap());
    let outcomes = [
        host.send("acme", "recording", "1", &message()).await.unwrap(),
        host.send(&tenant, &strategy, &id, &message()).await.unwrap(),
        host.send(tenant, strategy, id, &message()).await.unwrap(),
        host.send("acme".to_owned(), "recording".to_owned(), "1".to_owned(), &message()).await.unwrap(),
        host.send(&"acme".to_owned(), &"recording".to_owned(), &"1".to_owned(), &message()).await.unwrap(),
        host.send_detached("acme", "recording", "1", &message(), SendOptions::new()).unwrap().await.unwrap(),
        host.outcome("acme", "recording", "1").await.unwrap().unwrap(),
    ];
    assert_eq!(outcomes.each_ref().map(Outcome::is_replayed), [false, true, true, true, true, true, true]);
    assert!(outcomes.iter().all(Outcome::is_delivered));
    assert_eq!(recording.calls().len(), 1);
}

#[tokio::test]
async fn every_call_takes_texts_and_newtypes() {
    let (host, recording) = host();
    let (tenant, strategy) = (TenantId::new("acme").unwrap(), StrategyName::new("recording").unwrap());
    assert_eq!(host.health("acme", "recording").await.unwrap(), host.health(&tenant, &strategy).await.unwrap());
    let status = host.status("acme", "recording").await.unwrap();
    assert_eq!((&status.tenant, host.status(&tenant, &strategy).await.unwrap().config_version), (&tenant, status.config_version));
    assert_eq!(host.bound::<Recording>("acme", "recording").await.unwrap().tenant_id(), &tenant);
    host.invalidate("acme").await.unwrap();
    host.invalidate(&tenant).await.unwrap();
    assert!(host.forget("acme").await.unwrap().is_complete() && host.forget(&tenant).await.unwrap().is_complete());
    let items = [SendItem::new("acme", "recording", "1", message()), SendItem::new(&tenant, strategy.clone(), "2".to_owned(), message())];
    assert_eq!(host.send_all(stream::iter(items.map(Result::unwrap)), 2).await.delivered, 2);

    recording.answer(ProviderAnswer::Refuse(Arc::new(|| SendError::domain("the message was refused").processed())));
    let Outcome::Failed(failed) = host.send("acme", "recording", "3", &message()).await.unwrap() else { panic!("it was refused") };
    assert!(host.replay(failed.failure_id.as_str()).await.is_err(), "a letter of a send is not replayed");
    assert!(host.redrive(failed.failure_id.as_str(), RedriveOptions::new().force("a test")).await.unwrap().is_delivered());
    assert!(host.receive(&strategy, InboundRequest::trusted("queue", "1", "{}")).await.is_err(), "it only sends");
}

#[tokio::test]
async fn a_wrong_text_is_refused_at_the_boundary_with_its_field_and_size() {
    let (host, recording) = host();
    let long = "a".repeat(256);
    let refused = host.send("acme", "recording", &long, &message()).await.unwrap_err();
    assert_eq!((refused.kind(), refused.context("field")), (ErrorKind::MessageInvalid, Some("client_message_id")));
    assert_eq!((refused.context("limit"), refused.context("actual")), (Some("255"), Some("256")));
    let refused = host.send("", "recording", "1", &message()).await.unwrap_err();
    assert_eq!(refused.context("field"), Some("tenant"));
    let refused = host.send("acme", "recordings", "1", &message()).await.unwrap_err();
    assert_eq!((refused.kind(), refused.context("did_you_mean")), (ErrorKind::UnknownStrategy, Some("recording")));
    for misspelt in ["recordings", "Recording"] {
        let refused = host.outcome("acme", misspelt, "1").await.unwrap_err();
        assert_eq!((refused.kind(), refused.context("did_you_mean")), (ErrorKind::UnknownStrategy, Some("recording")));
    }
    assert!(host.outcome("acme", "recording", "1").await.unwrap().is_none(), "nothing was sent under this id");
    let refused = host.send_detached("acme", "recording", "a\nb", &message(), SendOptions::new()).unwrap_err();
    assert_eq!(refused.context("field"), Some("client_message_id"));
    for refused in [
        host.outcome("\u{202e}", "recording", "1").await.unwrap_err(),
        host.health("", "recording").await.unwrap_err(),
        host.bound::<Recording>("", "recording").await.unwrap_err(),
        host.invalidate("").await.unwrap_err(),
        SendItem::new("", "recording", "1", message()).unwrap_err(),
    ] {
        assert_eq!((refused.kind(), refused.context("field")), (ErrorKind::MessageInvalid, Some("tenant")));
    }
    let refused = host.redrive("", RedriveOptions::new()).await.unwrap_err();
    assert_eq!(refused.context("field"), Some("failure_id"));
    assert_eq!(recording.calls().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_outcome_serializes_with_its_kind_and_without_what_is_absent() {
    let (host, recording) = host();
    let sent = serde_json::to_value(host.send("acme", "recording", "1", &message()).await.unwrap()).unwrap();
    let members: Vec<_> = sent.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["attempts", "dedup_recorded", "outcome", "receipt", "replayed"]);
    assert_eq!((&sent["outcome"], &sent["attempts"], &sent["replayed"]), (&json!("delivered"), &json!(1), &json!(false)));

    let refusal = || SendError::domain("the message was refused").code("131026").processed();
    recording.answer(ProviderAnswer::Refuse(Arc::new(refusal)));
    let failed = serde_json::to_value(host.send("acme", "recording", "2", &message()).await.unwrap()).unwrap();
    let error = json!({
        "kind": failed["error"]["kind"], "fault": "domain", "temporary": false, "code": "131026", "message": "the message was refused",
        "context": { "attempts": "1" },
    });
    assert_eq!((&failed["outcome"], &failed["reach"], &failed["error"]), (&json!("failed"), &json!("processed"), &error));
    assert!(failed["failure_id"].is_string(), "{failed}");

    recording.answer(ProviderAnswer::throttle(Duration::from_secs(3_600)));
    let later = serde_json::to_value(host.send("acme", "recording", "3", &message()).await.unwrap()).unwrap();
    assert_eq!((&later["outcome"], &later["reason"]), (&json!("deferred"), &json!("throttled")));
    assert!(later["retry_after_ms"].as_u64().unwrap() >= 3_600_000, "{later}");
    assert_eq!(later["error"]["fault"], "throttled");

    recording.answer(ProviderAnswer::accept_then_break());
    let doubt = serde_json::to_value(host.send("acme", "recording", "4", &message()).await.unwrap()).unwrap();
    assert_eq!((&doubt["outcome"], &doubt["reach"]), (&json!("unknown"), &json!(Reach::Maybe)));
    let printed = format!("{sent}{failed}{later}{doubt}");
    assert!(!printed.contains("15551230001") && !printed.contains("on its way"), "{printed}");
}

#[test]
fn strategies_of_a_registry_and_of_the_builder_stand_side_by_side_and_never_replace_each_other() {
    let registry = StrategyRegistry::builder().register(Recording::new()).build().unwrap();
    let twice = Orchestrator::builder().registry(&registry).strategy(Recording::new()).stores(Memory::new()).build();
    let error = twice.unwrap_err();
    assert_eq!((error.kind(), error.context("strategy")), (ErrorKind::Settings, Some("recording")));
    let twice = Orchestrator::builder().strategy(Recording::new()).registry(&registry).stores(Memory::new()).build();
    assert_eq!(twice.unwrap_err().context("strategy"), Some("recording"));
    let both = Orchestrator::builder().registry(&registry).strategy_as("second", Recording::new()).stores(Memory::new()).build().unwrap();
    assert_eq!(both.registry().descriptors().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["recording", "second"]);
}

#[test]
fn any_error_in_a_handler_means_not_stored_and_keeps_its_type() {
    fn parse(text: &str) -> Result<u8, HandlerError> {
        Ok(text.parse::<u8>()?)
    }
    let HandlerError::NotStored { error, type_name } = parse("x").unwrap_err() else { panic!("not stored") };
    assert_eq!((error.to_string().as_str(), type_name), ("invalid digit found in string", "core::num::error::ParseIntError"));
    let boxed: Box<dyn std::error::Error + Send + Sync> = "disk".into();
    assert!(matches!(HandlerError::from(boxed), HandlerError::NotStored { .. }));
    let shared = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&shared);
    drop(Orchestrator::builder().on_event(move |_event| {
        let counted = Arc::clone(&counted);
        async move {
            *counted.lock().map_err(|_| "poisoned")? += 1;
            Ok(())
        }
    }));
    assert_eq!(Arc::strong_count(&shared), 1, "the builder owns its handler");
}
