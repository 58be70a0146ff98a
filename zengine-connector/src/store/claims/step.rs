//! The stored form of a step.

use crate::{
    error::{Step, StepReach},
    store::cbor::{Unread, cbor_codes, record},
};

record! {
    /// One call of an attempt that made several, without its id, which may name a person (rule 32).
    #[derive(Debug)]
    pub struct StepRecord {
        /// The call, one of our literals.
        1 required pub what: String,
        /// How far it got.
        2 required pub reach: StepReach,
        /// Whether it carries content of the message.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        3 default pub content: bool,
    }
}

cbor_codes! {
    StepReach { 0 => NotSent, 1 => Maybe, 2 => Accepted, 3 => Refused, _ => Maybe, }
}

impl StepRecord {
    const MAX_WHAT: usize = 64;

    /// The stored form of a step.
    pub fn of(step: &Step) -> Self {
        let what = step.what.chars().take(Self::MAX_WHAT).collect();
        Self { what, reach: step.reach, content: step.content, unread: Unread::default() }
    }

    /// Restores the step, without its id.
    pub fn to_step(&self) -> Step {
        let mut step = Step::preparing("", self.reach);
        (step.what, step.content) = (self.what.clone().into(), self.content);
        step
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::cbor::Cbor;

    #[test]
    fn values_of_a_newer_release_are_written_back_as_long_as_they_stand() {
        let written = |record: &StepRecord| {
            let mut to = minicbor::Encoder::new(Vec::new());
            record.write(&mut to);
            to.into_writer()
        };
        // `{1: "open", 2: 9}`
        let newer = [0xa2, 1, 0x64, b'o', b'p', b'e', b'n', 2, 9];
        let mut record = StepRecord::read(&mut minicbor::Decoder::new(&newer)).unwrap();
        assert_eq!((record.reach, written(&record)), (StepReach::Maybe, newer.to_vec()));
        record.reach = StepReach::Refused;
        assert_eq!(written(&record).last(), Some(&3));
    }

    #[test]
    fn a_reach_of_a_newer_release_is_read_as_one_that_may_have_been_made() {
        let read = |code: u8| StepReach::read(&mut minicbor::Decoder::new(&[code])).unwrap();
        assert_eq!([0, 3, 4, 23].map(read), [StepReach::NotSent, StepReach::Refused, StepReach::Maybe, StepReach::Maybe]);
        assert!(StepReach::read(&mut minicbor::Decoder::new(b"\x61a")).is_err(), "a text is damage");
        assert!(crate::error::Reach::read(&mut minicbor::Decoder::new(&[9])).is_err(), "a type without a careful value");
    }
}
