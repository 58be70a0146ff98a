//! Pending effects of a terminal record.

use minicbor::{Decoder, Encoder, decode};
use serde::{Deserialize, Serialize};

use crate::store::cbor::Cbor;

/// The pending effects of a terminal record (rules 65 to 69).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Effects {
    /// The dead letter is not stored yet.
    pub dlq: bool,
    /// The event is not published yet.
    pub event: bool,
    /// The event that an Unknown was settled is not published yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub settled: bool,
    /// Effects of a newer release, one bit each.
    #[serde(skip)]
    pub(super) others: u32,
}

const DLQ: u32 = 1;
const EVENT: u32 = 2;
const SETTLED: u32 = 4;

impl Effects {
    /// No effects.
    pub const NONE: Self = Self { dlq: false, event: false, settled: false, others: 0 };
    /// A dead letter and an event.
    pub const BOTH: Self = Self { dlq: true, event: true, ..Self::NONE };
    /// A dead letter.
    pub const LETTER: Self = Self { dlq: true, ..Self::NONE };
    /// An event.
    pub const EVENT: Self = Self { event: true, ..Self::NONE };
    /// The event that an Unknown was settled.
    pub const SETTLED: Self = Self { settled: true, ..Self::NONE };

    /// Returns `true` if an effect is pending.
    pub const fn pending(self) -> bool {
        self.dlq || self.event || self.settled || self.others != 0
    }

    /// The effects without those that are done.
    #[must_use]
    pub const fn without(self, done: Self) -> Self {
        Self {
            dlq: self.dlq && !done.dlq,
            event: self.event && !done.event,
            settled: self.settled && !done.settled,
            others: self.others & !done.others,
        }
    }
}

/// One bit for each effect.
impl Cbor for Effects {
    fn write(&self, to: &mut Encoder<Vec<u8>>) {
        let bit = |pending, bit| if pending { bit } else { 0 };
        (self.others | bit(self.dlq, DLQ) | bit(self.event, EVENT) | bit(self.settled, SETTLED)).write(to);
    }

    fn read(from: &mut Decoder<'_>) -> Result<Self, decode::Error> {
        let bits = u32::read(from)?;
        let is_set = |bit| bits & bit != 0;
        Ok(Self { dlq: is_set(DLQ), event: is_set(EVENT), settled: is_set(SETTLED), others: bits & !(DLQ | EVENT | SETTLED) })
    }
}
