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
        assert!(!kind.is_empty(), "the handshake's answer has no content type: a browser may take a challenge for a page");
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

/// The token counts whole: a part of it, more than it, none at all are refused.
pub(crate) async fn a_handshake_with_a_piece_of_the_token_is_refused(kit: &Shared) -> Done {
    let inbox = Inbox::new(kit);
    let greet = kit.inbound().handshake.as_ref().expect("the case needs a handshake");
    let handshake = greet(0);
    let uri = handshake.request.uri().to_string();
    let Some(token) = kit.secrets().into_iter().find(|secret| uri.contains(secret.as_str())) else {
        return Err(Skipped::needs("a token that is a secret and stands in the address"));
    };
    let half = &token[..token.len() / 2];
    let pieces = [String::new(), half.to_owned(), token[1..].to_owned(), format!("{token}0"), token.to_uppercase(), "%00".to_owned()];
    for piece in pieces.iter().filter(|piece| **piece != token) {
        let forged = uri.replace(&token, piece);
        let Ok(forged) = http::Request::builder().method(handshake.request.method()).uri(forged).body(bytes::Bytes::new()) else {
            continue;
        };
        let what = format!("a handshake with {} of the {} characters of its token", piece.len(), token.len());
        inbox.assert_refused(forged, &what).await;
    }
    Ok(())
}
