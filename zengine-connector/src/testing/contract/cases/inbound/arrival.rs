//! Messages reach the host unchanged.

use super::prelude::*;
use crate::testing::contract::{inbound::Delivery, pairs};
use crate::{message::Event, strategy::RawPayload};

/// A signed request with one element, below the strategy's mount, is acknowledged, and the handler gets the sender's text.
pub(crate) async fn a_signed_message_reaches_the_handler(kit: &SharedKit) -> CaseResult {
    let inbox = Inbox::new(kit);
    let request = inbox.host.sample(0, 1);
    let first = request.uri().path().split('/').nth(1);
    assert_ne!(first, Some(kit.name.as_str()), "a request's path is the part below the strategy's mount: no host leaves its name there");
    let received = inbox.sample(0, 1).await;
    assert_accepted(&received, "a signed message");
    let seen = inbox.seen();
    assert_eq!(seen.len(), 1, "one element is one event, the handler got {}", seen.len());
    let event = serde_json::to_string(&seen[0]).unwrap();
    assert!(Sample::new(1).is_in(&event), "the event holds nothing of the message");
    let is_status = matches!(seen[0].event, Event::Status(_));
    assert!(is_status || seen[0].from.preferred().is_some(), "RoutedEvent::from holds no identity: no reply is possible");
    Ok(())
}

/// An event has its tenant, strategy and channel, the times when it occurred and was received, and the provider's id.
pub(crate) async fn an_event_is_stamped(kit: &SharedKit) -> CaseResult {
    let inbox = Inbox::new(kit);
    let sample = Sample::new(7);
    let before_ms = inbox.host.now_ms();
    let received = inbox.sample(1, 7).await;
    assert_accepted(&received, "a signed message");
    let seen = inbox.seen();
    let event = seen.first().expect("the handler got no event");
    assert_eq!(event.tenant, Kit::tenant_id(1), "the event is another tenant's");
    assert_eq!((&event.strategy, event.channel), (&kit.name, kit.descriptor.channel), "the event is of another strategy or channel");
    assert!((before_ms..=inbox.host.now_ms()).contains(&event.received_at_ms), "received_at_ms is not the host clock's");
    if let Some(at_ms) = event.occurred_at_ms {
        assert_eq!(at_ms, sample.at_ms(), "occurred_at_ms is not the provider's time in milliseconds UTC");
    }
    let is_status = matches!(event.event, Event::Status(_));
    assert!(is_status || !event.provider_ids.is_empty(), "the provider's id is lost: RoutedEvent::provider_ids is empty");
    let raw = String::from_utf8_lossy(&event.raw);
    let foreign = event.provider_ids.iter().any(|id| !raw.contains(id.as_str()));
    assert!(!foreign, "a provider id is not the provider's: the element does not hold it");
    Ok(())
}

/// Two senders have different identities and, if there are conversations, different ones.
pub(crate) async fn two_senders_are_kept_apart(kit: &SharedKit) -> CaseResult {
    let inbox = Inbox::new(kit);
    for n in [1, 2] {
        assert_accepted(&inbox.sample(0, n).await, "a signed message");
    }
    let seen = inbox.seen();
    assert_eq!(seen.len(), 2, "two messages of two senders gave {} events", seen.len());
    if matches!(seen[0].event, Event::Status(_)) {
        return Err(Skipped::needs("messages, not statuses alone"));
    }
    assert!(seen[0].from != seen[1].from, "two senders have the same identity: a reply would go to the wrong one");
    let (one, two) = (&seen[0].conversation, &seen[1].conversation);
    assert!(one.is_none() || one != two, "two senders share a conversation: a reply would go to the wrong one");
    assert_eq!(one.is_some(), two.is_some(), "only one of two messages of a kind has a conversation");
    let [first, again] = [
        inbox.normalized(inbox.host.sample(0, 1)).await.unwrap_or_default(),
        inbox.normalized(inbox.host.sample(0, 1)).await.unwrap_or_default(),
    ]
    .map(|read| read.into_iter().flatten().map(|event| (event.from, event.conversation)).collect::<Vec<_>>());
    let same = first == again && again.iter().all(|(_, conversation)| *conversation == seen[0].conversation);
    assert!(same, "one sender has another identity or conversation the second time");
    Ok(())
}

