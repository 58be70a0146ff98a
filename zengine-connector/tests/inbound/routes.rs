//! The tenants of events.

use std::{
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    time::Duration,
};

use serde_json::{Value, json};
use zengine_connector::{
    ids::RouteKey,
    orchestrator::{Ack, InboundSettings, Preview, Replayed},
    store::TenantRow,
    strategy::{InboundRequest, RawPayload},
};

use crate::host::{Host, counts, id, message, name, payload, request};

fn routed(event: &str, text: &str, routes: &Value) -> Value {
    json!({ "routes": routes, "id": event, "conversation": "a", "text": text })
}

fn given(host: &Host) -> Vec<(String, String)> {
    let events = host.seen.events.lock().unwrap();
    let mut given: Vec<_> = events.iter().map(|event| (event.tenant.to_string(), crate::strategies::text_of(event).to_owned())).collect();
    given.sort();
    given
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(tenant, text)| ((*tenant).to_owned(), (*text).to_owned())).collect()
}

#[tokio::test(start_paused = true)]
async fn one_request_holds_events_of_several_tenants() {
    let host = Host::new();
    let body = payload(&[
        routed("1", "for one", &json!([["phone", "one"]])),
        routed("1", "for two", &json!([["phone", "two"]])),
        routed("2", "for one too", &json!([["phone", "one"]])),
    ]);
    assert_eq!(counts(&host.shared(body.clone()).await), (3, 0, 0));
    assert_eq!(given(&host), pairs(&[("one", "for one"), ("one", "for one too"), ("two", "for two")]));
    // The same key of two tenants is two events.
    let events = host.seen.events.lock().unwrap();
    let ids: std::collections::HashSet<_> = events.iter().map(|event| &event.id).collect();
    assert_eq!(ids.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_event_is_stamped_with_whose_it_is_and_when_it_came() {
    let host = Host::new();
    let _ = host.shared(payload(&[message("1", "a", "hello")])).await;
    let event = host.seen.events.lock().unwrap()[0].clone();
    assert_eq!(
        (event.tenant.as_str(), event.strategy.as_str(), event.channel),
        ("one", "acme-shared", zengine_connector::message::Channel::WhatsApp)
    );
    assert_eq!(event.received_at_ms, zengine_connector::testing::SimClock::EPOCH_MS);
    assert_eq!(event.id, event.dedupe_key.event_id());
    assert_eq!(event.raw, serde_json::to_vec(&message("1", "a", "hello")).unwrap());
    let reply_to = host.seen.reply_to.lock().unwrap()[0].clone();
    assert_eq!((reply_to.event_id.as_str(), reply_to.to), (event.id.as_str(), event.from));
}

#[tokio::test(start_paused = true)]
async fn the_first_key_that_leads_to_a_tenant_decides() {
    let host = Host::new();
    let body = payload(&[routed("1", "x", &json!([["phone", "unknown"], ["phone", "two"], ["phone", "one"]]))]);
    assert_eq!(counts(&host.shared(body).await), (1, 0, 0));
    assert_eq!(given(&host), pairs(&[("two", "x")]));
}

#[tokio::test(start_paused = true)]
async fn what_tenants_share_goes_to_each_of_them_once() {
    let host = Host::new();
    let mut element = routed("1", "quality", &json!([["waba", "waba"]]));
    element["fan_out"] = true.into();
    let body = payload(&[element]);
    for _ in 0..2 {
        assert_eq!(counts(&host.shared(body.clone()).await), (3, 0, 0));
    }
    assert_eq!(given(&host), pairs(&[("one", "quality"), ("three", "quality"), ("two", "quality")]));
}

#[tokio::test(start_paused = true)]
async fn rule_84_an_event_of_several_tenants_counts_once_for_each() {
    let host = Host::with(InboundSettings { max_elements: 6, ..InboundSettings::default() }, true);
    let shared = |count: usize| {
        let element = |n: usize| {
            let mut element = routed(&n.to_string(), "quality", &json!([["waba", "waba"]]));
            element["fan_out"] = true.into();
            element
        };
        payload(&(0..count).map(element).collect::<Vec<_>>())
    };
    assert_eq!(counts(&host.shared(shared(2)).await), (6, 0, 0));
    let received = host.shared(shared(3)).await;
    assert_eq!((received.response.status().as_u16(), counts(&received), host.seen.count()), (200, (0, 1, 0), 6));
    let letters = host.letters().await;
    assert_eq!(letters[0].0.last_error.as_ref().unwrap().message, "the payload holds too many elements");
    assert_eq!((letters.len(), letters[0].1["raw"].to_string()), (1, String::from_utf8(shared(3).to_vec()).unwrap()), "all its bytes");
}

#[tokio::test(start_paused = true)]
async fn an_event_of_two_claimants_is_kept_and_shown_to_neither() {
    let host = Host::new();
    let received = host.shared(payload(&[routed("1", "canary", &json!([["phone", "twice"]])), message("2", "a", "fine")])).await;
    assert_eq!((received.ack, received.response.status().as_u16(), counts(&received)), (Ack::Done, 200, (1, 1, 0)));
    assert_eq!(given(&host), pairs(&[("one", "fine")]));
    let letters = host.letters().await;
    assert_eq!((letters.len(), letters[0].0.tenant.as_str()), (1, "(none)"));
    assert_eq!(letters[0].1["content"]["body"], "canary");
}

#[tokio::test(start_paused = true)]
async fn an_event_that_leads_to_nobody_is_kept_once_and_answered_200() {
    let host = Host::new();
    let body = payload(&[routed("1", "lost?", &json!([["phone", "unknown"]])), routed("2", "no route", &json!([]))]);
    for _ in 0..2 {
        let received = host.shared(body.clone()).await;
        assert_eq!((received.ack, received.response.status().as_u16(), counts(&received)), (Ack::Done, 200, (0, 2, 0)));
    }
    let letters = host.letters().await;
    assert_eq!(letters.len(), 2);
    assert!(letters.iter().all(|(letter, _)| letter.tenant.as_str() == "(none)" && letter.outcome == "poison"));
    assert!(letters.iter().any(|(_, body)| body["content"]["body"] == "lost?" && body["type"] == "message"));
    let reason = letters[0].0.last_error.as_ref().unwrap();
    assert_eq!(reason.message, "unknown tenant: no tenant has any of the event's routes");
}

#[tokio::test(start_paused = true)]
async fn a_tenants_credentials_vouch_for_its_own_events_only() {
    let host = Host::new();
    let body = payload(&[
        routed("1", "own", &json!([["phone", "one"]])),
        routed("2", "no route", &json!([])),
        routed("3", "nobody's route", &json!([["phone", "unknown"]])),
        routed("4", "foreign", &json!([["phone", "two"]])),
        routed("5", "one of the sharers", &json!([["waba", "waba"]])),
    ]);
    let received = host.receive("acme-hook", request("/hook/one").body(body).unwrap()).await;
    assert_eq!((received.response.status().as_u16(), counts(&received)), (200, (4, 1, 0)));
    let expected = pairs(&[("one", "no route"), ("one", "nobody's route"), ("one", "one of the sharers"), ("one", "own")]);
    assert_eq!(given(&host), expected);
    let letters = host.letters().await;
    assert_eq!((letters[0].0.tenant.as_str(), &letters[0].1["content"]["body"]), ("one", &json!("foreign")));

    // The true owner's copy is not taken for the foreign one.
    let received = host.receive("acme-hook", request("/hook/two").body(payload(&[routed("4", "mine", &json!([]))])).unwrap()).await;
    assert_eq!(counts(&received), (1, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_silent_directory_makes_events_come_again() {
    let host = Host::new();
    Host::fault(&host.faults.routes_down, true);
    let body = payload(&[message("1", "a", "first"), message("2", "a", "second")]);
    let received = host.shared(body.clone()).await;
    assert_eq!((received.ack, received.response.status().as_u16(), counts(&received)), (Ack::Redeliver, 503, (0, 0, 2)));
    assert!(host.letters().await.is_empty());
    Host::fault(&host.faults.routes_down, false);
    assert_eq!(counts(&host.shared(body).await), (2, 0, 0));
    assert_eq!(host.seen.texts(), ["first", "second"]);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_is_broken_for_good_does_not_hold_up_a_shared_endpoint() {
    let host = Host::new();
    let body = payload(&[routed("1", "kept", &json!([["phone", "broken"]])), message("2", "a", "fine")]);
    for _ in 0..2 {
        let received = host.shared(body.clone()).await;
        assert_eq!((received.ack, counts(&received)), (Ack::Done, (1, 1, 0)));
    }
    assert_eq!(given(&host), pairs(&[("one", "fine")]));
    let letters = host.letters().await;
    assert_eq!((letters.len(), letters[0].0.tenant.as_str(), &letters[0].1["content"]["body"]), (1, "broken", &json!("kept")));
}

/// Its credentials stand in that configuration: nothing is known to be authentic, and nothing is kept.
#[tokio::test(start_paused = true)]
async fn a_tenant_that_is_broken_for_good_is_refused_on_an_endpoint_of_its_own() {
    let host = Host::new();
    let row = TenantRow::new(json!({ "broken": true })).with_routes([RouteKey::new("url_token", "broken")]);
    host.memory.put_tenant(&id("broken"), &name("acme-hook"), row);
    let received = host.receive("acme-hook", request("/hook/broken").body(payload(&[message("1", "a", "lost")])).unwrap()).await;
    assert_eq!((received.ack, received.response.status().as_u16(), counts(&received)), (Ack::Refused, 401, (0, 0, 0)));
    assert!(host.letters().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_configuration_that_cannot_be_read_now_makes_events_come_again() {
    let fault: [fn(&Host) -> &AtomicBool; 2] = [|host| &host.faults.configs_down, |host| &host.faults.configs_damaged];
    for fault in fault {
        let host = Host::new();
        Host::fault(fault(&host), true);
        let body = payload(&[message("1", "a", "hello")]);
        let received = host.shared(body.clone()).await;
        assert_eq!((received.ack, counts(&received)), (Ack::Redeliver, (0, 0, 1)));
        Host::fault(fault(&host), false);
        assert_eq!(counts(&host.shared(body).await), (1, 0, 0));
    }
}

/// Gives a tenant a phone.
fn give_phone(host: &Host, tenant: &str, phone: &str) {
    let row = TenantRow::new(json!({})).with_routes([RouteKey::new("phone", phone)]);
    host.memory.put_tenant(&id(tenant), &name("acme-shared"), row);
}

/// A message to a phone.
fn to(phone: &str, event: &str) -> bytes::Bytes {
    payload(&[routed(event, event, &json!([["phone", phone]]))])
}

fn routes_read(host: &Host) -> usize {
    host.faults.routes_read.load(SeqCst)
}

#[tokio::test(start_paused = true)]
async fn rule_84_a_new_tenants_first_event_is_its_own_although_a_miss_is_cached() {
    let host = Host::new();
    assert_eq!(counts(&host.shared(to("new", "1")).await), (0, 1, 0));
    give_phone(&host, "four", "new");
    assert_eq!(counts(&host.shared(to("new", "2")).await), (1, 0, 0), "the directory was asked past the cache");
    assert_eq!(given(&host), pairs(&[("four", "2")]));
    // The letter of the first one is replayed.
    let (letter, _) = host.letters().await.remove(0);
    assert_eq!(host.orchestrator.replay(&letter.failure_id).await.unwrap(), Replayed::Stored);
    assert_eq!(given(&host), pairs(&[("four", "1"), ("four", "2")]));
}

#[tokio::test(start_paused = true)]
async fn rule_84_events_of_nobody_ask_past_the_cache_once_per_key_and_second() {
    let host = Host::new();
    for n in 0..10 {
        let body = payload(&[
            routed(&format!("a{n}"), "x", &json!([["phone", "new"]])),
            routed(&format!("b{n}"), "x", &json!([["phone", "new"]])),
        ]);
        assert_eq!(counts(&host.shared(body).await), (0, 2, 0));
    }
    assert_eq!(routes_read(&host), 2, "the first look-up, and one past the cache");
    // A miss is remembered for a second.
    host.clock.advance(Duration::from_secs(1)).await;
    assert_eq!(counts(&host.shared(to("new", "c")).await), (0, 1, 0));
    assert_eq!(counts(&host.shared(to("new", "d")).await), (0, 1, 0));
    assert_eq!(routes_read(&host), 4);
}

#[tokio::test(start_paused = true)]
async fn rule_84_a_phone_that_changed_its_tenant_is_asked_for_past_the_cache_before_its_event_is_kept() {
    let host = Host::new();
    give_phone(&host, "four", "moved");
    assert_eq!(counts(&host.shared(to("moved", "1")).await), (1, 0, 0));
    give_phone(&host, "five", "moved");
    host.clock.advance(Duration::from_secs(30)).await;
    assert_eq!(counts(&host.shared(to("moved", "2")).await), (0, 1, 0), "two tenants have it");
    host.memory.put_tenant(&id("four"), &name("acme-shared"), TenantRow::new(json!({})));
    assert_eq!(counts(&host.shared(to("moved", "3")).await), (1, 0, 0));
    assert_eq!(given(&host), pairs(&[("five", "3"), ("four", "1")]));
}

#[tokio::test(start_paused = true)]
async fn rule_84_what_is_not_verified_does_not_pass_by_the_cache() {
    let host = Host::new();
    let unverified = RawPayload::unverified(to("new", "1"));
    for _ in 0..10 {
        let shown = host.orchestrator.preview_unverified("acme-shared", &unverified, &id("one")).await.unwrap();
        assert_eq!(shown[0].as_ref().unwrap().tenant.as_str(), "one");
        let forged = request("/").header("x-secret", "guess").body(to("new", "1")).unwrap();
        assert_eq!(host.receive("acme-shared", forged).await.response.status().as_u16(), 401);
        // It names its tenant by a key and is not authenticated.
        assert_eq!(host.receive("acme-hook", request("/hook/new").body(to("new", "1")).unwrap()).await.response.status().as_u16(), 401);
    }
    assert_eq!(routes_read(&host), 2, "one look-up per strategy and key");
    give_phone(&host, "four", "new");
    let signed = InboundRequest::http(request("/").header("x-secret", "canary-secret").body(to("new", "1")).unwrap());
    let Preview::Events(shown) = host.orchestrator.preview("acme-shared", &signed, None).await.unwrap() else { panic!("events") };
    assert_eq!(shown[0].as_ref().unwrap().tenant.as_str(), "four");
}
