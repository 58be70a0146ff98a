//! `normalize` depends on its payload alone, and never panics.

use super::prelude::*;

/// The same payload gives the same events every time, in this instance and a fresh one, also after other payloads.
pub(crate) async fn normalize_is_pure(kit: &SharedKit) -> CaseResult {
    let (inbox, fresh) = (Inbox::new(kit), Inbox::new(kit));
    let batches = kit.inbound().batches;
    let mut elements: Vec<_> = (1..=if batches { 3 } else { 1 }).map(|n| kit.element(n)).collect();
    if batches {
        elements.push(vary::bad_elements(kit).swap_remove(0));
    }
    let payload = inbox.payload(0, inbox.body(0, elements)).await.expect("a signed request is let in");
    let first = inbox.normalize(&payload);
    assert!(!first.is_empty(), "sample elements gave nothing");
    let other = inbox.payload(0, inbox.sample_body(0, 9)).await.expect("a signed request is let in");
    let _ = (inbox.normalize(&other), fresh.normalize(&other));
    for (again, how) in [(inbox.normalize(&payload), "a second time"), (fresh.normalize(&payload), "by a fresh instance of the strategy")] {
        assert!(again == first, "the same payload, read {how}, gives other events: normalize must depend on its payload alone");
    }
    assert_eq!(inbox.host.wire.calls(), 0, "normalize called the provider");
    Ok(())
}

/// Bodies cut at many places or with single bytes changed cause no panic of `normalize`, and each `raw` is a slice of the
/// body.
pub(crate) async fn broken_bodies_never_panic(kit: &SharedKit) -> CaseResult {
    let inbox = Inbox::new(kit);
    let batches = kit.inbound().batches;
    let whole = inbox.body(0, (1..=if batches { 2 } else { 1 }).map(|n| kit.element(n)).collect()).into_bytes();
    let mut bodies = vec![];
    let step = (whole.len() / 300).max(1);
    for at in (0..whole.len()).step_by(step) {
        bodies.push(whole[..at].to_vec());
        for byte in [b'"', b'{', b']', b'\\', b'0', b'-', b',', 0, 0xff] {
            let mut body = whole.clone();
            body[at] = byte;
            bodies.push(body);
        }
    }
    for body in bodies {
        if let Some(payload) = inbox.payload(0, body).await {
            let read = inbox.normalize(&payload);
            for element in read.iter().flatten() {
                let whole = payload.body();
                let raw = &element.raw;
                assert!(raw.is_empty() || whole.windows(raw.len()).any(|part| part == &raw[..]), "raw is not a slice of the body");
            }
        }
    }
    Ok(())
}
