//! What goes wrong: F, G, P, Q.

use std::time::Duration;

use serde_json::json;
use zengine_connector::{
    ErrorKind as Kind, Event, Fault, OutboundMessage, Outcome, Reach,
    error::Scope,
    http::{HttpCause, HttpError},
    pipeline::DeferredReason,
    store::DeadLetter,
    strategy::HealthStatus,
};

use crate::{
    host::Host,
    inbound::status,
    outbound::{Bench, answer, message, raw, refused},
};

fn text() -> OutboundMessage {
    message(json!({"type": "text", "body": "Hello"}))
}

#[tokio::test(start_paused = true)]
async fn acceptance_f_errors_are_classed_by_their_code() {
    let table = [
        (refused(400, 131_047), Some(131_047), Kind::WindowClosed, Fault::Domain, Reach::Processed),
        (refused(400, 131_056), Some(131_056), Kind::RateLimited, Fault::Throttled, Reach::NotSent),
        (refused(400, 130_429), Some(130_429), Kind::RateLimited, Fault::Throttled, Reach::NotSent),
        (refused(401, 190), Some(190), Kind::Unauthorized, Fault::Auth, Reach::Processed),
        (refused(400, 131_026), Some(131_026), Kind::InvalidRecipient, Fault::Domain, Reach::Processed),
        (refused(404, 132_001), Some(132_001), Kind::Template, Fault::Domain, Reach::Processed),
        (refused(503, 2), Some(2), Kind::Unavailable, Fault::Provider, Reach::Maybe),
        (raw(502, "<html>Bad gateway</html>"), None, Kind::Unavailable, Fault::Provider, Reach::Maybe),
    ];
    let host = Host::new();
    for (n, (response, code, kind, fault, reach)) in table.into_iter().enumerate() {
        let bench = Bench::new().await;
        bench.answer(response);
        let error = bench.try_send(&text()).await.unwrap_err();
        assert_eq!((error.kind(), error.fault(), error.reach()), (kind, fault, reach), "{code:?}");
        assert_eq!(error.provider_code().map(str::to_owned), code.map(|code| code.to_string()));
        // The same code in a webhook is the same kind.
        let Some(code) = code else { continue };
        let told = status(json!({"id": format!("wamid.{n}"), "status": "failed", "errors": [{"code": code, "title": "anything"}]}));
        assert_eq!(host.post(&told).await, 200);
        let Event::Status(status) = host.only().event else { panic!("{code}") };
        assert_eq!(status.error.unwrap().kind, kind, "{code}");
    }
    // A throttle says what it limits.
    for (code, scope) in [(131_056, Scope::Recipient), (130_429, Scope::Sender), (4, Scope::Account), (80_007, Scope::Account)] {
        let bench = Bench::new().await;
        bench.answer(refused(400, code));
        assert_eq!(bench.try_send(&text()).await.unwrap_err().scope(), Some(scope), "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_providers_own_words_are_in_the_outcome_and_sealed_in_the_dead_letter() {
    let host = Host::new();
    let details = json!({"error": {"code": 132_000, "message": "m", "error_data": {"details": "canary-details"}, "fbtrace_id": "Atrace"}});
    host.answer(answer(400, &details));
    let Outcome::Failed(failed) = host.send("1", &text()).await.unwrap() else { panic!("not failed") };
    assert_eq!(failed.error.provider_details().unwrap().details.as_deref(), Some("canary-details"));
    let letter = host.stores.dead_letters().get(&failed.failure_id).await.unwrap().unwrap();
    assert!(!serde_json::to_string(&letter).unwrap().contains("canary"));
    let keys = host.stores.keys();
    let words = letter.provider_details(&*keys).unwrap().unwrap();
    assert_eq!((words.details.as_deref(), words.trace_id.as_deref()), (Some("canary-details"), Some("Atrace")));
    let again: DeadLetter = serde_json::from_str(&serde_json::to_string(&letter).unwrap()).unwrap();
    assert_eq!(again.provider_details(&*keys).unwrap(), Some(words));

    let Outcome::Failed(replayed) = host.send("1", &text()).await.unwrap() else { panic!("not failed") };
    assert!(replayed.replayed && replayed.error.provider_details().is_none(), "the record holds none of it");
}

#[tokio::test(start_paused = true)]
async fn acceptance_g_what_may_have_been_sent_is_not_sent_again_and_a_throttle_is() {
    let transient = json!({"error": {"code": 1, "is_transient": true, "message": "canary"}});
    let lost = |cause| Err(HttpError::new(cause, Reach::Maybe));
    let maybe = [
        lost(HttpCause::Timeout),
        lost(HttpCause::Broken),
        Ok(answer(400, &transient)),
        Ok(refused(503, 2)),
        Ok(refused(500, 131_000)),
        Ok(refused(500, 131_016)),
        Ok(refused(503, 133_004)),
        Ok(raw(504, "")),
    ];
    for (n, answer) in maybe.into_iter().enumerate() {
        let host = Host::new();
        host.script.answer(answer);
        let outcome = host.send("maybe", &text()).await.unwrap();
        assert!(matches!(outcome, Outcome::Unknown(_)), "{n}: {outcome:?}");
        assert_eq!(host.script.len(), 1, "{n}: once, and no more");
        // Whoever asks again, also hours later, gets the same answer, and the provider nothing.
        host.clock.advance(Duration::from_secs(3600)).await;
        assert!(matches!(host.send("maybe", &text()).await.unwrap(), Outcome::Unknown(_)), "{n}");
        assert_eq!(host.script.len(), 1, "{n}");
    }

    // Meta surely did not accept these: sent again once their wait is over.
    let host = Host::new();
    let usage = r#"{"900100":[{"type":"whatsapp","call_count":100,"estimated_time_to_regain_access":12}]}"#;
    for (code, header, wait) in
        [(4, Some(usage), 720), (80_007, Some(usage), 720), (80_007, None, 0), (130_429, None, 0), (131_056, None, 1), (131_057, None, 60)]
    {
        let (before, id) = (host.script.len(), format!("again-{code}-{wait}"));
        let mut response = refused(400, code);
        if let Some(usage) = header {
            response.headers_mut().insert("x-business-use-case-usage", usage.parse().unwrap());
        }
        host.answer(response);
        let asked = zengine_connector::runtime::Clock::now(&*host.clock);
        let outcome = match host.send(&id, &text()).await.unwrap() {
            // Longer than a caller waits: put off with the wait, which is the provider's at least.
            Outcome::Deferred(deferred) => {
                assert!(deferred.retry_after >= Duration::from_secs(wait) && wait > 5, "{code}: {:?}", deferred.retry_after);
                assert!(
                    matches!(deferred.reason, DeferredReason::Throttled | DeferredReason::Unavailable),
                    "{code}: {:?}",
                    deferred.reason
                );
                assert_eq!(host.script.len(), before + 1);
                host.clock.advance(deferred.retry_after).await;
                host.send(&id, &text()).await.unwrap()
            }
            outcome => outcome,
        };
        assert!(matches!(outcome, Outcome::Delivered(_)), "{code}: {outcome:?}");
        let waited = zengine_connector::runtime::Clock::now(&*host.clock).duration_since(asked).unwrap();
        assert!(waited >= Duration::from_secs(wait), "{code}: {waited:?}");
        assert_eq!(host.script.len(), before + 2, "{code}: refused once, accepted once");
    }
    assert!(host.stores.dead_letter_count() == 0);
}

#[tokio::test(start_paused = true)]
async fn acceptance_g_the_pair_limit_waits_longer_each_time() {
    let host = Host::new();
    for _ in 0..3 {
        host.answer(refused(400, 131_056));
    }
    let asked = zengine_connector::runtime::Clock::now(&*host.clock);
    let Outcome::Deferred(deferred) = host.send("pair", &text()).await.unwrap() else { panic!("not put off") };
    let waited = zengine_connector::runtime::Clock::now(&*host.clock).duration_since(asked).unwrap();
    assert!((5..=6).contains(&waited.as_secs()), "1 and 4 seconds: {waited:?}");
    assert!(deferred.retry_after >= Duration::from_secs(16), "{:?}", deferred.retry_after);
    assert_eq!(host.script.len(), 3);
    host.clock.advance(deferred.retry_after).await;
    assert!(matches!(host.send("pair", &text()).await.unwrap(), Outcome::Delivered(_)));
}

#[tokio::test(start_paused = true)]
async fn acceptance_p_a_template_that_cannot_be_used_is_not_tried_again() {
    let host = Host::new();
    host.answer(refused(500, 134_102));
    let template = message(json!({"type": "template", "name": "order_ready", "language": "en_US"}));
    let Outcome::Failed(failed) = host.send("1", &template).await.unwrap() else { panic!("not failed") };
    assert_eq!((failed.error.kind(), failed.error.fault(), host.script.len()), (Kind::Template, Fault::Domain, 1));
    // In a webhook it is the same.
    assert_eq!(host.post(&status(json!({"status": "failed", "errors": [{"code": 134_102}]}))).await, 200);
    let Event::Status(status) = host.only().event else { panic!("no status") };
    assert_eq!(status.error.unwrap().kind, Kind::Template);
}

#[tokio::test(start_paused = true)]
async fn acceptance_q_a_throttled_check_does_not_make_a_number_unhealthy() {
    let host = Host::new();
    for code in [4, 80_007, 80_008, 130_429, 17, 32, 613] {
        host.answer(refused(400, code));
        let health = host.health().await;
        assert!(matches!(health, HealthStatus::Inconclusive(_)), "{code}: {health:?}");
    }
    host.answer(raw(429, ""));
    assert!(matches!(host.health().await, HealthStatus::Inconclusive(_)));
    let node = |more: serde_json::Value| {
        let mut node = json!({"id": "100200300", "status": "CONNECTED", "quality_rating": "GREEN", "health_status": {"can_send_message": "AVAILABLE"}});
        node.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        answer(200, &node)
    };
    for (response, expected) in [
        (node(json!({})), "healthy"),
        (node(json!({"health_status": {"can_send_message": "BLOCKED"}})), "unhealthy"),
        (node(json!({"status": "DISCONNECTED"})), "unhealthy"),
        (node(json!({"health_status": {"can_send_message": "LIMITED"}})), "degraded"),
        (node(json!({"quality_rating": "RED"})), "degraded"),
        (refused(401, 190), "unhealthy"),
        (refused(403, 10), "unhealthy"),
        (refused(403, 200), "unhealthy"),
        (answer(400, &json!({"error": {"code": 100, "error_subcode": 33}})), "unhealthy"),
    ] {
        host.answer(response);
        assert_eq!(serde_json::to_value(host.health().await).unwrap()["status"], expected);
    }
}
