//! Conversations: their changes, as they arrive and as they are told, and their end.

use serde::{Deserialize, Serialize};

use super::{NewerWord, Participant, ProviderError, RawJson, Role};

open_words! {
    /// The kind of change of a conversation.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
    #[non_exhaustive]
    pub enum SessionChange {
        /// It began.
        Started = "started",
        /// It waits for an agent.
        Queued = "queued",
        /// A participant joined it.
        Joined = "joined",
        /// A participant left it.
        Left = "left",
        /// It was handed to another participant or queue.
        Transferred = "transferred",
        /// It was not handed over: no agent took it.
        TransferFailed = "transfer_failed",
        /// A participant has been silent for a while.
        Idle = "idle",
        /// A silent participant came back, or an ended conversation goes on.
        Resumed = "resumed",
        /// It did not begin, or broke; its end is an event of its own.
        Failed = "failed",
        /// It ended.
        Ended = "ended",
        ..
    }
}

/// A change of a conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct SessionEvent {
    /// The change.
    #[serde(deserialize_with = "SessionChange::stored")]
    pub change: SessionChange,
    /// The participant that it is about: who joined, left, fell silent, or holds the conversation now.
    // Events of earlier builds had the word of the role alone.
    #[serde(default, alias = "role", skip_serializing_if = "Option::is_none")]
    pub participant: Option<Participant>,
    /// The participant that held the conversation before.
    #[serde(default, alias = "previous_role", skip_serializing_if = "Option::is_none")]
    pub previous: Option<Participant>,
    /// The end, if it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<SessionEnd>,
    /// The place in the queue, if it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueuePlace>,
    /// The provider's error, if something failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Box<ProviderError>>,
    /// The provider's JSON, in full: at most 16,384 bytes in a message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<RawJson>,
}

impl SessionEvent {
    /// A change.
    pub fn new(change: SessionChange) -> Self {
        Self { change, participant: None, previous: None, end: None, queue: None, error: None, data: None }
    }

    /// The end of a conversation.
    pub fn ended(end: SessionEnd) -> Self {
        Self { end: Some(end), ..Self::new(SessionChange::Ended) }
    }

    setters! {
        /// Adds the participant that it is about.
        with_participant(participant: impl Into<Participant>) => participant = Some(participant.into());
        /// Adds the participant that held the conversation before.
        with_previous(participant: impl Into<Participant>) => previous = Some(participant.into());
        /// Adds the place in the queue.
        with_queue(place: QueuePlace) => queue = Some(place);
        /// Adds the provider's error.
        with_error(error: ProviderError) => error = Some(Box::new(error));
        /// Adds the provider's JSON.
        with_data(data: RawJson) => data = Some(data);
    }
}

/// The end of a conversation.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct SessionEnd {
    /// The role that ended it, if the provider tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Role>,
    /// The reason.
    #[serde(deserialize_with = "EndReason::stored")]
    pub reason: EndReason,
    /// The reason in the provider's word: at most 256 characters in a message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub word: Option<String>,
}

// A word of others may be anything.
debug_fields!(SessionEnd { by, reason });

impl SessionEnd {
    /// An end for a reason.
    pub fn new(reason: EndReason) -> Self {
        Self { by: None, reason, word: None }
    }

    setters! {
        /// Adds the role that ended it.
        with_by(role: Role) => by = Some(role);
        /// Adds the reason in the provider's word.
        with_word(word: impl Into<String>) => word = Some(word.into());
    }
}

open_words! {
    /// The reason for the end of a conversation.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
    #[non_exhaustive]
    pub enum EndReason {
        /// The customer ended it.
        Customer = "customer",
        /// The agent, or a bot of the business, ended it.
        Agent = "agent",
        /// The provider ended it: a flow, a supervisor's command, a shutdown.
        Provider = "provider",
        /// No message came for too long.
        Idle = "idle",
        /// It reached its greatest age.
        Expired = "expired",
        /// No agent is there to take it.
        NoAgents = "no_agents",
        /// The provider no longer knows it, and reported no end.
        Lost = "lost",
        /// Any other.
        Other = "other",
        ..
    }
}

