//! The end of a send inside the pipeline, in a form that can be shared and stored.

use std::{sync::Arc, time::Duration};

use super::outcome::{Deferred, DeferredReason, Delivered, Failed, Outcome, Unknown};
use crate::{
    error::{Error, ErrorKind, ProviderDetails, SendError, Step},
    ids::FailureId,
    message::{LossReport, Receipt},
    store::{ClaimKey, Life, StoredError},
};

/// The `retry_after` of a send whose store does not answer.
pub(crate) const STORE_AGAIN: Duration = Duration::from_secs(5);

/// A stage refused the call. The time says when to try again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NotAdmitted(pub(crate) DeferredReason, pub(crate) Duration);

/// The reason of an end for which the retry budget had no tokens (rule 38).
pub(super) const NO_BUDGET: &str = "retry_budget";

/// The error with the reason why no further attempt was made (rule 39).
pub(super) fn because(error: Error, reason: Option<&'static str>) -> Error {
    match reason {
        Some(reason) => error.with_context("reason", reason),
        None => error,
    }
}

/// The end of a send. Cheap to clone for every caller that waits for it.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    pub(super) how: How,
    /// Attempts made, by all owners.
    pub(super) attempts: u32,
    /// The life of the send.
    pub(super) life: Life,
    /// Whether another call made the send, and this one sent nothing.
    pub(super) replayed: bool,
}

/// The kinds of ends.
#[derive(Clone, Debug)]
pub(crate) enum How {
    Delivered {
        receipt: Receipt,
        recorded: bool,
    },
    Failed(EndError),
    Unknown(EndError),
    Deferred {
        reason: DeferredReason,
        retry_after: Duration,
        error: Option<EndError>,
    },
    /// The send is settled, but its dead letter is not stored (rule 68).
    LetterLost,
}

/// The error that ended a send: as it is stored, and as the attempt returned it if this process made the attempt.
#[derive(Clone, Debug)]
pub(crate) struct EndError {
    pub(super) stored: StoredError,
    live: Option<Arc<Error>>,
    /// The calls of the attempt, if it made several. Their ids, if this process made it.
    pub(super) steps: Vec<Step>,
}

impl EndError {
    /// The error of an attempt.
    pub(super) fn of(error: SendError, attempts: u32) -> Self {
        let (stored, steps) = (StoredError::of(&error, attempts), error.steps().to_vec());
        Self { stored, live: Some(Arc::new(error.into_error().with_context("attempts", attempts))), steps }
    }

    /// The same, with the reason why no further attempt was made (rule 39).
    pub(super) fn stopped_by(self, reason: &'static str) -> Self {
        let live = self.live.map(|error| Arc::new(because(Arc::unwrap_or_clone(error), Some(reason))));
        Self { live, ..self }
    }

    /// An error of this process that no attempt made.
    pub(super) fn live(stored: StoredError, error: Error) -> Self {
        Self { stored, live: Some(Arc::new(error)), steps: vec![] }
    }

    /// The provider's own words, if this process made the attempt.
    pub(super) fn provider_details(&self) -> Option<&ProviderDetails> {
        self.live.as_ref()?.provider_details()
    }

    fn into_error(self) -> Error {
        self.live.map_or_else(|| self.stored.to_error(), Arc::unwrap_or_clone)
    }
}

impl From<StoredError> for EndError {
    fn from(stored: StoredError) -> Self {
        Self { stored, live: None, steps: vec![] }
    }
}

impl Ended {
    pub(super) fn new(how: How, attempts: u32, life: Life) -> Self {
        Self { how, attempts, life, replayed: false }
    }

    pub(super) fn deferred(reason: DeferredReason, retry_after: Duration) -> Self {
        Self::new(How::Deferred { reason, retry_after, error: None }, 0, Life::default())
    }

    /// A send whose store does not answer.
    pub(super) fn store_unavailable() -> Self {
        Self::deferred(DeferredReason::StoreUnavailable, STORE_AGAIN)
    }

    /// The same end, made by another call.
    pub(super) fn replayed(self) -> Self {
        Self { replayed: true, ..self }
    }

    /// Puts the attempt's own error in the place of the stored one.
    pub(super) fn with_live(mut self, own: Option<EndError>) -> Self {
        if let (How::Failed(error) | How::Unknown(error), Some(own)) = (&mut self.how, own)
            && error.stored.kind == own.stored.kind
        {
            (error.live, error.steps) = (own.live, own.steps);
        }
        self
    }

    /// The caller's outcome of the send with this key.
    pub(super) fn into_outcome(self, key: &ClaimKey, loss: Option<LossReport>) -> Result<Outcome, Error> {
        let Self { how, attempts, life, replayed } = self;
        let failure_id = || FailureId::of_send(key, life);
        Ok(match how {
            How::Delivered { receipt, recorded } => {
                Outcome::Delivered(Delivered { replayed, dedup_recorded: recorded, loss, attempts, ..Delivered::new(receipt) })
            }
            How::Failed(error) => {
                let (reach, steps) = (error.stored.reach, error.steps.clone());
                Outcome::Failed(Failed { reach, steps, replayed, attempts, ..Failed::new(error.into_error(), failure_id()) })
            }
            How::Unknown(error) => {
                let (reach, steps) = (error.stored.reach, error.steps.clone());
                Outcome::Unknown(Unknown { reach, steps, replayed, attempts, ..Unknown::new(error.into_error(), failure_id()) })
            }
            How::Deferred { reason, retry_after, error } => {
                Outcome::Deferred(Deferred { error: error.map(EndError::into_error), ..Deferred::new(reason, retry_after) })
            }
            How::LetterLost => {
                tracing::error!(failure_id = %failure_id(), "dead_letter.lost");
                return Err(Error::new(ErrorKind::DeadLetterFailed, "the send is settled but its dead letter could not be stored")
                    .with_retry_after(Duration::from_secs(30)));
            }
        })
    }
}
