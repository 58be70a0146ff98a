//! A synchronous channel: replies in the response, and by polling.

use std::time::Duration;

use super::prelude::*;
use crate::strategy::Reply;

const TEXTS: [&str; 2] = ["kit-reply-one é", "kit-reply-two 😀"];

/// The replies that a response holds, in order.
fn replies(response: &http::Response<bytes::Bytes>) -> Vec<&'static str> {
    let said = crate::testing::contract::wire::decoded(response.body());
    let mut found: Vec<_> = TEXTS.iter().filter_map(|text| Some((said.find(text)?, *text))).collect();
    found.sort_unstable();
    found.into_iter().map(|(_, text)| text).collect()
}

/// Replies that are ready in time are in the response, in their order.
pub(crate) async fn replies_are_in_the_response(kit: &SharedKit) -> CaseResult {
    let inbox = Inbox::new(kit);
    inbox.answer(Duration::ZERO, &TEXTS);
    let received = inbox.sample(0, 1).await;
    assert_accepted(&received, "a message");
    let said = replies(&received.response);
    assert_eq!(said, TEXTS, "the response to a message does not hold all replies in their order: respond must use Handled::replies");
    Ok(())
}

/// A handler that is slower than the channel's deadline is answered in time; a poll gets its replies, once.
pub(crate) async fn late_replies_are_polled(kit: &SharedKit) -> CaseResult {
    let Reply::Synchronous { deadline_ms } = kit.descriptor.reply else { return Err(Skipped::needs("a synchronous channel")) };
    let polls = kit.inbound().polls.as_ref().expect("the case needs polls");
    let inbox = Inbox::new(kit);
    inbox.answer(Duration::from_millis(deadline_ms + 1000), &TEXTS);
    let received = inbox.receive_within(crate::strategy::InboundRequest::http(inbox.host.sample(0, 1)), deadline_ms + 1000).await;
    let status = received.response.status();
    assert!(status.is_success(), "a message whose handler is slow was answered with {status}: it will be delivered again");
    assert!(replies(&received.response).is_empty(), "a reply that was not ready is in the response");
    inbox.host.pass(Duration::from_secs(5)).await;
    let sample = Sample::new(1);
    let first = inbox.request(polls(0, &sample, &received.response)).await.response;
    assert_eq!(replies(&first), TEXTS, "a poll does not get the late replies ({})", first.status());
    let second = inbox.request(polls(0, &sample, &first)).await.response;
    assert!(replies(&second).is_empty(), "a second poll gets the same replies again: pass the cursor on, Handled::cursor");
    // Another tenant's credentials.
    let foreign = inbox.request(polls(1, &sample, &received.response)).await.response;
    assert!(replies(&foreign).is_empty(), "a poll with the credentials of tenant 1 gets the replies of tenant 0");
    Ok(())
}

/// A message that comes again while its handler is at work is answered with a success, and its cursor leads to the replies, once.
pub(crate) async fn a_repeat_of_what_is_under_work_is_no_failure(kit: &SharedKit) -> CaseResult {
    let Reply::Synchronous { deadline_ms } = kit.descriptor.reply else { return Err(Skipped::needs("a synchronous channel")) };
    let polls = kit.inbound().polls.as_ref().expect("the case needs polls");
    let inbox = Inbox::new(kit);
    inbox.answer(Duration::from_millis(deadline_ms + 1000), &TEXTS);
    let first = inbox.receive_within(crate::strategy::InboundRequest::http(inbox.host.sample(0, 1)), deadline_ms + 1000).await;
    let status = first.response.status();
    assert!(status.is_success(), "a message whose handler is slow was answered with {status}: answer Handled::pending with a success");
    let repeat = inbox.sample(0, 1).await;
    let status = repeat.response.status();
    assert!(
        status.is_success(),
        "a message that is under work was answered with {status} when it came again: answer Handled::pending with a success"
    );
    assert_eq!(inbox.seen().len(), 1, "a message that is under work was handled again");
    inbox.host.pass(Duration::from_secs(5)).await;
    let polled = inbox.request(polls(0, &Sample::new(1), &repeat.response)).await.response;
    assert_eq!(replies(&polled), TEXTS, "the cursor of the answer to a repeat does not lead to the replies ({})", polled.status());
    Ok(())
}

/// A poll without its credentials is refused.
pub(crate) async fn a_poll_without_credentials_is_refused(kit: &SharedKit) -> CaseResult {
    let polls = kit.inbound().polls.as_ref().expect("the case needs polls");
    let inbox = Inbox::new(kit);
    let received = inbox.sample(0, 1).await;
    let poll = polls(0, &Sample::new(1), &received.response);
    inbox.assert_refused(shown::unsigned(kit, &poll), "a poll without credentials").await;
    Ok(())
}
