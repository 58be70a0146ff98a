//! Bounds of a payload: its JSON before it is read, its elements after.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::Value;
use zengine_connector::{
    json::Limits,
    orchestrator::{Ack, InboundSettings, Preview, Replayed},
    strategy::InboundRequest,
    telemetry::MetricName,
};

use crate::host::{Host, counts, message, payload, request};

/// A host with other bounds.
fn host(change: impl FnOnce(&mut InboundSettings)) -> Host {
    let mut settings = InboundSettings::default();
    change(&mut settings);
    Host::with(settings, true)
}

/// The exact bytes that a letter keeps.
fn kept(body: &Value) -> Vec<u8> {
    let text = body["raw_base64"].as_str().map(|text| STANDARD.decode(text).unwrap());
    text.unwrap_or_else(|| serde_json::to_vec(&body["raw"]).unwrap())
}

/// Checks that a verified body is one letter with its bytes, answered with 200, however often it comes.
async fn assert_one_letter(host: &Host, body: impl Into<Bytes>, reason: &str) {
    let body = body.into();
    for times in 1..=2 {
        let received = host.shared(body.clone()).await;
        assert_eq!((received.ack, received.response.status().as_u16(), counts(&received)), (Ack::Done, 200, (0, 1, 0)), "{reason}");
        let counted = [MetricName::InboundPoisoned, MetricName::InboundDuplicates].map(|name| host.metrics.of(name));
        assert_eq!((counted, received.duplicates), ([1, times - 1], times - 1), "what comes again is a duplicate");
    }
    let letters = host.letters().await;
    assert_eq!((letters.len(), host.seen.count()), (1, 0));
    let (letter, kept_body) = &letters[0];
    assert_eq!((letter.last_error.as_ref().unwrap().message.as_ref(), kept_body["path"].as_str()), (reason, Some("")));
    assert!(kept(kept_body) == body, "the letter holds the exact bytes");
}

#[tokio::test(start_paused = true)]
async fn rule_84_a_verified_body_over_a_bound_of_json_is_one_letter_and_answered_200() {
    let too_large = "the JSON is too large";
    // The strategy would build every one of these elements.
    assert_one_letter(&host(|_| {}), format!("[{}1]", "1,".repeat(500_000)), too_large).await;
    assert_one_letter(&host(|_| {}), "1,".repeat(500_001), too_large).await;
    assert_one_letter(&host(|_| {}), "[".repeat(65) + &"]".repeat(65), "the JSON is nested too deeply").await;
    assert_one_letter(&host(|_| {}), format!("[{{\"{}\":1}}]", "n".repeat(1025)), too_large).await;
    assert_one_letter(&host(|s| s.json = Limits { body_bytes: 10, ..Limits::DEFAULT }), "[1, 2, 3,\n4 ]  ", too_large).await;
    assert_one_letter(&host(|s| s.json.json_items = 4), "[1,2,3,4,5]", too_large).await;
}

#[tokio::test(start_paused = true)]
async fn rule_84_a_verified_body_of_too_many_elements_is_one_letter_and_answered_200() {
    assert_one_letter(&host(|_| {}), format!("[{}1]", "1,".repeat(10_000)), "the payload holds too many elements").await;
    let all = host(|s| s.max_elements = 3);
    assert_eq!(counts(&all.shared(payload(&[message("1", "a", "x"), message("2", "a", "y"), message("3", "b", "z")])).await), (3, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn rule_84_a_letter_over_a_bound_is_replayed_once_the_bound_is_raised() {
    let few = host(|s| s.json.json_items = 4);
    let body = payload(&[message("1", "a", "one"), message("2", "a", "two")]);
    assert_one_letter(&few, body, "the JSON is too large").await;
    let (letter, _) = few.letters().await.remove(0);
    assert!(matches!(few.orchestrator.replay(&letter.failure_id).await.unwrap(), Replayed::Poison(_)), "the bound still holds");
    let raised = Host::over(few.memory.clone(), InboundSettings::default(), true);
    assert_eq!(raised.orchestrator.replay(&letter.failure_id).await.unwrap(), Replayed::Stored);
    assert_eq!((raised.seen.texts(), raised.letters().await.len()), (vec!["one".to_owned(), "two".to_owned()], 0));
}

#[tokio::test(start_paused = true)]
async fn rule_84_a_body_over_a_bound_that_is_not_verified_is_refused_with_413() {
    let host = host(|s| s.json.json_items = 4);
    for (body, status) in [("[1,2,3,4,5]", 413), ("[1]", 401)] {
        let forged = || request("/").header("x-secret", "guess").body(Bytes::from(body)).unwrap();
        let received = host.receive("acme-shared", forged()).await;
        assert_eq!((received.ack, received.response.status().as_u16()), (Ack::Refused, status));
        let Preview::Refused(refused) = host.orchestrator.preview("acme-shared", &InboundRequest::http(forged()), None).await.unwrap()
        else {
            panic!("it is refused")
        };
        assert_eq!(refused.status().as_u16(), status);
    }
    assert!(host.letters().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn rule_84_a_strategy_that_takes_no_json_bounds_its_bodies_itself() {
    let host = host(|s| s.json = Limits { body_bytes: 1, json_depth: 1, json_items: 1, name_bytes: 1 });
    let received = host.receive("acme-text", request("/").body(Bytes::from("[[[,,,")).unwrap()).await;
    assert_eq!((received.response.status().as_u16(), host.letters().await.len()), (200, 1));
    assert_eq!(host.letters().await[0].1["reason"], "a text of any brackets");
}
