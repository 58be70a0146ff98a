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
    StepReach { 0 => NotSent, 1 => Maybe, 2 => Accepted, 3 => Refused, }
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
