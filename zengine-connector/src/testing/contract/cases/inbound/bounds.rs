//! Bodies beyond limits: size, nesting, numbers, types.

use super::prelude::*;
use crate::orchestrator::InboundSettings;

/// A body above the host's limit is refused before the strategy sees it.
pub(crate) async fn a_body_above_the_limit_is_refused(kit: &SharedKit) -> CaseResult {
    let body = kit.sample_event(0, &Sample::new(0), crate::testing::SimClock::EPOCH_MS).into_body();
    if body.is_empty() {
        return Err(Skipped::needs("requests with a body"));
    }
    let limit = body.len() + 100;
    let inbox = Inbox::with(kit, |builder| builder.inbound(InboundSettings { max_body_bytes: limit, ..InboundSettings::default() }));
    let request = inbox.host.request(0, [&body[..], &[b' '; 101]].concat()).expect("any bytes are a body");
    let answer = inbox.assert_refused(request, "a body above max_body_bytes").await;
    assert_eq!(answer.status().as_u16(), 413);
    assert_accepted(&inbox.sample(0, 0).await, "a body within max_body_bytes");
    Ok(())
}

/// JSON nested ten thousand deep is acknowledged and kept, without a panic.
pub(crate) async fn deep_nesting_does_not_panic(kit: &SharedKit) -> CaseResult {
    const DEEP: usize = 10_000;
    let lists = "[".repeat(DEEP) + &"]".repeat(DEEP);
    let objects = "{\"a\":".repeat(DEEP) + "1" + &"}".repeat(DEEP);
    let mut bodies =
        vec![("lists".to_owned(), lists.clone()), ("open lists".to_owned(), "[".repeat(DEEP)), ("objects".to_owned(), objects.clone())];
    for (how, deep) in [("lists", &lists), ("objects", &objects)] {
        let inbox = Inbox::new(kit);
        let whole = inbox.sample_body(0, 1);
        bodies.extend(vary::with_member(&whole, "kit_deep", deep).map(|body| (format!("a body with a member of {how}"), body)));
        let element = vary::marked(kit.element(2)).map(|element| inbox.body(0, vec![element]));
        bodies.extend(element.map(|body| (format!("an element with a member of {how}"), vary::unmarked(&body, deep))));
    }
    for (how, body) in bodies {
        let inbox = Inbox::new(kit);
        let read = inbox
            .payload(inbox.host.request(0, body.clone()).expect("any bytes are a body"))
            .await
            .map(|payload| inbox.normalize(&payload).len());
        let received = inbox.bytes(0, body).await;
        let status = received.response.status();
        assert!(status.is_success(), "a signed body nested {DEEP} deep ({how}) was answered with {status}: it will be delivered for days");
        let kept = inbox.seen().len() + inbox.letters().await.len();
        assert!(kept >= 1 && read != Some(0), "a signed body nested {DEEP} deep ({how}) was acknowledged and lost");
    }
    Ok(())
}

/// Numbers beyond every type, in place of any value, cause no panic and no 5xx.
pub(crate) async fn huge_numbers_do_not_panic(kit: &SharedKit) -> CaseResult {
    let inbox = Inbox::new(kit);
    let whole = inbox.sample_body(0, 1);
    let numbers = [i64::MAX.to_string(), i64::MIN.to_string(), u64::MAX.to_string(), "1e308".into(), "-1e400".into(), "9".repeat(400)];
    for number in numbers {
        for other in [number.clone(), format!("\"{number}\"")] {
            for body in vary::with_each_value(&whole, &other) {
                assert_handled(&inbox, body, "a number that fits no type").await;
            }
        }
    }
    Ok(())
}

/// Values of a wrong type cause no panic and no 5xx.
pub(crate) async fn values_of_other_types_do_not_panic(kit: &SharedKit) -> CaseResult {
    let inbox = Inbox::new(kit);
    let whole = inbox.sample_body(0, 1);
    for other in ["null", "[]", "{}", "-1", "\"\"", "true", "[[]]", "{\"\":null}"] {
        for body in vary::with_each_value(&whole, other) {
            assert_handled(&inbox, body, "a value of another type").await;
        }
    }
    Ok(())
}

/// Checks that a signed body, readable or not, causes no panic and no 5xx, which would bring it back for days.
async fn assert_handled(inbox: &Inbox, body: String, what: &str) {
    if let Some(payload) = inbox.payload(inbox.host.request(0, body.clone()).expect("any bytes are a body")).await {
        let _ = inbox.normalize(&payload);
    }
    let status = inbox.bytes(0, body).await.response.status();
    assert!(!status.is_server_error(), "a webhook with {what} was answered with {status}: it will be delivered for days");
}
