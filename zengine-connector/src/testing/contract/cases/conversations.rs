//! Strategies that keep a conversation with each customer at their provider.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use serde_json::Value;

use super::{
    super::{attempt::ATTEMPT_TIME, conversations::ConversationScript, inbox::Inbox},
    prelude::*,
};
use crate::{
    error::{ErrorKind, Reach, SendError},
    message::{Event, Receipt},
    runtime::within,
    testing::StoreFault,
};

/// A time after which no opening is in progress any more.
const LAPSED: Duration = Duration::from_secs(120);

/// The one customer of a case.
const CUSTOMER: usize = 3;

fn script(kit: &Kit) -> &ConversationScript {
    kit.outbound().conversations.as_ref().expect("the case needs conversations")
}

/// The n-th message to the customer.
fn message(kit: &Kit, n: usize) -> Value {
    (script(kit).message)(&Sample::new(CUSTOMER), &Sample::new(n))
}

/// Sends the n-th message to the customer, in one attempt.
async fn attempt(host: &TestHost, n: usize) -> Result<Receipt, SendError> {
    host.attempt_json(0, &message(&host.kit, n), &format!("conversation-{n}"), 1, ATTEMPT_TIME).await
}

/// Sends the n-th message, which must succeed.
async fn arrives(host: &TestHost, n: usize) {
    let sent = attempt(host, n).await;
    assert!(sent.is_ok(), "a message is not sent: {sent:?}");
}

/// Openings that the provider acted on.
fn openings(host: &TestHost) -> usize {
    host.wire.recorded().iter().filter(|call| call.accepted.is_some() && (script(&host.kit).opens)(&call.request)).count()
}

/// The provider's ids that messages went to, in order.
fn ids(host: &TestHost) -> Vec<String> {
    let of = |call: &super::super::wire::RecordedCall| (script(&host.kit).id_of)(&call.request);
    host.wire.effects().iter().map(|call| of(call).expect("a call that sends names no conversation: see ConversationScript")).collect()
}

/// The numbers of the messages that arrived, in order.
fn arrived(host: &TestHost) -> Vec<usize> {
    let texts = |call: &super::super::wire::RecordedCall| {
        let printed = call.printed();
        (0..100).find(|n| printed.contains(&format!("canary-text-{n:05}")))
    };
    host.wire.effects().iter().filter_map(texts).collect()
}

/// Asserts that an error defers its send: nothing left, and this side was busy.
fn assert_deferred(error: &SendError, what: &str) {
    assert!(
        error.kind() == ErrorKind::Busy && error.reach() == Reach::NotSent,
        "{what} is not deferred: say Busy and not sent, so that the message comes again: {error}"
    );
}

/// Messages to one customer that are sent at once, by two processes, open one conversation.
pub(crate) async fn an_open_race_is_one_conversation(kit: &SharedKit) -> CaseResult {
    let host = TestHost::new(kit);
    let other = host.restart();
    let sent = join_all((0..6).map(|n| attempt(if n % 2 == 0 { &host } else { &other }, n))).await;
    let opened = openings(&host);
    assert_eq!(opened, 1, "six messages to one customer opened {opened} conversations");
    for (n, sent) in sent.iter().enumerate() {
        assert!(sent.is_ok(), "message {n} was not sent, although its conversation was open in a moment: {sent:?}");
    }
    assert_eq!(ids(&host).len(), 6, "six messages, and {} arrived", ids(&host).len());
    Ok(())
}

/// Messages that wait for the conversation arrive in the order in which they were sent.
pub(crate) async fn messages_that_wait_keep_their_order(kit: &SharedKit) -> CaseResult {
    let host = TestHost::new(kit);
    let sent = join_all((0..8).map(|n| attempt(&host, n))).await;
    assert!(sent.iter().all(Result::is_ok), "a message that waited was not sent: {sent:?}");
    let arrived = arrived(&host);
    assert_eq!(arrived, (0..8).collect::<Vec<_>>(), "messages that waited for one conversation changed their order");
    Ok(())
}

/// If the opening fails, no message is lost: each says that it was not sent, and arrives when it is sent again.
pub(crate) async fn an_opening_that_fails_loses_nothing(kit: &SharedKit) -> CaseResult {
    let host = TestHost::new(kit);
    arrives(&host, 0).await;
    let at = host.wire.recorded().iter().position(|call| (script(kit).opens)(&call.request)).expect("a call opens the conversation");
    let host = TestHost::new(kit);
    host.wire.nth(at, WireFault::Refused);
    let sent = join_all((0..3).map(|n| attempt(&host, n))).await;
    for (n, sent) in sent.iter().enumerate() {
        match sent {
            Ok(_) => assert!(arrived(&host).contains(&n), "message {n} is said to be sent, and did not arrive: the opening had failed"),
            Err(error) => {
                assert_eq!(error.reach(), Reach::NotSent, "the opening of message {n} failed, which is said of the message: {error}");
            }
        }
    }
    host.pass(LAPSED).await;
    for (n, sent) in sent.iter().enumerate().filter(|(_, sent)| sent.is_err()) {
        let again = attempt(&host, n).await;
        assert!(again.is_ok(), "message {n} is not sent after a failed opening ({sent:?}): {again:?}");
    }
    let mut arrived = arrived(&host);
    arrived.sort_unstable();
    assert_eq!(arrived, [0, 1, 2], "three messages around a failed opening, each sent until it arrived");
    Ok(())
}

