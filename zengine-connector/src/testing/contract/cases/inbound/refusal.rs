//! A refusal tells nothing and touches nothing.

use super::prelude::*;

/// Neither the answer nor a log line nor anything's Debug says what would have been right.
pub(crate) async fn a_refusal_never_holds_the_right_signature(kit: &Shared) -> Done {
    let inbox = Inbox::new(kit);
    let logs = crate::testing::contract::logs::Logs::default();
    let listening = logs.listen();
    let request = inbox.world.request(0, inbox.sample_body(0, 1));
    let mut told = vec![];
    for header in &kit.inbound().signatures {
        let Some(right) = vary::header_of(&request, header) else { continue };
        let wrong: String = right.chars().map(|char| if char.is_ascii_alphanumeric() { '0' } else { char }).collect();
        for value in [None, Some(wrong.as_str()), Some(&right[..right.len() / 2])] {
            let forged = vary::with_header(&request, header, value).expect("a header");
            let answer = inbox.assert_refused(forged, "a request with a wrong signature").await;
            let body = String::from_utf8_lossy(answer.body()).into_owned();
            told.push((header, right.clone(), "the refusal's body", body));
            told.push((header, right.clone(), "a header of the refusal", format!("{:?}", answer.headers())));
        }
        told.push((header, right, "a log line", logs.lines().join("\n")));
    }
    drop(listening);
    for (header, right, place, text) in told {
        // With and without what stands before the signature itself.
        let bare = right.rsplit(['=', ' ']).find(|part| part.len() > 8).unwrap_or(&right);
        let says = text.to_ascii_lowercase().contains(&bare.to_ascii_lowercase());
        assert!(!says, "{place} holds the {header} that would have been right: whoever asks can sign whatever they like");
    }
    for line in logs.lines() {
        kit.assert_clean("a log line of a refusal", &line);
    }
    Ok(())
}

/// A wrong request is refused over and over in the same way, and leaves nothing behind.
pub(crate) async fn refusals_leave_nothing_behind(kit: &Shared) -> Done {
    let inbox = Inbox::new(kit);
    let request = inbox.world.request(0, inbox.sample_body(0, 1));
    let header = kit.inbound().signatures[0];
    for _ in 0..20 {
        let forged = vary::with_header(&request, header, Some("0")).expect("a header");
        inbox.assert_refused(forged, "a request with a wrong signature").await;
    }
    assert_taken(&inbox.request(request).await, "a right request after wrong ones");
    assert_eq!(inbox.seen().len(), 1, "after wrong requests the right one did not reach the handler");
    Ok(())
}
