//! The handshake with which a provider asks whether the address is ours.

use super::prelude::*;

/// The right token gets the exact answer, as text that no browser takes for a page; nothing is stored.
pub(crate) async fn a_handshake_is_answered(kit: &Shared) -> Done {
    let inbox = Inbox::new(kit);
    let greet = kit.inbound().handshake.as_ref().expect("the case needs a handshake");
    for tenant in 0..TENANTS {
        let handshake = greet(tenant);
        let received = inbox.request(handshake.request).await;
        let status = received.response.status().as_u16();
        assert_eq!(status, 200, "the handshake of tenant {tenant} was answered with {status}");
        assert!(*received.response.body() == handshake.expect, "the handshake's answer is not the expected one, byte by byte");
        let kind = received.response.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        assert!(!kind.contains("html"), "the handshake's answer is {kind}: a challenge may hold a script");
    }
    assert!(inbox.seen().is_empty() && inbox.letters().await.is_empty(), "a handshake left an event behind");
    Ok(())
}

/// A wrong token is refused, and the answer does not hold what a right one gets.
pub(crate) async fn a_handshake_with_a_wrong_token_is_refused(kit: &Shared) -> Done {
    let inbox = Inbox::new(kit);
    let greet = kit.inbound().handshake.as_ref().expect("the case needs a handshake");
    let handshake = greet(0);
    let Some(wrong) = handshake.wrong else { return Err(Skipped::needs("a handshake with a wrong token: Handshake::wrong")) };
    let answer = inbox.assert_refused(wrong, "a handshake with a wrong token").await;
    let body = answer.body();
    let holds = !handshake.expect.is_empty() && body.windows(handshake.expect.len()).any(|part| part == &handshake.expect[..]);
    assert!(!holds, "a refused handshake holds the answer that a right one gets");
    Ok(())
}
