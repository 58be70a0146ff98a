//! The standing of a message with one recipient, and the effect of a new status on it.

use serde::{Deserialize, Serialize};

use super::State;

/// The standing of a message with one recipient: its state, and what decides the weight of that state. A host keeps one for each message
/// and recipient, and asks [`merge`] about every [`Status`](super::Status::standing) that comes.
///
/// ```
/// use zengine_connector::message::{Standing, State, Transition, merge};
///
/// let mut known = Standing::of(State::Accepted);
/// let soft = Standing::of(State::Failed).with_permanent(false);
/// for new in [State::Delivered.into(), soft, State::Sent.into()] {
///     if merge(&known, &new) == Transition::Advance {
///         known = new;
///     }
/// }
/// assert_eq!(known.state, State::Delivered); // neither a soft bounce nor a late status takes a delivery back
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Standing {
    /// The state of the message.
    #[serde(deserialize_with = "State::stored")]
    pub state: State,
    /// Whether a failure is final: `false` if the message may still arrive, `None` if the provider does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permanent: Option<bool>,
    /// Whether the provider did not deliver because the recipient is on its suppression list. Whatever the state says, nothing arrived.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suppressed: bool,
}

/// The weights that [`merge`] compares, each the least of its group.
mod weight {
    /// Failures that are not final.
    pub(super) const SOFT: u8 = 7;
    pub(super) const DELIVERED: u8 = 10;
    /// Failures that may or may not be final.
    pub(super) const UNCERTAIN: u8 = 16;
    pub(super) const PERMANENT: u8 = 19;
    pub(super) const SUPPRESSED: u8 = 22;
    pub(super) const DELETED: u8 = 23;
    pub(super) const COMPLAINED: u8 = 24;
}

impl Standing {
    /// The standing of a state of which no more is known.
    pub const fn of(state: State) -> Self {
        Self { state, permanent: None, suppressed: false }
    }

    setters! { const:
        /// Says whether a failure is final.
        with_permanent(permanent: bool) => permanent = Some(permanent);
        /// Says that the provider did not deliver because of its suppression list.
        with_suppressed() => suppressed = true;
    }

    /// Whether the recipient has the message: proof of delivery.
    pub const fn is_arrival(&self) -> bool {
        matches!(self.weight(), weight::DELIVERED..weight::UNCERTAIN | weight::COMPLAINED)
    }

    /// Whether the message did not arrive, as far as is known. A failure that [is not final](Self::is_permanent_failure) may still turn
    /// out as a delivery.
    pub const fn is_failure(&self) -> bool {
        matches!(self.weight(), weight::SOFT..weight::DELIVERED | weight::UNCERTAIN..weight::DELETED)
    }

    /// Whether the message did not arrive and will not.
    pub const fn is_permanent_failure(&self) -> bool {
        matches!(self.weight(), weight::PERMANENT..weight::DELETED)
    }

    /// Whether the message did not arrive for now, and the provider says that this is not final.
    pub const fn is_soft_failure(&self) -> bool {
        matches!(self.weight(), weight::SOFT..weight::DELIVERED)
    }

    /// Whether it is a failure that may or may not be final, and the other an arrival. A complaint decides either way.
    const fn excludes(self, other: Self) -> bool {
        matches!((self.weight(), other.weight()), (weight::UNCERTAIN..weight::PERMANENT, weight::DELIVERED..weight::UNCERTAIN))
    }

    const fn weight(self) -> u8 {
        if self.suppressed {
            return weight::SUPPRESSED;
        }
        let failure = match self.permanent {
            Some(false) => weight::SOFT,
            None => weight::UNCERTAIN,
            Some(true) => weight::PERMANENT,
        };
        match self.state {
            // What it says is not known.
            State::Newer(_) => 0,
            State::Accepted => 1,
            State::Queued => 2,
            State::Held => 3,
            State::Deferred => 4,
            State::Sent => 5,
            State::Undetermined => 6,
            State::Failed => failure,
            State::Expired => failure + 1,
            State::Rejected => failure + 2,
            State::Delivered => weight::DELIVERED,
            State::Read => 11,
            State::Opened => 12,
            State::Played => 13,
            State::Clicked => 14,
            State::Unsubscribed => 15,
            State::Deleted => weight::DELETED,
            State::Complained => weight::COMPLAINED,
        }
    }
}

