//! The status of a message: its state, and what a provider tells beside it.

use serde::{Deserialize, Serialize};

use super::{Cost, Identity, ProviderError, Standing, State};
use crate::ids::ClientMessageId;

/// The status of one message.
#[derive(Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Status {
    /// The provider's id of the message.
    pub target: String,
    /// The caller's id of the message, read from the reference that the provider echoes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_message_id: Option<ClientMessageId>,
    /// The state of the message.
    #[serde(deserialize_with = "State::stored")]
    pub state: State,
    /// Time of the status, in milliseconds UTC on the provider's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_ms: Option<i64>,
    /// The recipient of the message.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recipient: Vec<Identity>,
    /// The member, if the recipient is a group.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub participant: Vec<Identity>,
    /// Whether it is about one of several recipients of the message, such as one address of an e-mail: the others may have it, whatever
    /// became of this one. True too if there is a `participant`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
    /// The failure: how final it is, beside the error that names its kind. Stands in a `Deferred` too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// The recipient's or the mailbox provider's verdict on the message, of a complaint or its opposite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feedback: Option<Box<Feedback>>,
    /// The program that opened the message or followed a link in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<Box<RecipientClient>>,
    /// The number of parts that the message was sent in, at least 1: an SMS that is too long for one is cut into several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parts: Option<u32>,
    /// The error, if it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ProviderError>,
    /// Further errors, if the provider gives several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more_errors: Vec<ProviderError>,
    /// The cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// The reference the provider echoes, as it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

// The provider's id may hold a phone number.
debug_fields!(Status { state, at_ms, client_message_id, partial, failure, feedback, parts, error, more_errors, cost });

impl Status {
    /// The status of a message.
    pub fn new(target: impl Into<String>, state: State) -> Self {
        Self {
            target: target.into(),
            client_message_id: None,
            state,
            at_ms: None,
            recipient: vec![],
            participant: vec![],
            partial: false,
            failure: None,
            feedback: None,
            client: None,
            parts: None,
            error: None,
            more_errors: vec![],
            cost: None,
            reference: None,
        }
    }

    /// Whether it is about one of several recipients of the message.
    pub fn is_partial(&self) -> bool {
        self.partial || !self.participant.is_empty()
    }

    /// The part of the status that decides what it changes for its recipient: see [`merge`](super::merge).
    pub fn standing(&self) -> Standing {
        let failure = self.failure.as_ref();
        let permanent = failure.and_then(|failure| failure.permanent);
        Standing { state: self.state, permanent, suppressed: failure.is_some_and(|failure| failure.suppressed) }
    }
}

/// A failure of a delivery in the provider's terms: a bounce, a delivery receipt. The kind of error is in [`Status::error`].
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
#[non_exhaustive]
pub struct Failure {
    /// Whether it is final. `false` if the message may still arrive; `None` if the provider does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permanent: Option<bool>,
    /// The provider's finer word (`MailboxFull`, `NoEmail`). Masked in `Debug`, as any text that others write.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subtype: Option<String>,
    /// Whether the provider did not deliver because the recipient is on its suppression list: nothing was sent, whatever the state says.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub suppressed: bool,
    /// The answer of the recipient's server or carrier (`smtp; 550 5.1.1 …`). May name the recipient, so it is masked in `Debug`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diagnostic: Option<String>,
}

debug_fields!(Failure { permanent, suppressed, has_subtype: |it| it.subtype.is_some() });

impl Failure {
    /// A failure of which it is known whether it is final; `None` if the provider does not tell.
    pub fn new(permanent: Option<bool>) -> Self {
        Self { permanent, ..Self::default() }
    }

    /// A message that the provider did not deliver because of its suppression list.
    pub fn suppressed() -> Self {
        Self { permanent: Some(true), suppressed: true, ..Self::default() }
    }
}