/// A lost compare-and-set of the session store defers the message.
pub(crate) async fn a_lost_race_is_deferred(kit: &SharedKit) -> CaseResult {
    let (host, sessions) = TestHost::with_sessions(kit);
    sessions.always(crate::testing::StoreCall::PutSession, StoreFault::Conflict);
    match attempt(&host, 0).await {
        Ok(_) => assert_eq!(ids(&host).len(), 1, "a success, and nothing arrived"),
        Err(error) => assert_deferred(&error, "a send whose session another process wrote first"),
    }
    sessions.heal();
    host.pass(LAPSED).await;
    let again = attempt(&host, 1).await;
    assert!(again.is_ok(), "after a lost race nothing is sent any more: {again:?}");
    Ok(())
}

/// A conversation that the provider does not know any more is opened again once, and the message arrives in the new one.
pub(crate) async fn expiry_in_the_middle_of_a_send_reopens_once(kit: &SharedKit) -> CaseResult {
    let gone = || WireFault::Response(script(kit).gone.clone().expect("the case needs ConversationScript::gone"));
    let host = TestHost::new(kit);
    arrives(&host, 0).await;
    host.wire.next([gone()]);
    let sent = attempt(&host, 1).await;
    assert!(sent.is_ok(), "the conversation was gone, and the message was not sent in a new one: {sent:?}");
    assert_eq!((openings(&host), arrived(&host)), (2, vec![0, 1]), "openings and messages after a conversation was gone once");
    let ids = ids(&host);
    assert_ne!(ids[0], ids[1], "the message went to the conversation that was gone");
    // One that is always gone is given up.
    host.wire.always(gone());
    let sent = attempt(&host, 2).await;
    host.wire.heal();
    assert!(sent.is_err(), "the provider knows no conversation, and the message is said to be sent");
    assert!(openings(&host) <= 3, "one attempt opened {} conversations, one after the other", openings(&host) - 2);
    Ok(())
}

/// After its end a message opens a new conversation.
pub(crate) async fn a_send_after_the_end_begins_a_new_conversation(kit: &SharedKit) -> CaseResult {
    let host = TestHost::new(kit);
    arrives(&host, 0).await;
    end(&host).await;
    let sent = attempt(&host, 1).await;
    assert!(sent.is_ok(), "after the end of its conversation a message is not sent: {sent:?}");
    let ids = ids(&host);
    assert!(ids.first() != ids.last(), "after its end a conversation is used again");
    assert_eq!(openings(&host), 2, "the openings of two conversations, one after the other");
    Ok(())
}

/// A message of a conversation that has ended reaches the handler with its customer.
pub(crate) async fn a_late_event_of_an_ended_conversation_is_routed(kit: &SharedKit) -> CaseResult {
    let inbox = Inbox::new(kit).without_conversations();
    arrives(&inbox.host, 0).await;
    let id = ids(&inbox.host).pop().expect("a message arrived");
    end(&inbox.host).await;
    let event = script(kit).event.as_ref().expect("the case needs ConversationScript::event");
    for (n, what) in [(40, "a late message of an ended conversation"), (41, "a late message of the life before")] {
        let received = inbox.request(event(0, &id, &Sample::new(n))).await;
        assert!(received.response.status().is_success(), "{what} was answered with {}", received.response.status());
        let seen = inbox.seen();
        let Some(late) = seen.iter().find(|event| serde_json::to_string(event).unwrap().contains(&format!("canary-text-{n:05}"))) else {
            panic!("{what} is lost");
        };
        let from = serde_json::to_string(&late.from).unwrap();
        let customer = Sample::new(CUSTOMER);
        let all = serde_json::to_string(&late).unwrap();
        assert!(customer.is_in(&all), "{what} does not name its customer: {}", if customer.is_in(&from) { "" } else { "from is another" });
        if n == 40 {
            arrives(&inbox.host, 1).await;
        }
    }
    Ok(())
}

/// An event of a conversation that this side never opened reaches no handler, and is not delivered again.
pub(crate) async fn an_event_of_a_foreign_conversation_is_ignored(kit: &SharedKit) -> CaseResult {
    let inbox = Inbox::new(kit).without_conversations();
    arrives(&inbox.host, 0).await;
    let event = script(kit).event.as_ref().expect("the case needs ConversationScript::event");
    let received = inbox.request(event(0, "foreign-conversation", &Sample::new(42))).await;
    assert!(
        received.response.status().is_success(),
        "an event of a foreign conversation is answered with {}: it comes again",
        received.response.status()
    );
    assert!(inbox.seen().is_empty(), "an event of a conversation that was never opened here reached the handler");
    Ok(())
}