/// Accents, emoji, quotes, line breaks and long texts arrive unchanged, whether the provider escapes them or not.
pub(crate) async fn text_arrives_unchanged(kit: &SharedKit) -> CaseResult {
    let long = "é😀 ".repeat(120);
    let texts = [
        "Ça va déjà? 😀",
        "a/b \\ \"quoted\" {not} [json] </script>",
        "line\nbreak\ttab",
        "0",
        "null",
        "👨‍👩‍👧‍👦 e\u{301} \u{200f}שלום",
        "  spaces around  ",
        long.trim_end(),
    ];
    for (n, text) in texts.iter().enumerate() {
        let inbox = Inbox::new(kit);
        let (plain, other) = (Sample::with_text(2 * n, text), Sample::with_text(2 * n + 1, text));
        let now_ms = inbox.host.now_ms();
        let escaped = || {
            kit.element_of(&other, &Expected::Text).and_then(|element| inbox.host.request(0, vary::escaped(&inbox.body(0, vec![element]))))
        };
        for (request, how) in [(kit.event(0, &plain, &Expected::Text, now_ms), "as it is"), (escaped(), "with \\u escapes")] {
            let Some(request) = request else { continue };
            let before = inbox.seen().len();
            let received = inbox.request(request).await;
            assert_accepted(&received, "a signed message");
            let seen = inbox.seen();
            assert_eq!(seen.len(), before + 1, "text no. {n}, written {how}, gave no event");
            let Some(arrived) = words(&seen[before].event) else {
                return Err(Skipped::needs("messages of text"));
            };
            assert!(
                arrived == *text,
                "text no. {n}, written {how}, arrived changed: cut, trimmed or with broken characters ({} characters instead of {})",
                arrived.chars().count(),
                text.chars().count()
            );
        }
    }
    Ok(())
}

/// `raw` is the element's exact slice of the body: white space, escapes and the order of members are unchanged, and it
/// holds no neighbour.
pub(crate) async fn raw_is_the_exact_slice(kit: &SharedKit) -> CaseResult {
    let inbox = Inbox::new(kit);
    if matches!(kit.inbound().form, Form::Any { .. }) {
        let request = inbox.host.sample(0, 1);
        let content = vary::content(&request);
        for event in inbox.normalized(request).await.expect("a signed request is let in").into_iter().flatten() {
            let raw = &event.raw;
            assert!(!raw.is_empty(), "RoutedEvent::raw is empty: the provider's original event is lost");
            let exact = content.windows(raw.len()).any(|part| part == &raw[..]);
            assert!(exact, "raw is not part of the request's body or query: take a slice with RawPayload::slice");
        }
        return Ok(());
    }
    let batches = kit.inbound().batches;
    let elements = if batches { vec![kit.element(1), kit.element(2)] } else { vec![kit.element(1)] };
    let body = vary::spaced(&vary::escaped(&inbox.body(0, elements)));
    let received = inbox.bytes(0, body.clone()).await;
    assert_accepted(&received, "a body with white space and escapes");
    let seen = inbox.seen();
    assert!(!seen.is_empty(), "a body with white space and escapes gave no event");
    for event in &seen {
        let raw = String::from_utf8_lossy(&event.raw);
        assert!(!raw.is_empty(), "RoutedEvent::raw is empty: the provider's original element is lost");
        assert!(body.contains(&*raw), "raw is not in the body: the JSON was reserialized; take the slice with RawPayload::slice_of");
        // Escapes need a parser, not a search.
        let tidy = serde_json::from_str::<serde_json::Value>(&raw).map_or_else(|_| raw.into_owned(), |value| value.to_string());
        let here: Vec<_> = (1..=2).filter(|n| Sample::new(*n).is_in(&tidy)).collect();
        assert!(!here.is_empty(), "raw is not the element's: it holds nothing of the sample");
        assert_eq!(here.len(), 1, "raw holds a neighbour too: it must be the element's own slice");
    }
    Ok(())
}

/// Each webhook of the folder gives the expected events beside it. `BLESS=1` writes the actual ones.
pub(crate) async fn inbound_pairs_are_as_expected(kit: &SharedKit) -> CaseResult {
    let inbox = Inbox::new(kit);
    let folder = kit.inbound().pairs.clone().expect("the case needs pairs");
    let mut results = vec![];
    let kind = if matches!(kit.inbound().form, Form::Any { .. }) { "http" } else { "json" };
    for (name, input) in pairs::inputs(&folder, kind) {
        let before = (inbox.seen().len(), inbox.letters().await.len());
        let (request, bytes) = match &kit.inbound().form {
            Form::Json { .. } => (inbox.host.request(0, input.clone()), input.into()),
            Form::Any { sign, .. } => {
                let request = pairs::request(&input).unwrap_or_else(|| panic!("{name}.in.http is no request"));
                let bytes = vary::content(&request);
                (Some(sign(&Delivery::new(0, request.body().clone(), inbox.host.now_ms()), request)), bytes)
            }
        };
        // A request that holds its own signature is not signed by the fixture: it is read unverified.
        let payload = inbox.payload(request.expect("a request")).await.unwrap_or_else(|| RawPayload::unverified(bytes));
        let read: Vec<_> = inbox.normalize(&payload).into_iter().map(|element| vary::printed(&element)).collect();
        assert_eq!((inbox.seen().len(), inbox.letters().await.len()), before, "verify or normalize stored something");
        results.push((name, serde_json::Value::from(read)));
    }
    pairs::compare(&folder, &results);
    Ok(())
}
