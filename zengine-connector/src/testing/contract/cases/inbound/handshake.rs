//! The handshake by which a provider verifies the webhook's address.

use super::prelude::*;

/// A handshake with the right token gets the exact response, with a content type that is not HTML; nothing is stored.
pub(crate) async fn a_handshake_is_answered(kit: &SharedKit) -> CaseResult {
    let inbox = Inbox::new(kit);
    let handshake_of = kit.inbound().handshake.as_ref().expect("the case needs a handshake");
    for tenant in 0..TENANTS {
        let handshake = handshake_of(tenant);
        let received = inbox.request(handshake.request).await;
        let status = received.response.status().as_u16();
        assert_eq!(status, 200, "the handshake of tenant {tenant} was answered with {status}");
        assert!(*received.response.body() == handshake.expect, "the handshake's answer is not the expected one, byte by byte");
        let kind = received.response.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        assert!(!kind.contains("html"), "the handshake's answer is {kind}: a challenge may hold a script");
        assert!(!kind.is_empty(), "the handshake's answer has no content type: a browser may take a challenge for a page");
    }
    assert!(inbox.seen().is_empty() && inbox.letters().await.is_empty(), "a handshake left an event behind");
    Ok(())
}

/// A handshake with a wrong token is refused, and the response does not hold the right one's body.
pub(crate) async fn a_handshake_with_a_wrong_token_is_refused(kit: &SharedKit) -> CaseResult {
    let inbox = Inbox::new(kit);
    let handshake_of = kit.inbound().handshake.as_ref().expect("the case needs a handshake");
    let handshake = handshake_of(0);
    let Some(wrong) = handshake.wrong else { return Err(Skipped::needs("a handshake with a wrong token: Handshake::wrong")) };
    let answer = inbox.assert_refused(wrong, "a handshake with a wrong token").await;
    let body = answer.body();
    let holds = !handshake.expect.is_empty() && body.windows(handshake.expect.len()).any(|part| part == &handshake.expect[..]);
    assert!(!holds, "a refused handshake holds the answer that a right one gets");
    Ok(())
}

/// A handshake with a part of the token, an extended or an empty one is refused.
pub(crate) async fn a_handshake_with_a_part_of_the_token_is_refused(kit: &SharedKit) -> CaseResult {
    let inbox = Inbox::new(kit);
    let handshake_of = kit.inbound().handshake.as_ref().expect("the case needs a handshake");
    let handshake = handshake_of(0);
    let uri = handshake.request.uri().to_string();
    let Some(token) = kit.secrets.iter().find(|secret| uri.contains(secret.as_str())) else {
        return Err(Skipped::needs("a token that is a secret and part of the address"));
    };
    for other in vary::other_tokens(token) {
        let forged = uri.replace(token.as_str(), &other);
        let Ok(forged) = http::Request::builder().method(handshake.request.method()).uri(forged).body(bytes::Bytes::new()) else {
            continue;
        };
        let what = format!("a handshake with {} of the {} characters of its token", other.len(), token.len());
        inbox.assert_refused(forged, &what).await;
    }
    Ok(())
}
