//! Statuses of sent messages.

use std::collections::HashSet;

use super::{kinds::element, prelude::*};
use crate::{
    ids::ClientMessageId,
    message::{Event, InboundEvent, State, Status, Transition, merge},
    strategy::ProviderKey,
};

const STATES: [State; 3] = [State::Sent, State::Delivered, State::Read];
const HOUR_MS: i64 = 3_600_000;

/// The element of a status. All statuses have one target message; sample and state differ.
fn status_element(kit: &SharedKit, sample: usize, state: State, recipients: &[String]) -> Option<serde_json::Value> {
    let sent_at_ms = Sample::new(sample).at_ms() - HOUR_MS;
    element(kit, sample, Expected::Status { target: "kit-sent-1", state, sent_at_ms, recipients })
}

fn status(event: &InboundEvent) -> &Status {
    match &event.event {
        Event::Status(status) => status,
        other => panic!("a status became an event of type {}", other.kind()),
    }
}

/// The statuses of one message, for each state that the provider reports.
fn all(kit: &SharedKit) -> Result<Vec<(State, serde_json::Value)>, Skipped> {
    let recipient = [Sample::new(1).word("visitor")];
    let reported = STATES.iter().enumerate().filter_map(|(n, state)| Some((*state, status_element(kit, 10 + n, *state, &recipient)?)));
    let reported: Vec<_> = reported.collect();
    if reported.is_empty() { Err(Skipped::needs("statuses of sent messages: Inbound::expected")) } else { Ok(reported) }
}

/// A status has the time at which it occurred, not that of the send.
pub(crate) async fn statuses_have_their_own_time(kit: &SharedKit) -> CaseResult {
    for (state, element) in all(kit)? {
        let inbox = Inbox::new(kit);
        assert_accepted(&inbox.elements(0, vec![element]).await, "a status");
        let seen = inbox.seen();
        assert_eq!(seen.len(), 1, "a status ({}) gave {} events", state.as_str(), seen.len());
        let at = STATES.iter().position(|known| *known == state).unwrap_or_default();
        let reported_at = Sample::new(10 + at).at_ms();
        for at_ms in [status(&seen[0]).at_ms, seen[0].occurred_at_ms].into_iter().flatten() {
            assert_ne!(at_ms, reported_at - HOUR_MS, "a status ({}) has the time at which the message was sent", state.as_str());
            assert_eq!(at_ms, reported_at, "a status ({}) has another time than the provider reports", state.as_str());
        }
        assert_eq!(status(&seen[0]).target, "kit-sent-1", "a status does not name its message");
    }
    Ok(())
}

/// Statuses of one message are separate events in any order, and merging them ends at the furthest state: a late `sent` does
/// not replace `delivered`.
pub(crate) async fn statuses_in_any_order_merge_to_the_furthest_state(kit: &SharedKit) -> CaseResult {
    let reported = all(kit)?;
    let furthest = reported.last().map(|(state, _)| *state);
    for backwards in [false, true] {
        let inbox = Inbox::new(kit);
        let order: Vec<_> = if backwards { reported.iter().rev().collect() } else { reported.iter().collect() };
        for (_, element) in &order {
            assert_accepted(&inbox.elements(0, vec![element.clone()]).await, "a status");
        }
        let seen = inbox.seen();
        let ids: HashSet<_> = seen.iter().map(|event| &event.id).collect();
        let (events, reported) = (ids.len(), order.len());
        assert_eq!(
            events, reported,
            "{reported} statuses of one message became {events} events: the dedup key of a status must hold the state"
        );
        let states: Vec<_> = seen.iter().map(|event| status(event).state).collect();
        let expected: Vec<_> = order.iter().map(|(state, _)| *state).collect();
        assert_eq!(states, expected, "a status has another state than the provider reported");
        let end = states.iter().copied().reduce(|known, new| if merge(known, new) == Transition::Advance { new } else { known });
        assert_eq!(end, furthest, "merged statuses of a message do not end at the furthest state");
    }
    Ok(())
}

/// Statuses of several recipients name each of them.
pub(crate) async fn statuses_name_every_recipient(kit: &SharedKit) -> CaseResult {
    let recipients = [Sample::new(1).word("visitor"), Sample::new(2).word("visitor"), Sample::new(3).word("visitor")];
    let reported = STATES.iter().find_map(|state| status_element(kit, 10, *state, &recipients));
    let Some(element) = reported else { return Err(Skipped::needs("statuses of several recipients: Inbound::expected")) };
    let inbox = Inbox::new(kit);
    assert_accepted(&inbox.elements(0, vec![element]).await, "a status of several recipients");
    let seen = inbox.seen();
    let named: Vec<_> =
        seen.iter().map(|event| serde_json::to_string(&(&status(event).recipient, &status(event).participant)).unwrap()).collect();
    for (n, recipient) in recipients.iter().enumerate() {
        assert!(
            named.iter().any(|names| names.contains(recipient.as_str())),
            "of a status of three recipients, recipient no. {n} was left out"
        );
    }
    let ids: HashSet<_> = seen.iter().map(|event| &event.id).collect();
    assert_eq!(ids.len(), seen.len(), "statuses of different recipients have the same dedup key");
    Ok(())
}

/// A status that echoes the provider key names the client message id, so that it settles an unknown send.
pub(crate) async fn statuses_name_our_message(kit: &SharedKit) -> CaseResult {
    let id = ClientMessageId::new("kit-order-17").unwrap();
    let key = ProviderKey::derive(&Kit::tenant_id(0), &kit.name, &id, 0);
    let Some(element) = element(kit, 1, Expected::Echo { target: "kit-sent-1", key: key.as_str() }) else {
        return Err(Skipped::needs("statuses that echo the provider key: Inbound::expected"));
    };
    let inbox = Inbox::new(kit);
    assert_accepted(&inbox.elements(0, vec![element]).await, "a status that echoes the provider key");
    let seen = inbox.seen();
    assert_eq!(seen.len(), 1, "a status that echoes the provider key gave {} events", seen.len());
    let named = status(&seen[0]).client_message_id.as_ref();
    assert_eq!(named, Some(&id), "the key that the provider echoes is dropped: pass it on in RoutedEvent::reference");
    Ok(())
}
