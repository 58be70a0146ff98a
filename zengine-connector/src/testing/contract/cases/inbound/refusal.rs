//! A refusal reveals nothing and changes nothing.

use std::collections::BTreeSet;

use super::prelude::*;
use crate::orchestrator::InboundSettings;

/// Neither the response nor a log line of a refusal holds the right signature.
pub(crate) async fn a_refusal_never_holds_the_right_signature(kit: &SharedKit) -> CaseResult {
    let inbox = Inbox::new(kit);
    let logs = crate::testing::contract::logs::Logs::default();
    let listening = logs.listen();
    let request = inbox.host.sample(0, 1);
    let mut texts = vec![];
    for header in &kit.inbound().signatures {
        let Some(right) = vary::header_of(&request, header) else { continue };
        let wrong: String = right.chars().map(|char| if char.is_ascii_alphanumeric() { '0' } else { char }).collect();
        for value in [None, Some(wrong.as_str()), Some(&right[..right.len() / 2])] {
            let forged = vary::with_header(&request, header, value).expect("a header");
            let answer = inbox.assert_refused(forged, "a request with a wrong signature").await;
            let body = String::from_utf8_lossy(answer.body()).into_owned();
            texts.push((header, right.clone(), "the refusal's body", body));
            texts.push((header, right.clone(), "a header of the refusal", format!("{:?}", answer.headers())));
        }
        texts.push((header, right, "a log line", logs.lines().join("\n")));
    }
    drop(listening);
    for (header, right, place, text) in texts {
        // With and without the prefix of the signature.
        let signature = right.rsplit(['=', ' ']).find(|part| part.len() > 8).unwrap_or(&right);
        let leaks = text.to_ascii_lowercase().contains(&signature.to_ascii_lowercase());
        assert!(!leaks, "{place} holds the right {header}: anyone can obtain a signature for any body");
    }
    for line in logs.lines() {
        kit.assert_clean("a log line of a refusal", &line);
    }
    Ok(())
}

/// Repeated refusals store nothing, and a right request still succeeds.
pub(crate) async fn refusals_leave_no_state(kit: &SharedKit) -> CaseResult {
    let inbox = Inbox::new(kit);
    let request = inbox.host.sample(0, 1);
    let header = kit.inbound().signatures[0];
    for _ in 0..20 {
        let forged = vary::with_header(&request, header, Some("0")).expect("a header");
        inbox.assert_refused(forged, "a request with a wrong signature").await;
    }
    assert_accepted(&inbox.request(request).await, "a right request after wrong ones");
    assert_eq!(inbox.seen().len(), 1, "after wrong requests the right one did not reach the handler");
    Ok(())
}

/// What `finish` adds to a refusal, it adds to each: for a body that is too large, without credentials, while the host shuts down. It
/// neither fails nor asks for what it may not have.
pub(crate) async fn every_refusal_is_finished_alike(kit: &SharedKit) -> CaseResult {
    let logs = crate::testing::contract::logs::Logs::default();
    let limit = kit.sample_event(0, &Sample::new(0), crate::testing::SimClock::EPOCH_MS).body().len();
    let inbox = Inbox::with(kit, |builder| builder.inbound(InboundSettings { max_body_bytes: limit + 100, ..InboundSettings::default() }));
    let request = inbox.host.sample(0, 0);
    let large = request.clone().map(|_| vec![b' '; limit + 101].into());
    let listening = logs.listen();
    let unsigned = inbox.request(shown::unsigned(kit, &request)).await;
    let large = inbox.request(large).await;
    inbox.host.orchestrator.shutdown(std::time::Duration::ZERO).await;
    let closing = inbox.request(request).await;
    drop(listening);
    if let Some(line) = logs.lines().iter().find(|line| line.contains("inbound.finish_")) {
        panic!("finish fails over a refusal: {line}");
    }
    let added = |received: &crate::orchestrator::Received| {
        let own = ["www-authenticate", "retry-after", "allow"];
        let names = received.response.headers().keys().map(http::HeaderName::as_str).filter(|name| !own.contains(name));
        let content_type = received.response.headers().get("content-type").cloned();
        (names.map(str::to_owned).collect::<BTreeSet<_>>(), content_type)
    };
    for (what, other) in [("a request without credentials", &unsigned), ("a request during a shutdown", &closing)] {
        assert!(!other.response.status().is_success(), "{what} was answered with {}", other.response.status());
        let (expected, actual) = (added(&large), added(other));
        assert_eq!(
            actual, expected,
            "the refusal of {what} has other headers than that of a body that is too large: finish must treat every refusal alike"
        );
    }
    Ok(())
}