impl From<State> for Standing {
    fn from(state: State) -> Self {
        Self::of(state)
    }
}

/// The effect of a new standing on the known one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    /// The new one weighs more: store it.
    Advance,
    /// Already known.
    Duplicate,
    /// The new one weighs less: keep the old one.
    Stale,
    /// The two exclude each other: keep the old one and investigate.
    Conflict,
}

/// Compares the known standing with a new one, in whatever order a provider reports them.
///
/// The heavier one stays. From light to heavy: progress (accepted, queued, held, deferred, sent, undetermined), a failure that is not final, arrival
/// (delivered, read, opened, played, clicked, unsubscribed), a final failure, a suppressed message, a deleted one, a complaint. So a
/// delivery takes a soft bounce back, and a late final bounce takes the delivery back. A failure of which the provider does not tell
/// whether it is final excludes an arrival: [`Transition::Conflict`], whichever came first.
///
/// A state of a newer release, which this one does not know, weighs least.
///
/// An advance never leads back, and without a conflict the end does not depend on the order.
///
/// ```
/// use zengine_connector::message::{Standing, State, Transition, merge};
///
/// let of = Standing::of;
/// assert_eq!(merge(&of(State::Sent), &of(State::Delivered)), Transition::Advance);
/// assert_eq!(merge(&of(State::Read), &of(State::Delivered)), Transition::Stale); // a late status never takes a read mark back
/// assert_eq!(merge(&of(State::Delivered), &of(State::Failed)), Transition::Conflict);
/// assert_eq!(merge(&of(State::Delivered), &of(State::Failed).with_permanent(true)), Transition::Advance);
/// ```
pub const fn merge(old: &Standing, new: &Standing) -> Transition {
    if old.excludes(*new) || new.excludes(*old) {
        return Transition::Conflict;
    }
    match (old.weight(), new.weight()) {
        (old, new) if old == new => Transition::Duplicate,
        (old, new) if old < new => Transition::Advance,
        _ => Transition::Stale,
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;
    use crate::message::NewerWord;

    fn all() -> Vec<Standing> {
        let weights = [None, Some(false), Some(true)].map(|permanent| [false, true].map(|suppressed| (permanent, suppressed)));
        let with = |state| weights.as_flattened().iter().map(move |&(permanent, suppressed)| Standing { state, permanent, suppressed });
        State::ALL.iter().flat_map(|&state| with(state).collect::<Vec<_>>()).collect()
    }

    #[test]
    fn a_state_of_a_newer_release_says_nothing() {
        let newer = Standing::of(State::Newer(NewerWord::new("read_aloud").unwrap()));
        assert!(!newer.is_arrival() && !newer.is_failure() && !newer.is_soft_failure() && !newer.is_permanent_failure());
        for known in all() {
            assert_eq!((merge(&newer, &known), merge(&known, &newer)), (Transition::Advance, Transition::Stale), "{known:?}");
        }
    }

    fn fold(known: Standing, new: &[Standing]) -> Standing {
        new.iter().fold(known, |known, new| if merge(&known, new) == Transition::Advance { *new } else { known })
    }

    /// The relation in full: each line outweighs those above it, and what stands on one line is the same.
    #[test]
    fn the_order_of_standings_is_this_one() {
        let of = Standing::of;
        let failures =
            |permanent: Option<bool>| [State::Failed, State::Expired, State::Rejected].map(|state| Standing { permanent, ..of(state) });
        let progress = [State::Accepted, State::Queued, State::Held, State::Deferred, State::Sent, State::Undetermined].map(of);
        let arrivals = [State::Delivered, State::Read, State::Opened, State::Played, State::Clicked, State::Unsubscribed].map(of);
        let mut order = vec![];
        order.extend(progress);
        order.extend(failures(Some(false)));
        order.extend(arrivals);
        order.extend(failures(None));
        order.extend(failures(Some(true)));
        order.push(of(State::Complained).with_suppressed());
        order.push(of(State::Deleted));
        order.push(of(State::Complained));
        for (n, old) in order.iter().enumerate() {
            for (m, new) in order.iter().enumerate() {
                let excluded = |one: &Standing, other: &Standing| failures(None).contains(one) && arrivals.contains(other);
                let expected = match () {
                    () if excluded(old, new) || excluded(new, old) => Transition::Conflict,
                    () if n == m => Transition::Duplicate,
                    () if n < m => Transition::Advance,
                    () => Transition::Stale,
                };
                assert_eq!(merge(old, new), expected, "{old:?} {new:?}");
            }
        }
    }

    #[test]
    fn a_suppressed_message_did_not_arrive_whatever_its_state() {
        for standing in all().into_iter().filter(|standing| standing.suppressed) {
            assert!(!standing.is_arrival() && standing.is_permanent_failure(), "{standing:?}");
            assert_eq!(merge(&standing, &Standing::of(State::Delivered)), Transition::Stale, "{standing:?}");
        }
    }

    #[test]
    fn every_pair_is_decided_the_same_from_both_sides() {
        for old in all() {
            assert_eq!(merge(&old, &old), Transition::Duplicate);
            assert!(!(old.is_arrival() && old.is_failure()), "{old:?}");
            for new in all() {
                let back = match merge(&old, &new) {
                    Transition::Advance => Transition::Stale,
                    Transition::Stale => Transition::Advance,
                    same => same,
                };
                assert_eq!(merge(&new, &old), back, "{old:?} {new:?}");
            }
        }
    }

    #[test]
    fn the_stored_form_says_only_what_is_known() {
        let known = Standing::of(State::Failed).with_permanent(true).with_suppressed();
        let json = serde_json::json!({ "state": "failed", "permanent": true, "suppressed": true });
        assert_eq!(serde_json::to_value(known).unwrap(), json);
        assert_eq!(serde_json::to_value(Standing::of(State::Sent)).unwrap(), serde_json::json!({ "state": "sent" }));
        assert_eq!(serde_json::from_value::<Standing>(serde_json::json!({ "state": "failed", "newer": 1 })).unwrap(), State::Failed.into());
    }

    proptest! {
        #[test]
        fn no_new_standing_leads_back_to_an_earlier_one(first in select(all()), new in vec(select(all()), 0..12)) {
            let mut seen = vec![first];
            for new in new {
                if merge(seen.last().unwrap(), &new) == Transition::Advance {
                    prop_assert!(!seen.iter().any(|old| merge(old, &new) == Transition::Duplicate), "{seen:?} {new:?}");
                    seen.push(new);
                }
            }
        }

        #[test]
        fn the_end_does_not_depend_on_the_order(
            (new, shuffled) in vec(select(all()), 1..8).prop_flat_map(|new| (Just(new.clone()), Just(new).prop_shuffle())),
        ) {
            let conflicts = new.iter().any(|one| new.iter().any(|other| merge(one, other) == Transition::Conflict));
            let heaviest = *new.iter().max_by_key(|standing| standing.weight()).unwrap();
            // A conflict keeps what came first, unless something that ends the matter came too.
            if !conflicts || heaviest.weight() >= weight::PERMANENT {
                for order in [&new, &shuffled] {
                    prop_assert_eq!(fold(order[0], &order[1..]).weight(), heaviest.weight());
                }
            }
        }

        #[test]
        fn a_standing_that_comes_again_changes_nothing(new in vec(select(all()), 1..8)) {
            let once = fold(new[0], &new);
            prop_assert_eq!(fold(once, &new), once);
        }
    }
}
