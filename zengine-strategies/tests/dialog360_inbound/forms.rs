//! The forms of bodies: Meta's, the bare value of the sandbox and of older numbers, and the partner's own events.

use serde_json::{Value, json};
use zengine_connector::SecretRef;
use zengine_connector::registry::TenantSetup;
use zengine_strategies::whatsapp_360dialog::Dialog360;

use crate::support::{Host, NAME, TOKEN, envelope, post, signed, tenant, text_of, with_token};

async fn only(body: Value) -> Value {
    let mut events = Host::with_header().await.events_of(&body).await;
    assert_eq!(events.len(), 1, "{events:?}");
    events.remove(0)
}

/// An event for a partner's endpoint, as its tenant gets it.
async fn of_partner(body: Value) -> Vec<Value> {
    let host = Host::new(Dialog360::new().with_platform_secret(SecretRef::named("platform")));
    host.set_up(TenantSetup::common(NAME).application_secret("platform", "platform-secret")).await;
    host.set_up(tenant("acme", "100200300", json!({"channel_id": "chan1"}))).await;
    let good = signed(&body, "platform-secret");
    assert_eq!(host.answer(post("/", &[("x-360dialog-signature", &good)], &body)).await, 200);
    host.take()
}

#[tokio::test(start_paused = true)]
async fn a_value_without_an_envelope_is_read_as_one_with_it() {
    let enveloped = only(envelope([text_of(Some("100200300"), "wamid.1")])).await;
    let bare = only(text_of(Some("100200300"), "wamid.1")).await;
    for member in ["type", "content", "from", "to", "conversation", "dedupe_key", "occurred_at_ms", "provider_ids"] {
        assert_eq!(bare[member], enveloped[member], "{member}");
    }
}

/// The sandbox and older numbers name no number: the token in the path decides the tenant.
async fn of_token(body: Value) -> Vec<Value> {
    let host = Host::new(Dialog360::new());
    host.set_up(with_token(json!({}))).await;
    assert_eq!(host.answer(post(&format!("/{TOKEN}"), &[], &body)).await, 200);
    host.take()
}

#[tokio::test(start_paused = true)]
async fn messages_statuses_and_errors_come_without_a_number_too() {
    let events = of_token(text_of(None, "ABEG1")).await;
    assert_eq!((&events[0]["content"]["body"], &events[0]["from"]["name"]), (&json!("Hello"), &json!("Ana")));
    let events =
        of_token(json!({"statuses": [{"id": "gBEGS", "recipient_id": "15551230001", "status": "delivered", "timestamp": "1764403200"}]}))
            .await;
    assert_eq!((&events[0]["type"], &events[0]["state"]), (&json!("status"), &json!("delivered")));
    let events = of_token(json!({"errors": [{"code": 1014, "title": "Internal error", "details": "synthetic"}]})).await;
    let event = &events[0];
    assert_eq!((&event["type"], &event["event"], &event["errors"][0]["code"]), (&json!("account"), &json!("error"), &json!("1014")));
}

#[tokio::test(start_paused = true)]
async fn a_body_of_nothing_known_is_one_unknown_event() {
    for body in [json!({}), json!({"ping": true}), json!({"messages": []})] {
        let events = of_token(body.clone()).await;
        assert!(!events.is_empty() && events.iter().all(|event| event["type"] == "unknown"), "{body}: {events:?}");
    }
}

fn template_event(more: Value) -> Value {
    let mut template =
        json!({"id": "AbCdEfGhIjKlMnOpQrStUv", "external_id": "1786000000000001", "name": "parcel_ready", "language": "pt-BR"});
    for (member, value) in more.as_object().unwrap() {
        template[member] = value.clone();
    }
    json!({"id": "evt1", "event": "waba_template_status_changed", "data": {"id": "900100", "template": template}})
}

#[tokio::test(start_paused = true)]
async fn a_partners_event_about_a_template_names_both_ids() {
    let body = template_event(json!({"new_status": "REJECTED", "rejected_reason": "INVALID_FORMAT"}));
    for body in [body.clone(), json!([body])] {
        let events = of_partner(body).await;
        let event = &events[0];
        let expected = json!({
            "type": "template", "aspect": "status", "current": "REJECTED", "name": "parcel_ready", "language": "pt_BR",
            "reason": "INVALID_FORMAT", "template_id": "1786000000000001", "hub_id": "AbCdEfGhIjKlMnOpQrStUv", "waba_id": "900100",
        });
        for (member, value) in expected.as_object().unwrap() {
            assert_eq!(&event[member], value, "{member}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_template_without_a_reason_has_none_and_a_category_is_its_own_aspect() {
    let events = of_partner(template_event(json!({"new_status": "APPROVED", "rejected_reason": "NONE"}))).await;
    assert_eq!(events[0].get("reason"), None);
    let body = json!({"id": "evt2", "type": "waba_template_category_changed",
        "data": {"id": "900100", "template": {"name": "parcel_ready", "language": "en_US", "new_category": "MARKETING"}}});
    let events = of_partner(body).await;
    assert_eq!((&events[0]["aspect"], &events[0]["current"]), (&json!("category"), &json!("MARKETING")));
}

#[tokio::test(start_paused = true)]
async fn an_event_about_a_channel_reaches_the_tenant_of_the_channel() {
    let events = of_partner(json!({"id": "evt3", "event": "channel_live", "data": {"id": "chan1", "status": "live"}})).await;
    let event = &events[0];
    assert_eq!((&event["type"], &event["field"], &event["event"]), (&json!("account"), &json!("channel_live"), &json!("live")));
    assert_eq!(event["data"]["id"], "chan1");
}

#[tokio::test(start_paused = true)]
async fn the_same_event_twice_is_one() {
    let body = template_event(json!({"new_status": "APPROVED"}));
    assert_eq!(of_partner(json!([body, body])).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn metas_own_form_about_a_template_spells_the_language_as_the_calls_do() {
    let value = json!({"event": "APPROVED", "message_template_id": 1_689_556_908_129_832_u64, "message_template_name": "parcel_ready",
        "message_template_language": "en-US", "reason": "NONE"});
    let body = json!({"object": "whatsapp_business_account", "entry": [{"id": "900100", "time": 1_764_403_200,
        "changes": [{"field": "message_template_status_update", "value": value}]}]});
    let event = only(body).await;
    let expected = [("language", "en_US"), ("template_id", "1689556908129832"), ("current", "APPROVED"), ("waba_id", "900100")];
    for (member, value) in expected {
        assert_eq!(event[member], value, "{member}");
    }
    assert_eq!(event.get("reason"), None);
}

/// The id may be the object's: each change is an event.
#[tokio::test(start_paused = true)]
async fn changes_under_one_id_are_several_events() {
    let states = ["APPROVED", "PAUSED", "REINSTATED"];
    let all: Vec<_> = states.iter().map(|state| template_event(json!({"new_status": state}))).collect();
    let events = of_partner(json!(all)).await;
    assert_eq!(events.iter().map(|event| event["current"].clone()).collect::<Vec<_>>(), states);
}

#[tokio::test(start_paused = true)]
async fn a_restriction_reaches_the_tenant_of_the_channel_too() {
    let events = of_partner(json!({"id": "evt4", "event": "account_restriction", "data": {"id": "chan1", "status": "restricted"}})).await;
    assert_eq!((&events[0]["field"], &events[0]["event"]), (&json!("account_restriction"), &json!("restricted")));
}
