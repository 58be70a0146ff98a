//! Statuses of sent messages.

use std::collections::HashSet;

use super::prelude::*;
use crate::{
    ids::ClientMessageId,
    message::{Event, InboundEvent, State, Status, Transition, merge},
    orchestrator::Received,
    strategy::ProviderKey,
};

const STATES: [State; 3] = [State::Sent, State::Delivered, State::Read];
const HOUR_MS: i64 = 3_600_000;

/// Delivers a status. All statuses have one target message; sample and state differ. `None` if the provider reports no such
/// state.
async fn deliver(inbox: &Inbox, state: State, recipients: &[String]) -> Option<Received> {
    let sample = sample_of(state);
    let sent_at_ms = sample.at_ms() - HOUR_MS;
    inbox.event(&sample, &Expected::Status { target: "kit-sent-1", state, sent_at_ms, recipients }).await
}

fn sample_of(state: State) -> Sample {
    Sample::new(10 + STATES.iter().position(|known| *known == state).unwrap_or_default())
}

fn status(event: &InboundEvent) -> &Status {
    let Event::Status(status) = &event.event else { panic!("a status became an event of type {}", event.event.kind()) };
    if let Some(feedback) = status.feedback.as_ref().filter(|_| status.state == State::Complained) {
        assert_eq!(feedback.state(), State::Complained, "feedback that a message is no spam was read as a complaint");
    }
    status
}

/// The states that the provider reports, and the recipient of their statuses.
async fn reported(kit: &SharedKit) -> Result<(Vec<State>, [String; 1]), Skipped> {
    let (recipient, mut states) = ([Sample::new(1).word("visitor")], vec![]);
    for state in STATES {
        if deliver(&Inbox::new(kit), state, &recipient).await.is_some() {
            states.push(state);
        }
    }
    if states.is_empty() { Err(Skipped::needs("statuses of sent messages: Inbound::expected")) } else { Ok((states, recipient)) }
}

/// A status has the time at which it occurred, not that of the send.
pub(crate) async fn statuses_have_their_own_time(kit: &SharedKit) -> CaseResult {
    let (states, recipient) = reported(kit).await?;
    for state in states {
        let inbox = Inbox::new(kit);
        assert_accepted(&deliver(&inbox, state, &recipient).await.expect("a status"), "a status");
        let seen = inbox.seen();
        assert_eq!(seen.len(), 1, "a status ({}) gave {} events", state.as_str(), seen.len());
        let reported_at = sample_of(state).at_ms();
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
    let (reported, recipient) = reported(kit).await?;
    let furthest = reported.last().copied();
    for backwards in [false, true] {
        let inbox = Inbox::new(kit);
        let order: Vec<_> = if backwards { reported.iter().rev().copied().collect() } else { reported.clone() };
        for state in &order {
            assert_accepted(&deliver(&inbox, *state, &recipient).await.expect("a status"), "a status");
        }
        let seen = inbox.seen();
        let ids: HashSet<_> = seen.iter().map(|event| &event.id).collect();
        let (events, reported) = (ids.len(), order.len());
        assert_eq!(
            events, reported,
            "{reported} statuses of one message became {events} events: the dedup key of a status must hold the state"
        );
        let states: Vec<_> = seen.iter().map(|event| status(event).state).collect();
        assert_eq!(states, order, "a status has another state than the provider reported");
        let standings = seen.iter().map(|event| status(event).standing());
        let end = standings.reduce(|known, new| if merge(&known, &new) == Transition::Advance { new } else { known });
        assert_eq!(end.map(|standing| standing.state), furthest, "merged statuses of a message do not end at the furthest state");
    }
    Ok(())
}

/// Statuses of several recipients name each of them.
pub(crate) async fn statuses_name_every_recipient(kit: &SharedKit) -> CaseResult {
    let recipients = [Sample::new(1).word("visitor"), Sample::new(2).word("visitor"), Sample::new(3).word("visitor")];
    let inbox = Inbox::new(kit);
    let mut received = None;
    for state in STATES {
        if received.is_none() {
            received = deliver(&inbox, state, &recipients).await;
        }
    }
    let received = received.ok_or_else(|| Skipped::needs("statuses of several recipients: Inbound::expected"))?;
    assert_accepted(&received, "a status of several recipients");
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

/// A failure says whether it is final, and whether the provider did not try: hosts send again, or never again, by it.
pub(crate) async fn failures_say_whether_they_are_final(kit: &SharedKit) -> CaseResult {
    let recipient = Sample::new(1).word("visitor");
    let mut tried = false;
    for (n, permanent, suppressed) in [(1, true, false), (2, false, false), (3, true, true)] {
        let inbox = Inbox::new(kit);
        let expected = Expected::Failure { target: "kit-sent-1", permanent, suppressed, recipient: &recipient };
        let Some(received) = inbox.event(&Sample::new(n), &expected).await else { continue };
        tried = true;
        assert_accepted(&received, "a status of a failure");
        let seen = inbox.seen();
        let standing = status(seen.first().expect("a failure gave no event")).standing();
        assert!(standing.is_failure(), "a message that did not arrive has the standing {standing:?}");
        assert_eq!(standing.suppressed, suppressed, "suppressed by the provider or not: Failure::suppressed");
        assert_eq!(standing.is_permanent_failure(), permanent, "a final failure or one that may still end well: Failure::permanent");
    }
    if tried { Ok(()) } else { Err(Skipped::needs("failures that say whether they are final: Inbound::expected")) }
}

/// A status that echoes the provider key names the client message id, so that it settles an unknown send.
pub(crate) async fn statuses_name_our_message(kit: &SharedKit) -> CaseResult {
    let id = ClientMessageId::new("kit-order-17").unwrap();
    let key = ProviderKey::derive(&Kit::tenant_id(0), &kit.name, &id, 0);
    let inbox = Inbox::new(kit);
    let received = inbox.event(&Sample::new(1), &Expected::Echo { target: "kit-sent-1", key: key.as_str() }).await;
    let received = received.ok_or_else(|| Skipped::needs("statuses that echo the provider key: Inbound::expected"))?;
    assert_accepted(&received, "a status that echoes the provider key");
    let seen = inbox.seen();
    assert_eq!(seen.len(), 1, "a status that echoes the provider key gave {} events", seen.len());
    let named = status(&seen[0]).client_message_id.as_ref();
    assert_eq!(named, Some(&id), "the key that the provider echoes is dropped: pass it on in RoutedEvent::reference");
    Ok(())
}
