//! The status of a message, and the order of its states.

use serde::{Deserialize, Serialize};

use super::{Identity, RawJson};
use crate::{error::ErrorKind, ids::ClientMessageId};

words! {
    /// The state of a message.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
    #[non_exhaustive]
    pub enum State {
        /// The provider accepted it.
        Accepted = "accepted",
        /// It waits at the provider.
        Queued = "queued",
        /// It waits for a check by the provider.
        Held = "held",
        /// The provider tries again later.
        Deferred = "deferred",
        /// It left the provider.
        Sent = "sent",
        /// It reached the recipient's device or mailbox.
        Delivered = "delivered",
        /// The recipient saw it.
        Read = "read",
        /// The recipient listened to it.
        Played = "played",
        /// The recipient opened it.
        Opened = "opened",
        /// The recipient followed a link in it.
        Clicked = "clicked",
        /// The recipient reported it as unwanted.
        Complained = "complained",
        /// The recipient unsubscribed.
        Unsubscribed = "unsubscribed",
        /// It will not arrive.
        Failed = "failed",
        /// The provider refused it after accepting it.
        Rejected = "rejected",
        /// It was not delivered in time.
        Expired = "expired",
        /// It was deleted.
        Deleted = "deleted",
    }
}

impl State {
    /// Whether the message did not arrive and will not.
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::Failed | Self::Rejected | Self::Expired)
    }

    /// Whether the recipient has it: proof of delivery.
    pub const fn is_arrival(self) -> bool {
        matches!(self, Self::Delivered | Self::Read | Self::Played | Self::Opened | Self::Clicked | Self::Complained | Self::Unsubscribed)
    }

    /// The rank of progress; later states have higher ranks.
    const fn rank(self) -> u8 {
        match self {
            Self::Accepted => 0,
            Self::Queued => 1,
            Self::Held | Self::Deferred => 2,
            Self::Sent => 3,
            Self::Delivered => 4,
            Self::Read | Self::Opened => 5,
            Self::Played | Self::Clicked => 6,
            Self::Complained | Self::Unsubscribed => 7,
            Self::Failed | Self::Rejected | Self::Expired => 8,
            Self::Deleted => 9,
        }
    }
}

/// The effect of a new state on the known one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    /// The new state is later: store it.
    Advance,
    /// Already known.
    Duplicate,
    /// The new state is older: keep the old one.
    Stale,
    /// The two exclude each other: keep the old state and investigate.
    Conflict,
}

/// Compares the known state with a new one, in whatever order a provider reports them.
///
/// ```
/// use zengine_connector::message::{State, Transition, merge};
///
/// assert_eq!(merge(State::Sent, State::Delivered), Transition::Advance);
/// assert_eq!(merge(State::Read, State::Delivered), Transition::Stale); // late news never takes a read mark back
/// assert_eq!(merge(State::Delivered, State::Failed), Transition::Conflict);
/// ```
pub const fn merge(old: State, new: State) -> Transition {
    if old as u8 == new as u8 {
        return Transition::Duplicate;
    }
    match (old, new) {
        // Taken back is the end, and may follow anything.
        (State::Deleted, _) => Transition::Stale,
        (_, State::Deleted) => Transition::Advance,
        // What arrived did not fail, and what failed did not arrive.
        (old, new) if old.is_arrival() && new.is_failure() => Transition::Conflict,
        (old, new) if old.is_failure() && new.is_arrival() => Transition::Conflict,
        (old, new) if old.is_failure() && new.is_failure() => Transition::Stale,
        // Side states of one rank say different things; neither takes the other back.
        (old, new) if new.rank() >= old.rank() => Transition::Advance,
        _ => Transition::Stale,
    }
}

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
debug_fields!(Status { state, at_ms, client_message_id, error, more_errors, cost });

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
            error: None,
            more_errors: vec![],
            cost: None,
            reference: None,
        }
    }
}

/// The cost of a message, in the provider's terms.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
#[non_exhaustive]
pub struct Cost {
    /// The price category (`utility`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Whether it is charged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub billable: Option<bool>,
    /// The price model (`PMP`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The provider's type of charge (`regular`).
    #[serde(rename = "kind", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The amount in the currency's smallest unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minor: Option<i64>,
    /// The currency, ISO 4217.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
}

/// An error that a provider reports, with its kind.
#[derive(Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct ProviderError {
    /// The kind of error.
    #[schemars(with = "String")]
    pub kind: ErrorKind,
    /// The provider's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The provider's finer code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subcode: Option<String>,
    /// The provider's id of the failed call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// The HTTP status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<u16>,
    /// The provider's title of the error; may name a recipient, so it is masked in `Debug`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The provider's JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<RawJson>,
}

impl ProviderError {
    /// An error of a class, with the provider's code.
    pub fn new(kind: ErrorKind, code: Option<String>) -> Self {
        Self { kind, code, subcode: None, trace_id: None, http: None, message: None, raw: None }
    }
}

debug_fields!(ProviderError { kind, code });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_never_goes_back() {
        for &old in State::ALL {
            for &new in State::ALL {
                if merge(old, new) == Transition::Advance {
                    let back = merge(new, old);
                    assert!(back != Transition::Advance || old.rank() == new.rank(), "{old:?} {new:?} {back:?}");
                }
            }
        }
    }

    #[test]
    fn any_order_of_sent_delivered_read_ends_at_read() {
        let states = [State::Sent, State::Delivered, State::Read];
        for a in states {
            for b in states {
                for c in states {
                    let end = [b, c].into_iter().fold(a, |known, new| if merge(known, new) == Transition::Advance { new } else { known });
                    let best = [a, b, c].into_iter().max_by_key(|s| s.rank()).unwrap();
                    assert_eq!(end, best);
                }
            }
        }
    }

    #[test]
    fn delivered_and_failed_exclude_each_other() {
        assert_eq!(merge(State::Failed, State::Delivered), Transition::Conflict);
        assert_eq!(merge(State::Read, State::Failed), Transition::Conflict);
        assert_eq!(merge(State::Sent, State::Failed), Transition::Advance);
    }
}
