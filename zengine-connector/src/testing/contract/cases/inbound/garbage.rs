//! Signed bodies that are not webhooks.

use super::prelude::*;

/// A signed body that cannot be read is kept as a dead letter and acknowledged: neither lost nor redelivered for days.
pub(crate) async fn a_signed_body_that_cannot_be_read_is_kept(kit: &SharedKit) -> CaseResult {
    let whole = vary::content(&kit.sample_event(0, &Sample::new(0), crate::testing::SimClock::EPOCH_MS));
    let cut = &whole[..whole.len() - whole.len() / 3];
    let not_utf8 = [&whole[..whole.len() / 2], b"\xff\xfe", &whole[whole.len() / 2..]].concat();
    let bodies: [(&str, &[u8]); 6] = [
        ("words", b"this is no JSON"),
        ("cut in the middle", cut),
        ("bytes that are no UTF-8", b"\xff\xfe\x00\x80{"),
        ("a webhook with bytes in it that are no UTF-8", &not_utf8),
        ("a lone number", b"17"),
        ("a lone string", b"\"text\""),
    ];
    for (what, body) in bodies {
        let inbox = Inbox::new(kit);
        let Some(request) = inbox.host.request(0, body.to_vec()) else { continue };
        if let Some(payload) = inbox.payload(request.clone()).await {
            let _ = inbox.normalize(&payload);
        }
        let status = inbox.request(request).await.response.status();
        assert!(
            status.is_success(),
            "a signed body that is no webhook ({what}) was answered with {status}: the provider will deliver it for days; let it in and make \
             it an ElementError"
        );
        let kept = inbox.seen().len() + inbox.letters().await.len();
        assert!(kept >= 1, "a signed body that is no webhook ({what}) was acknowledged and lost: return an ElementError with its bytes");
        if inbox.seen().is_empty() {
            let whole = inbox.letters().await.iter().any(|letter| vary::kept(letter, body) || vary::kept_part(letter, body));
            assert!(whole, "of a signed body that is no webhook ({what}) the bytes are lost: ElementError::raw must hold them");
        }
    }
    Ok(())
}

/// Bodies that are not webhooks, such as `null`, lists, empty objects or an empty body, cause no panic and no 5xx.
pub(crate) async fn other_json_does_not_panic(kit: &SharedKit) -> CaseResult {
    let inbox = Inbox::new(kit);
    for body in ["", " ", "null", "true", "[]", "{}", "[[]]", "[{}]", "[null]", "{\"\":{}}", "-0", "\u{feff}{}", "{}{}", "\0"] {
        let Some(request) = inbox.host.request(0, body) else { continue };
        if let Some(payload) = inbox.payload(request.clone()).await {
            let _ = inbox.normalize(&payload);
        }
        let status = inbox.request(request).await.response.status();
        assert!(!status.is_server_error(), "the signed body {body:?} was answered with {status}: it will be delivered for days");
    }
    Ok(())
}
