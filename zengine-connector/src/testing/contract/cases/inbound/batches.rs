//! Several elements in one request.

use std::collections::HashSet;

use super::prelude::*;

const MANY: usize = 100;

/// A request with a hundred elements gives a hundred events.
pub(crate) async fn every_element_of_a_batch_arrives(kit: &SharedKit) -> CaseResult {
    let inbox = Inbox::new(kit);
    let received = inbox.samples(0, &(0..MANY).collect::<Vec<_>>()).await;
    assert_accepted(&received, "a batch");
    let seen = inbox.seen();
    let count = seen.len();
    assert_eq!(count, MANY, "of {MANY} elements in one request {count} became events: read every element of every list, not the first");
    let ids: HashSet<_> = seen.iter().map(|event| &event.id).collect();
    assert_eq!(ids.len(), MANY, "different elements have the same dedup key");
    Ok(())
}

/// `normalize` keeps the order of the elements in the body.
pub(crate) async fn a_batch_keeps_its_order(kit: &SharedKit) -> CaseResult {
    let inbox = Inbox::new(kit);
    let order = [5, 3, 9, 1, 7, 2];
    let body = inbox.body(0, order.iter().map(|n| kit.element(*n)).collect());
    let read = inbox.normalized(inbox.host.request(0, body).expect("any bytes are a body")).await.expect("a signed batch is let in");
    let events: Vec<_> =
        read.into_iter().map(|element| element.unwrap_or_else(|error| panic!("a sample element is an error: {error:?}"))).collect();
    assert_eq!(events.len(), order.len(), "of {} elements {} became events", order.len(), events.len());
    let found = events.iter().map(|event| order.iter().find(|n| Sample::new(**n).is_in(&String::from_utf8_lossy(&event.raw))));
    let arrived: Vec<_> = found.flatten().copied().collect();
    assert_eq!(arrived, order, "elements come out in another order than in the request");
    Ok(())
}

/// An unreadable element is one element error, kept as a dead letter; its neighbours arrive, and the request is
/// acknowledged, so that the provider does not redeliver it for days.
pub(crate) async fn a_bad_element_does_not_affect_its_neighbours(kit: &SharedKit) -> CaseResult {
    for (n, bad) in shown::bad_elements(kit).into_iter().enumerate() {
        for place in [0, 2, 4] {
            let inbox = Inbox::new(kit);
            let mut elements: Vec<_> = (0..4).map(|n| kit.element(n)).collect();
            elements.insert(place, bad.clone());
            let body = kit.body(0, elements);
            let received = inbox.bytes(0, body.to_string()).await;
            let status = received.response.status();
            let what = format!("a request of four good elements and bad one no. {n} at place {place}");
            assert!(status.is_success(), "{what} was answered with {status}: the provider will deliver all of it again and again");
            let seen = inbox.seen().len();
            assert_eq!(seen, 4, "{what}: the bad one affected its neighbours, {seen} of 4 arrived");
            let letters = inbox.letters().await;
            let kept = letters.len();
            assert_eq!(kept, 1, "{what}: the bad one must be one dead letter, there are {kept}; return Err(ElementError) for it alone");
            assert_eq!(letters[0]["type"], "element_error", "what is kept of an unreadable element is not an element error");
            let raw = letters[0].to_string();
            assert!(
                !(0..4).any(|n| Sample::new(n).is_in(&raw)),
                "the element error holds its neighbours too: its raw must be its own slice"
            );
            let path = letters[0]["path"].as_str().unwrap_or_default();
            assert!(path.starts_with('/'), "the element error's path, {path:?}, is no JSON pointer to the element");
            let there = body.pointer(path);
            assert!(there.is_none_or(|there| *there == bad), "the element error's path, {path:?}, leads to another element");
            assert!(vary::kept(&letters[0], bad.to_string().as_bytes()), "the bytes of an unreadable element are lost: ElementError::raw");
        }
    }
    Ok(())
}

/// A batch of unreadable elements only is acknowledged, and each element is kept.
pub(crate) async fn every_bad_element_is_kept(kit: &SharedKit) -> CaseResult {
    let inbox = Inbox::new(kit);
    let bad = shown::bad_elements(kit).swap_remove(0);
    let received = inbox.elements(0, vec![bad.clone(), bad.clone(), bad]).await;
    assert_accepted(&received, "a batch of unreadable elements");
    let kept = inbox.letters().await.len();
    assert_eq!(kept, 3, "of three unreadable elements {kept} were kept: nothing that was delivered may be lost");
    Ok(())
}
