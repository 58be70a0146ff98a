//! `normalize` depends on its payload alone, and never panics.

use super::prelude::*;

/// The same payload gives the same events every time, in this instance and a fresh one, also after other payloads.
pub(crate) async fn normalize_is_pure(kit: &SharedKit) -> CaseResult {
    let (inbox, fresh) = (Inbox::new(kit), Inbox::new(kit));
    let batches = kit.inbound().batches;
    let request = if batches {
        let elements = (1..=3).map(|n| kit.element(n)).chain([shown::bad_elements(kit).swap_remove(0)]).collect();
        inbox.host.request(0, inbox.body(0, elements)).expect("any bytes are a body")
    } else {
        inbox.host.sample(0, 1)
    };
    let payload = inbox.payload(request).await.expect("a signed request is let in");
    let first = inbox.normalize(&payload);
    assert!(!first.is_empty(), "sample elements gave nothing");
    let other = inbox.payload(inbox.host.sample(0, 9)).await.expect("a signed request is let in");
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
    let whole = if batches {
        inbox.body(0, (1..=2).map(|n| kit.element(n)).collect()).into_bytes()
    } else {
        vary::content(&inbox.host.sample(0, 1)).to_vec()
    };
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
        let Some(request) = inbox.host.request(0, body) else { continue };
        if let Some(payload) = inbox.payload(request).await {
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