/// A verdict on a message, as mailbox providers report it.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
#[non_exhaustive]
pub struct Feedback {
    /// The kind, in the words of RFC 5965: `abuse`, `auth-failure`, `fraud`, `virus`, `other`, `not-spam`. Any other is masked in `Debug`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The provider's or the recipient's own text; masked in `Debug`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

debug_fields!(Feedback {
    kind: |it| it.kind.as_deref().map(|kind| Feedback::KINDS.iter().find(|known| **known == kind).unwrap_or(&"***"))
});

impl Feedback {
    /// The words of RFC 5965 and its successors.
    const KINDS: [&str; 6] = ["abuse", "auth-failure", "fraud", "virus", "other", "not-spam"];

    /// Feedback of a kind.
    pub fn new(kind: impl Into<String>) -> Self {
        Self { kind: Some(kind.into()), text: None }
    }

    /// The state of a message with this feedback. `Complained`, unless the kind is `not-spam`, the opposite of a complaint: the recipient
    /// has the message and wants it, so it is `Delivered`.
    pub fn state(&self) -> State {
        match &self.kind {
            Some(kind) if kind.eq_ignore_ascii_case("not-spam") => State::Delivered,
            _ => State::Complained,
        }
    }
}

/// The program with which the recipient opened a message or followed a link in it. Personal data: masked in `Debug`.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
#[non_exhaustive]
pub struct RecipientClient {
    /// The name that it gives itself. Mail proxies and link scanners open messages too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// Its address, as the provider writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// The link that was followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

masked!(RecipientClient);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standing_holds_what_decides_the_weight_of_a_status() {
        let mut status = Status::new("m", State::Complained);
        assert_eq!(status.standing(), Standing::of(State::Complained));
        status.failure = Some(Failure::suppressed());
        assert!(!status.standing().is_arrival() && status.standing().is_permanent_failure());
        status.state = State::Failed;
        status.failure = Some(Failure::new(Some(false)));
        assert_eq!(status.standing(), Standing::of(State::Failed).with_permanent(false));
    }

    #[test]
    fn feedback_that_a_message_is_no_spam_is_no_complaint() {
        assert_eq!(
            ["abuse", "fraud", "other", "x", "Not-Spam"].map(|kind| Feedback::new(kind).state()),
            [State::Complained, State::Complained, State::Complained, State::Complained, State::Delivered]
        );
        assert_eq!(Feedback::default().state(), State::Complained);
    }

    #[test]
    fn a_state_of_a_newer_release_is_read_where_it_was_stored_and_nowhere_else() {
        let word = serde_json::json!("read_aloud");
        assert!(serde_json::from_value::<State>(word.clone()).is_err(), "a provider's word of no known state is no state");
        let stored: Status = serde_json::from_value(serde_json::json!({"target": "wamid.1", "state": word})).unwrap();
        assert_eq!(serde_json::to_value(&stored).unwrap()["state"], word);
    }

    #[test]
    fn debug_names_neither_the_recipient_nor_what_they_did() {
        let canary = || Some("canary".to_owned());
        let mut status = Status::new("canary", State::Clicked);
        status.failure = Some(Failure { diagnostic: canary(), subtype: canary(), ..Failure::default() });
        status.feedback = Some(Box::new(Feedback { kind: Some("abuse".to_owned()), text: canary() }));
        status.client = Some(Box::new(RecipientClient { user_agent: canary(), ip: canary(), link: canary() }));
        let shown = format!("{status:?} {:?} {:?}", status.client, Feedback { kind: canary(), text: None });
        assert!(!shown.contains("canary") && shown.contains("has_subtype: true") && shown.contains("abuse"), "{shown}");
    }

    #[test]
    fn a_status_keeps_what_a_provider_tells_beside_its_state() {
        let json = serde_json::json!({
            "target": "0100",
            "state": "failed",
            "failure": { "permanent": false, "subtype": "MailboxFull", "diagnostic": "smtp; 452 4.2.2" },
            "feedback": { "kind": "abuse", "text": "too many" },
            "client": { "user_agent": "x/1", "ip": "192.0.2.1", "link": "https://shop.example/a" },
            "parts": 3,
        });
        let status: Status = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(serde_json::to_value(&status).unwrap(), json);
        let suppressed = serde_json::to_value(Failure::suppressed()).unwrap();
        assert_eq!(suppressed, serde_json::json!({ "permanent": true, "suppressed": true }));
    }
}
