//! The condition under which a dead letter may be redriven without force (rules 70 and 71).

use super::{ClaimRecord, ClaimStatus, DeadLetter, LetterDirection, Life};
use crate::message::Idempotency;

/// The outcome in a letter whose message may have arrived.
const UNKNOWN: &str = "unknown";

/// The doubt about a failed send, by its record or by its letter alone.
pub(crate) struct Doubt {
    may_have_arrived: bool,
    /// The content surely was not sent.
    content_not_sent: bool,
    /// Earliest time at which a byte may have left, in milliseconds UTC.
    first_sent_at_ms: Option<i64>,
    /// The provider's protection of the attempts that may have arrived, as their owners stored it.
    idempotency: Option<Idempotency>,
}

impl Doubt {
    /// The doubt by the letter. Whether a redrive that began sent the message is not known without its record.
    pub(crate) fn of_letter(letter: &DeadLetter) -> Self {
        Self {
            may_have_arrived: letter.outcome == UNKNOWN || letter.was_begun(),
            // The letter is of the time of the failure: only the record knows of later statuses from the provider.
            content_not_sent: false,
            first_sent_at_ms: letter.first_sent_at_ms.or(letter.first_claimed_at_ms),
            idempotency: letter.idempotency,
        }
    }

    /// The doubt by the record about the send that failed in the life `failed`.
    pub(crate) fn of_record(record: &ClaimRecord, letter: &DeadLetter, failed: Life) -> Self {
        let is_failure = record.life() == failed && record.status == ClaimStatus::Unknown;
        // An earlier redrive was put off. Any other record is not claimed.
        let was_put_off = record.life() != failed && record.status == ClaimStatus::Released && record.maybe_sent;
        Self {
            may_have_arrived: is_failure || was_put_off,
            content_not_sent: is_failure && record.content_not_sent,
            first_sent_at_ms: record.first_sent_at_ms.or(letter.first_sent_at_ms).or(Some(failed.first_claimed_at_ms)),
            idempotency: record.idempotency,
        }
    }

    /// Returns `true` if another send may be a second delivery, from which the provider does not protect.
    pub(crate) fn needs_force(&self, now: Idempotency, end_ms: i64) -> bool {
        self.may_have_arrived && !self.content_not_sent && self.is_unprotected(now, end_ms)
    }

    /// Returns `true` if the send is made anew, under a new key, although it ended Unknown: its content surely was not sent, and the
    /// provider does not protect against a second opening (rule 71). A provider that does is given the old key.
    pub(crate) fn is_content_free(&self, now: Idempotency, end_ms: i64) -> bool {
        self.content_not_sent && self.is_unprotected(now, end_ms)
    }

    /// `now` is the provider's protection for an attempt that ends at `end_ms`.
    fn is_unprotected(&self, now: Idempotency, end_ms: i64) -> bool {
        let both = self.idempotency.map_or(now, |before| before.weaker(now));
        !both.protects(self.first_sent_at_ms, end_ms)
    }
}

impl DeadLetter {
    /// Maximum redrives of a message before it stays parked, also with force (rule 70).
    pub const MAX_REDRIVES: u32 = 3;

    /// Returns `true` if a redrive is refused unless it is forced, as far as the letter tells: the provider refused the message for good
    /// (rule 34), or it may have arrived and the provider does not protect against duplicates, or no longer (rule 71). The record of the
    /// send, while there is one, may know more. `false` for an event, and for a message that stays parked: force does not help it.
    /// `true` too for one whose content was not sent: its record frees it from force, as long as there is one.
    ///
    /// `now` is the provider's protection at present, such as that of the [`Descriptor`](crate::strategy::Descriptor); the weaker of it and the
    /// letter's counts. `end_ms` is the time at which the next attempt ends at the latest, in milliseconds UTC.
    pub fn needs_force(&self, now: Idempotency, end_ms: i64) -> bool {
        let may_be_sent = self.direction == LetterDirection::Outbound && self.generation < Self::MAX_REDRIVES;
        may_be_sent && (!self.redrivable || Doubt::of_letter(self).needs_force(now, end_ms))
    }

    /// Returns `true` if a redrive of this letter began and did not close it. It may have sent the message.
    pub(crate) const fn was_begun(&self) -> bool {
        self.redrive_count > self.generation
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{FailureId, StrategyName, TenantId};

    const DAY: u64 = 86_400_000;
    const NATIVE: Idempotency = Idempotency::Native { window_ms: DAY };

    fn letter(direction: LetterDirection, outcome: &str) -> DeadLetter {
        let (tenant, strategy) = (TenantId::new("acme").unwrap(), StrategyName::new("s").unwrap());
        let letter = DeadLetter::new(direction, (&tenant, &strategy, FailureId::new("f-1").unwrap()), outcome, 7);
        DeadLetter { redrivable: true, first_claimed_at_ms: Some(0), ..letter }
    }

    #[test]
    fn rule_71_a_letter_tells_whether_its_redrive_needs_force() {
        let unknown = || letter(LetterDirection::Outbound, UNKNOWN);
        let failed = || letter(LetterDirection::Outbound, "failed");
        for (letter, now, end_ms, needs_force) in [
            (unknown(), Idempotency::None, 1, true),
            (unknown(), Idempotency::Queryable { visible_after_ms: 1 }, 1, false),
            (unknown(), NATIVE, 1, false),
            (unknown(), NATIVE, DAY.cast_signed(), true),
            // The attempt was made with less than the provider promises now.
            (DeadLetter { idempotency: Some(Idempotency::None), ..unknown() }, NATIVE, 1, true),
            (DeadLetter { idempotency: Some(Idempotency::Native { window_ms: 5 }), ..unknown() }, NATIVE, 9, true),
            (DeadLetter { idempotency: Some(NATIVE), ..unknown() }, Idempotency::None, 1, true),
            // A later status may have told otherwise, and only the record knows of it.
            (DeadLetter { content_not_sent: true, ..unknown() }, Idempotency::None, 1, true),
            (DeadLetter { content_not_sent: true, ..unknown() }, NATIVE, 1, false),
            (failed(), Idempotency::None, 1, false),
            (DeadLetter { redrive_count: 1, ..failed() }, Idempotency::None, 1, true),
            (DeadLetter { redrivable: false, ..failed() }, NATIVE, 1, true),
            (DeadLetter { redrivable: false, generation: DeadLetter::MAX_REDRIVES, ..unknown() }, Idempotency::None, 1, false),
            (DeadLetter { redrivable: false, ..letter(LetterDirection::Inbound, "failed") }, NATIVE, 1, false),
        ] {
            assert_eq!(letter.needs_force(now, end_ms), needs_force, "{letter:?} {now:?} {end_ms}");
        }
    }
}