/// Events of one conversation keep the provider's order: a later one has a higher `sequence`.
pub(crate) async fn sequences_rise_within_a_life(kit: &SharedKit) -> CaseResult {
    let inbox = Inbox::new(kit).without_conversations();
    arrives(&inbox.host, 0).await;
    let id = ids(&inbox.host).pop().expect("a message arrived");
    let event = script(kit).event.as_ref().expect("the case needs ConversationScript::event");
    let mut known = None;
    for n in 50..56 {
        let read = inbox.normalized(event(0, &id, &Sample::new(n))).await.expect("a signed event is let in");
        for sequence in read.into_iter().flatten().filter_map(|event| event.sequence) {
            assert!(known < Some(sequence), "a later event of a conversation has no higher sequence: hosts would put it first");
            known = Some(sequence);
        }
    }
    if known.is_some() { Ok(()) } else { Err(Skipped::needs("events with a serial number of the provider")) }
}

/// A change that the strategy raises reaches the handler once for each life of the conversation, with its customer.
pub(crate) async fn a_raised_change_is_published_once(kit: &SharedKit) -> CaseResult {
    let inbox = Inbox::new(kit).without_conversations();
    let other = inbox.host.restart();
    for life in 1..=2 {
        for n in 0..4 {
            arrives(if n % 2 == 0 { &inbox.host } else { &other }, 10 * life + n).await;
            inbox.host.pass(Duration::from_millis(100)).await;
        }
        let raised = inbox.raised();
        if raised.is_empty() {
            return Err(Skipped::needs("changes of conversations that the strategy raises"));
        }
        let changes: Vec<_> = raised
            .iter()
            .map(|event| match &event.event {
                Event::Session(change) => (event.conversation.clone(), change.change),
                other => panic!("a raised event is of type {}", other.kind()),
            })
            .collect();
        for (n, change) in changes.iter().enumerate() {
            assert!(
                !changes[..n].contains(change),
                "in one life of a conversation its change `{}` was raised as several events: its generation must be the life's",
                change.1.as_str()
            );
        }
        for event in &raised {
            let named = serde_json::to_string(&event.from).unwrap();
            assert!(Sample::new(CUSTOMER).is_in(&named), "a raised event does not name its customer: RaisedEvent::with_from");
        }
        if script(kit).end.is_none() {
            break;
        }
        end(&inbox.host).await;
    }
    Ok(())
}

/// A process that crashes between any two calls of an opening leaves a conversation that the next send resumes or gives up.
pub(crate) async fn a_crash_between_calls_resumes_or_gives_up(kit: &SharedKit) -> CaseResult {
    for n in 1..=kit.session_calls() {
        for fault in [StoreFault::Hang, StoreFault::DoneThenHang] {
            let (host, sessions) = TestHost::with_sessions(kit);
            sessions.nth(n, fault);
            drop(within(&*host.clock, Duration::from_secs(10), attempt(&host, 0)).await);
            sessions.heal();
            let sent_before = ids(&host).len();
            host.pass(LAPSED).await;
            let again = attempt(&host, 1).await;
            let what = format!("a crash at call {n} to the session store ({fault:?})");
            assert!(again.is_ok(), "{what} blocks the customer for good: {again:?}");
            assert!(openings(&host) <= 2, "{what} and one send after it opened {} conversations", openings(&host));
            assert!(sent_before <= 1 && arrived(&host).ends_with(&[1]), "{what}: the messages that arrived are {:?}", arrived(&host));
        }
    }
    Ok(())
}

/// The tokens of conversations are printed nowhere: in no error, no log line and no `Debug`, in success and failure.
pub(crate) async fn tokens_of_conversations_are_never_printed(kit: &SharedKit) -> CaseResult {
    let host = TestHost::new(kit);
    arrives(&host, 0).await;
    let answers: Vec<_> = host.wire.recorded().into_iter().filter_map(|call| call.accepted).collect();
    for token in &script(kit).tokens {
        let told = answers.iter().any(|answer| String::from_utf8_lossy(answer.body()).contains(token.as_str()));
        assert!(told, "the provider that the fixture scripts never says the token it names");
    }
    for fault in [WireFault::Reset, WireFault::garbage(), WireFault::html(), WireFault::Refused] {
        host.wire.next([fault]);
        drop(attempt(&host, 1).await);
        host.wire.heal();
    }
    let bound = host.bind(0).await.expect("a sample tenant binds");
    kit.assert_clean("the Debug of a bound tenant", &format!("{bound:?}"));
    Ok(())
}

/// Ends the customer's conversation.
async fn end(host: &TestHost) {
    let kit = Arc::clone(&host.kit);
    let end = script(&kit).end.as_ref().expect("the case needs ConversationScript::ended_by");
    let ended = host.attempt_json(0, &end(&Sample::new(CUSTOMER)), "conversation-end", 1, ATTEMPT_TIME).await;
    assert!(ended.is_ok(), "the conversation cannot be ended: {ended:?}");
}
