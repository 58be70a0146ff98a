//! Deduplication: an event is handled once, however often it is delivered; different events stay different.

use super::prelude::*;

/// A redelivered request is acknowledged and runs no handler: its event has the same dedup key.
pub(crate) async fn a_redelivery_runs_no_handler_twice(kit: &SharedKit) -> CaseResult {
    let inbox = Inbox::new(kit);
    for n in 1..=3 {
        let received = inbox.sample(0, 1).await;
        assert_accepted(&received, if n == 1 { "a signed message" } else { "a redelivery" });
        let ran = inbox.seen().len();
        assert_eq!(
            ran, 1,
            "after delivery no. {n} of one event its handler ran {ran} times: derive RoutedEvent::dedup from the provider's id"
        );
    }
    Ok(())
}

/// An event redelivered an hour later, signed again and in another process, has the same dedup key and fingerprint.
pub(crate) async fn a_late_redelivery_is_recognised(kit: &SharedKit) -> CaseResult {
    let inbox = Inbox::new(kit);
    let first = inbox.normalized(inbox.host.sample(0, 1)).await.expect("a signed message is let in");
    inbox.host.pass(std::time::Duration::from_secs(3600)).await;
    let again = Inbox::new(kit);
    let second = again.normalized(again.host.sample(0, 1)).await.expect("a signed message is let in");
    let keys = |read: Vec<Result<crate::strategy::RoutedEvent, _>>| {
        read.into_iter().flatten().map(|event| (event.dedup, event.fingerprint)).unzip::<_, _, Vec<_>, Vec<_>>()
    };
    let ((first, first_prints), (second, second_prints)) = (keys(first), keys(second));
    assert!(!first.is_empty(), "a signed message gave no event");
    assert!(first_prints == second_prints, "the fingerprint of one event changes with time or process: a redelivery would be a conflict");
    assert_eq!(first, second, "the dedup key of one event changes with time or process: derive it from the provider's id alone");
    Ok(())
}

/// A redelivered event has the same sender and the same serial number.
pub(crate) async fn sender_and_sequence_are_those_of_the_event(kit: &SharedKit) -> CaseResult {
    let mut known = None;
    for n in 0..3 {
        let inbox = Inbox::new(kit);
        inbox.host.pass(std::time::Duration::from_secs(60 * n)).await;
        for _ in 0..2 {
            let read = inbox.normalized(inbox.host.sample(0, 1)).await.expect("a signed message is let in");
            let found: Vec<_> = read.into_iter().flatten().map(|event| (event.sender, event.sequence)).collect();
            let known = known.get_or_insert_with(|| found.clone());
            assert!(*known == found, "a redelivered event has another sender or sequence: take both from the provider's event");
        }
    }
    let told = known.into_iter().flatten().any(|(sender, sequence)| sender.is_some() || sequence.is_some());
    if told { Ok(()) } else { Err(Skipped::needs("events with a participant or a serial number")) }
}

/// A redelivered batch runs no handler twice and keeps no dead letter twice.
pub(crate) async fn a_redelivered_batch_runs_no_handler_twice(kit: &SharedKit) -> CaseResult {
    let inbox = Inbox::new(kit);
    let mut elements: Vec<_> = (1..=3).map(|n| kit.element(n)).collect();
    elements.push(shown::bad_elements(kit).swap_remove(0));
    for n in 1..=3 {
        let received = inbox.elements(0, elements.clone()).await;
        assert_accepted(&received, "a batch, delivered again");
        let (ran, letters) = (inbox.seen().len(), inbox.letters().await.len());
        assert_eq!((ran, letters), (3, 1), "after delivery no. {n} of three events and a bad one: {ran} handled, {letters} kept");
    }
    Ok(())
}

/// An event has the same dedup key in another batch and at another place.
pub(crate) async fn an_event_is_recognised_in_another_batch(kit: &SharedKit) -> CaseResult {
    let inbox = Inbox::new(kit);
    for batch in [vec![1, 1], vec![2, 1], vec![3, 2], vec![1, 2, 3]] {
        let received = inbox.samples(0, &batch).await;
        assert_accepted(&received, "a batch");
    }
    let seen: Vec<_> = inbox.seen().iter().map(|event| serde_json::to_string(event).unwrap()).collect();
    for n in 1..=3 {
        let ran = seen.iter().filter(|event| Sample::new(n).is_in(event)).count();
        assert_eq!(ran, 1, "event no. {n} of overlapping batches was handled {ran} times: the dedup key must not depend on place or batch");
    }
    Ok(())
}

/// Two messages with equal text are two events.
pub(crate) async fn messages_with_equal_text_are_different(kit: &SharedKit) -> CaseResult {
    let inbox = Inbox::new(kit);
    for n in [1, 2] {
        let Some(received) = inbox.event(&Sample::with_text(n, "yes"), &Expected::Text).await else {
            return Err(Skipped::needs("messages, not statuses alone"));
        };
        assert_accepted(&received, "a signed message");
    }
    let ran = inbox.seen().len();
    assert_eq!(ran, 2, "two messages with equal text were handled {ran} times: the dedup key must hold the provider's id");
    Ok(())
}

/// An event that the handler did not store is not acknowledged, and the redelivery runs that event only.
pub(crate) async fn an_event_that_was_not_stored_is_redelivered(kit: &SharedKit) -> CaseResult {
    let inbox = Inbox::new(kit);
    let samples: &[usize] = if kit.inbound().batches { &[1, 2, 3] } else { &[2] };
    inbox.fail_on(Some(2));
    let received = inbox.samples(0, samples).await;
    let status = received.response.status();
    assert!(status.is_server_error(), "an event was not stored and the request was answered with {status}: the event is lost");
    inbox.fail_on(None);
    let ran = inbox.seen().len();
    let received = inbox.samples(0, samples).await;
    assert_accepted(&received, "a redelivery after the handler failed");
    let again = inbox.seen().split_off(ran);
    assert!(!again.is_empty(), "the redelivered event never reached the handler: nothing before the handler may remember it as done");
    let holds = |n| again.iter().any(|event| Sample::new(n).is_in(&serde_json::to_string(event).unwrap()));
    assert!(holds(2), "the redelivery did not run the event that was not stored");
    assert!(!holds(1), "the redelivery ran an event again that was stored");
    Ok(())
}

/// A handler that fails every time gets the event every time.
pub(crate) async fn an_event_is_redelivered_until_it_is_stored(kit: &SharedKit) -> CaseResult {
    let inbox = Inbox::new(kit);
    inbox.fail_on(Some(1));
    for n in 1..=3 {
        let status = inbox.sample(0, 1).await.response.status();
        assert!(status.is_server_error(), "delivery no. {n} was not stored and was answered with {status}: the event is lost");
        let ran = inbox.seen().len();
        assert_eq!(ran, n, "delivery no. {n} of an event that was never stored did not reach the handler");
    }
    Ok(())
}
