//! Previews: the events of a request, and nothing stored.

use bytes::Bytes;
use serde_json::json;
use zengine_connector::{
    ErrorKind, TenantId,
    orchestrator::Preview,
    strategy::{InboundRequest, RawPayload, VerifyError},
};

use crate::{
    host::{Host, counts, message, payload, request},
    strategies::text_of,
};

/// Each element: whose it is and what it says, or why it is nobody's.
fn shown(preview: Preview) -> Vec<String> {
    let Preview::Events(events) = preview else { panic!("{preview:?}") };
    events
        .iter()
        .map(|element| match element {
            Ok(event) => format!("{}: {}", event.tenant, text_of(event)),
            Err(error) => error.reason.to_owned(),
        })
        .collect()
}

fn body() -> Bytes {
    let routed = |routes: serde_json::Value, text: &str| json!({ "routes": routes, "id": text, "conversation": "a", "text": text });
    let mut shared = routed(json!([["waba", "waba"]]), "shared");
    shared["fan_out"] = true.into();
    payload(&[
        message("1", "a", "first"),
        json!(7),
        shared,
        routed(json!([["phone", "twice"]]), "twice"),
        routed(json!([["phone", "unknown"]]), "nobody's"),
        message("2", "a", "last"),
    ])
}

fn signed() -> InboundRequest {
    InboundRequest::http(request("/").header("x-secret", "canary-secret").body(body()).unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_preview_shows_events_in_order_calls_no_handler_and_writes_no_store() {
    let host = Host::new();
    for _ in 0..2 {
        let preview = host.orchestrator.preview("acme-shared", &signed(), None).await.unwrap();
        let expected = [
            "one: first",
            "not an element",
            "one: shared",
            "three: shared",
            "two: shared",
            "ambiguous tenant: several tenants have a route that must belong to one",
            "unknown tenant: no tenant has any of the event's routes",
            "one: last",
        ];
        assert_eq!(shown(preview), expected);
    }
    assert_eq!((host.seen.count(), host.letters().await.len()), (0, 0));
    // Nothing was claimed: the same request is new to the handler.
    assert_eq!(counts(&host.shared(body()).await), (5, 3, 0));
    assert_eq!(host.seen.count(), 5);
}

#[tokio::test(start_paused = true)]
async fn an_event_of_nobody_is_the_named_tenants() {
    let host = Host::new();
    let tenant = TenantId::new("guest").unwrap();
    let seen = shown(host.orchestrator.preview("acme-shared", &signed(), Some(&tenant)).await.unwrap());
    assert!(seen.contains(&"guest: nobody's".to_owned()) && seen.contains(&"one: first".to_owned()), "{seen:?}");
    let unverified = host.orchestrator.preview_unverified("acme-shared", &RawPayload::unverified(body()), &tenant).await.unwrap();
    assert_eq!(shown(Preview::Events(unverified)), seen);
}

#[tokio::test(start_paused = true)]
async fn a_preview_refuses_what_a_host_refuses() {
    let host = Host::new();
    let unsigned = InboundRequest::http(http::Request::post("/").body(body()).unwrap());
    let preview = host.orchestrator.preview("acme-shared", &unsigned, None).await.unwrap();
    assert!(matches!(preview, Preview::Refused(VerifyError::Unauthenticated(_))), "{preview:?}");
    let error = host.orchestrator.preview("nobody", &unsigned, None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownStrategy);
}