/// The place of a conversation in a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
#[non_exhaustive]
pub struct QueuePlace {
    /// The position; the next one to be taken is 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    /// The estimated wait, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait_ms: Option<u64>,
}

impl QueuePlace {
    /// A place by its position and the estimated wait in milliseconds.
    pub fn new(position: Option<u64>, wait_ms: Option<u64>) -> Self {
        Self { position, wait_ms }
    }
}

tagged! {
    /// A command or a notice about the conversation itself: its end, or a change to show. In JSON the kind is in `kind`.
    ///
    /// ```
    /// use zengine_connector::{Content, message::{EndReason, SessionNotice}};
    ///
    /// let end = Content::Session(SessionNotice::End { reason: EndReason::Agent });
    /// assert_eq!(serde_json::to_string(&end)?, r#"{"type":"session","kind":"end","reason":"agent"}"#);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    #[derive(Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
    #[serde(tag = "kind")]
    #[non_exhaustive]
    pub enum SessionNotice {
        /// Ends the conversation.
        End {
            /// The reason.
            reason: EndReason,
        } = "end",
        /// Tells the other side, such as a chat window, of a change.
        Change(Box<SessionEvent>) = "change",
    }
}

impl From<SessionEvent> for SessionNotice {
    fn from(change: SessionEvent) -> Self {
        Self::Change(Box::new(change))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{error::ErrorKind, message::Event};

    fn read(event: Value) -> SessionEvent {
        match serde_json::from_value(event).unwrap() {
            Event::Session(session) => session,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_change_round_trips_with_all_that_is_told_of_it() {
        for &change in SessionChange::ALL {
            assert_eq!(
                serde_json::to_value(Event::Session(SessionEvent::new(change))).unwrap(),
                json!({ "type": "session", "change": change.as_str() })
            );
        }
        let error = ProviderError::new(ErrorKind::Unavailable, Some("500".into()));
        let whole = SessionEvent::ended(SessionEnd::new(EndReason::NoAgents).with_by(Role::System).with_word("NO_AGENT"))
            .with_participant(Participant::new(Role::Agent).with_name("Ana"))
            .with_previous(Role::from("skill_group"))
            .with_queue(QueuePlace::new(Some(3), Some(60_000)))
            .with_error(error)
            .with_data(RawJson::lenient("{}"));
        assert_eq!(read(serde_json::to_value(Event::Session(whole.clone())).unwrap()), whole);
    }

    #[test]
    fn an_event_of_an_earlier_build_keeps_its_roles() {
        let session = read(json!({ "type": "session", "change": "transferred", "role": "escalation", "previous_role": "bot" }));
        assert_eq!((session.participant, session.previous), (Some(Role::from("escalation").into()), Some(Role::Bot.into())));
    }

    #[test]
    fn words_of_a_newer_release_are_kept_and_written_back() {
        for reason in EndReason::ALL {
            assert_eq!(serde_json::from_value::<EndReason>(reason.as_str().into()).unwrap(), *reason);
        }
        let newer = json!({ "type": "session", "change": "whispered", "end": { "reason": "hologram" } });
        let session = read(newer.clone());
        assert_eq!((session.change.as_str(), session.end.as_ref().unwrap().reason.as_str()), ("newer", "newer"));
        assert_eq!(serde_json::to_value(Event::Session(session)).unwrap(), newer);
        let status = json!({ "type": "status", "target": "m", "state": "read_aloud" });
        let read: Event = serde_json::from_value(status.clone()).unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), status);
    }

    #[test]
    fn debug_shows_no_word_of_others() {
        let session = SessionEvent::ended(SessionEnd::new(EndReason::Other).with_word("canary-word"))
            .with_participant(Participant::new(Role::from("canary-role")).with_name("canary-name"))
            .with_data(RawJson::lenient(r#""canary-data""#));
        let printed = format!("{session:?} {:?}", SessionNotice::from(session.clone()));
        assert!(!printed.contains("canary") && printed.contains("change: Ended"), "{printed}");
    }
}
