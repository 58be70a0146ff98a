//! What became of messages that were sent.

use std::collections::HashSet;

use super::{kinds::element, prelude::*};
use crate::{
    ids::ClientMessageId,
    message::{Event, InboundEvent, State, Status, Transition, merge},
    strategy::ProviderKey,
};

const STATES: [State; 3] = [State::Sent, State::Delivered, State::Read];
const HOUR_MS: i64 = 3_600_000;

/// The element of news of one message; sample and state differ, the message does not.
fn news(kit: &Shared, sample: usize, state: State, people: &[String]) -> Option<serde_json::Value> {
    let sent_at_ms = Sample::new(sample).at_ms() - HOUR_MS;
    element(kit, sample, Told::Status { target: "kit-sent-1", state, sent_at_ms, people })
}

fn status(event: &InboundEvent) -> &Status {
    match &event.event {
        Event::Status(status) => status,
        other => panic!("news of a message became an event of type {}, not a status", other.kind()),
    }
}

/// All states of one message that the provider tells.
fn all(kit: &Shared) -> Result<Vec<(State, serde_json::Value)>, Skipped> {
    let person = [Sample::new(1).word("visitor")];
    let told = STATES.iter().enumerate().filter_map(|(n, state)| Some((*state, news(kit, 10 + n, *state, &person)?)));
    let told: Vec<_> = told.collect();
    if told.is_empty() { Err(Skipped::needs("news of messages that were sent: Inbound::tells")) } else { Ok(told) }
}

/// News have the time at which they happened, not that of the message.
pub(crate) async fn news_have_their_own_time(kit: &Shared) -> Done {
    for (state, element) in all(kit)? {
        let inbox = Inbox::new(kit);
        assert_taken(&inbox.elements(0, vec![element]).await, "news of a message");
        let seen = inbox.seen();
        assert_eq!(seen.len(), 1, "news of a message ({}) gave {} events", state.as_str(), seen.len());
        let at = STATES.iter().position(|known| *known == state).unwrap_or_default();
        let told_at = Sample::new(10 + at).at_ms();
        for at_ms in [status(&seen[0]).at_ms, seen[0].occurred_at_ms].into_iter().flatten() {
            assert_ne!(at_ms, told_at - HOUR_MS, "news ({}) have the time at which the message was sent", state.as_str());
            assert_eq!(at_ms, told_at, "news ({}) have another time than the provider tells", state.as_str());
        }
        assert_eq!(status(&seen[0]).target, "kit-sent-1", "news do not say which message they are about");
    }
    Ok(())
}

/// In whatever order news of one message come, each is an event of its own, and merged they end at the furthest state: a
/// late `sent` takes no `delivered` back.
pub(crate) async fn late_news_take_nothing_back(kit: &Shared) -> Done {
    let told = all(kit)?;
    let furthest = told.last().map(|(state, _)| *state);
    for backwards in [false, true] {
        let inbox = Inbox::new(kit);
        let order: Vec<_> = if backwards { told.iter().rev().collect() } else { told.iter().collect() };
        for (_, element) in &order {
            assert_taken(&inbox.elements(0, vec![element.clone()]).await, "news of a message");
        }
        let seen = inbox.seen();
        let ids: HashSet<_> = seen.iter().map(|event| &event.id).collect();
        let (events, told) = (ids.len(), order.len());
        assert_eq!(events, told, "{told} news of one message became {events} events: the dedup key of news must hold the state");
        let states: Vec<_> = seen.iter().map(|event| status(event).state).collect();
        let expected: Vec<_> = order.iter().map(|(state, _)| *state).collect();
        assert_eq!(states, expected, "news of a message say another state than the provider told");
        let end = states.iter().copied().reduce(|known, new| if merge(known, new) == Transition::Advance { new } else { known });
        assert_eq!(end, furthest, "merged news of a message do not end at the furthest state");
    }
    Ok(())
}

/// News about several people name each of them.
pub(crate) async fn news_name_everybody(kit: &Shared) -> Done {
    let people = [Sample::new(1).word("visitor"), Sample::new(2).word("visitor"), Sample::new(3).word("visitor")];
    let told = STATES.iter().find_map(|state| news(kit, 10, *state, &people));
    let Some(element) = told else { return Err(Skipped::needs("news about several people: Inbound::tells")) };
    let inbox = Inbox::new(kit);
    assert_taken(&inbox.elements(0, vec![element]).await, "news about several people");
    let seen = inbox.seen();
    let named: Vec<_> =
        seen.iter().map(|event| serde_json::to_string(&(&status(event).recipient, &status(event).participant)).unwrap()).collect();
    for (n, person) in people.iter().enumerate() {
        assert!(named.iter().any(|names| names.contains(person.as_str())), "of news about three people, person no. {n} was left out");
    }
    let ids: HashSet<_> = seen.iter().map(|event| &event.id).collect();
    assert_eq!(ids.len(), seen.len(), "news of different people have the same dedup key");
    Ok(())
}

/// News in which the provider echoes our key say which of our messages they are about: that settles a send of which nobody
/// knows what became of it.
pub(crate) async fn news_name_our_message(kit: &Shared) -> Done {
    let id = ClientMessageId::new("kit-order-17").unwrap();
    let key = ProviderKey::derive(&Kit::tenant_id(0), &kit.name, &id, 0);
    let Some(element) = element(kit, 1, Told::Echo { target: "kit-sent-1", key: key.as_str() }) else {
        return Err(Skipped::needs("news that echo the provider key: Inbound::tells"));
    };
    let inbox = Inbox::new(kit);
    assert_taken(&inbox.elements(0, vec![element]).await, "news that echo our key");
    let seen = inbox.seen();
    assert_eq!(seen.len(), 1, "news that echo our key gave {} events", seen.len());
    let named = status(&seen[0]).client_message_id.as_ref();
    assert_eq!(named, Some(&id), "the key that the provider echoes is dropped: hand it on in RoutedEvent::reference");
    Ok(())
}
