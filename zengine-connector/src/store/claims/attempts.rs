//! The failed attempts of a send, as records and dead letters hold them.

use std::ops::Deref;

use minicbor::{Decoder, Encoder, decode};
use serde::{Deserialize, Serialize};

use super::{StepRecord, StoredError};
use crate::{
    error::{ErrorKind, Fault, Reach},
    store::cbor::{Cbor, Unread, each_of_array, record},
};

record! {
    /// One failed attempt.
    #[derive(Debug)]
    pub struct AttemptRecord {
        /// Number of the attempt, from 1.
        1 required pub n: u32,
        /// Start time, in milliseconds UTC.
        2 required pub started_at_ms: i64,
        /// Duration in milliseconds.
        3 required pub duration_ms: u64,
        /// Kind of the error.
        4 optional pub kind: Option<ErrorKind>,
        /// The party at fault.
        5 required pub fault: Fault,
        /// Reach of the attempt.
        6 required pub reach: Reach,
        /// The provider's code.
        7 optional pub code: Option<String>,
        /// The message of the error, one of our literals.
        #[serde(skip_serializing_if = "String::is_empty")]
        8 default pub message: String,
        /// The provider's `Retry-After`, in milliseconds.
        9 optional pub retry_after_ms: Option<u64>,
        /// The calls of an attempt that made several.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        10 default pub steps: Vec<StepRecord>,
    }
}

impl AttemptRecord {
    /// A failed attempt.
    pub fn new(n: u32, started_at_ms: i64, duration_ms: u64, error: &StoredError) -> Self {
        Self {
            n,
            started_at_ms,
            duration_ms,
            kind: Some(error.kind),
            fault: error.fault,
            reach: error.reach,
            code: error.code.clone(),
            message: error.message.clone(),
            retry_after_ms: None,
            steps: vec![],
            unread: Unread::default(),
        }
    }

    /// The error of the attempt. `None` if the attempt does not hold its kind.
    pub fn error(&self) -> Option<StoredError> {
        let mut error = StoredError::new(self.kind?, self.reach, self.message.clone());
        (error.fault, error.code, error.attempts) = (self.fault, self.code.clone(), self.n);
        Some(error)
    }
}

/// The failed attempts of a send: the first and the latest nine, however many were stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<AttemptRecord>", into = "Vec<AttemptRecord>")]
pub struct Attempts(Vec<AttemptRecord>);

impl Attempts {
    /// Maximum number of attempts that are kept.
    pub const MAX: usize = 10;

    /// No attempts.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds the latest attempt. Beyond [`MAX`](Self::MAX), the second oldest is dropped.
    pub fn push(&mut self, attempt: AttemptRecord) {
        if self.0.len() >= Self::MAX {
            self.0.remove(1);
        }
        self.0.push(attempt);
    }

    /// Returns `true` if there are none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Attempts> for Vec<AttemptRecord> {
    fn from(attempts: Attempts) -> Self {
        attempts.0
    }
}

/// The attempts, oldest first.
impl Deref for Attempts {
    type Target = [AttemptRecord];

    fn deref(&self) -> &[AttemptRecord] {
        &self.0
    }
}

impl Cbor for Attempts {
    fn write(&self, to: &mut Encoder<Vec<u8>>) {
        self.0.write(to);
    }

    fn read(from: &mut Decoder<'_>) -> Result<Self, decode::Error> {
        let mut attempts = Self::new();
        each_of_array(from, |attempt| attempts.push(attempt))?;
        Ok(attempts)
    }

    #[cfg(feature = "embedded")]
    fn has_unread(&self) -> bool {
        self.0.has_unread()
    }
}

impl From<Vec<AttemptRecord>> for Attempts {
    fn from(stored: Vec<AttemptRecord>) -> Self {
        let mut attempts = Self::new();
        for attempt in stored {
            attempts.push(attempt);
        }
        attempts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_and_the_latest_nine_attempts_are_kept() {
        let error = StoredError::new(ErrorKind::Timeout, Reach::Maybe, "late");
        let mut attempts = Attempts::new();
        for n in 1..=100 {
            attempts.push(AttemptRecord::new(n, 0, 0, &error));
        }
        let kept = |attempts: &Attempts| attempts.iter().map(|attempt| attempt.n).collect::<Vec<_>>();
        assert_eq!(kept(&attempts), [1, 92, 93, 94, 95, 96, 97, 98, 99, 100]);

        let stored: Vec<_> = (1..=100).map(|n| AttemptRecord::new(n, 0, 0, &error)).collect();
        let mut to = Encoder::new(Vec::new());
        stored.write(&mut to);
        assert_eq!(Attempts::read(&mut Decoder::new(&to.into_writer())).unwrap(), attempts, "of a stored record too");
        assert_eq!(serde_json::from_value::<Attempts>(serde_json::to_value(&stored).unwrap()).unwrap(), attempts);
    }
}
