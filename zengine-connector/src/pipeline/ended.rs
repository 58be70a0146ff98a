//! The end of a send inside the pipeline, in a form that can be shared and stored.

use std::time::Duration;

use super::outcome::{Deferred, DeferredReason, Delivered, Failed, Outcome, Unknown};
use crate::{
    error::{Error, ErrorKind},
    ids::FailureId,
    message::{LossReport, Receipt},
    store::StoredError,
};

/// The end of a send. Cheap to clone for every caller that waits for it.
#[derive(Clone, Debug)]
pub(crate) enum Ended {
    Delivered {
        receipt: Receipt,
        attempts: u32,
        recorded: bool,
    },
    Failed {
        error: StoredError,
        failure_id: FailureId,
        attempts: u32,
    },
    Unknown {
        error: StoredError,
        failure_id: FailureId,
        attempts: u32,
    },
    Deferred {
        reason: DeferredReason,
        retry_after: Duration,
        error: Option<StoredError>,
    },
    /// The send is settled, but its dead letter is not stored (rule 68).
    LetterLost {
        failure_id: FailureId,
    },
}

impl Ended {
    pub(crate) fn deferred(reason: DeferredReason, retry_after: Duration) -> Self {
        Self::Deferred { reason, retry_after, error: None }
    }

    /// Converts it into the caller's outcome. `real` is the last attempt's own error, if this call made that attempt.
    pub(crate) fn into_outcome(self, replayed: bool, real: Option<Error>, loss: Option<LossReport>) -> Result<Outcome, Error> {
        let restore = |stored: &StoredError, real: Option<Error>| match real {
            Some(error) => error.with_context("attempts", stored.attempts),
            None => stored.to_error(),
        };
        Ok(match self {
            Self::Delivered { receipt, attempts, recorded } => {
                Outcome::Delivered(Delivered { replayed, dedup_recorded: recorded, loss, attempts, ..Delivered::new(receipt) })
            }
            Self::Failed { error, failure_id, attempts } => {
                Outcome::Failed(Failed { error: restore(&error, real), failure_id, replayed, attempts })
            }
            Self::Unknown { error, failure_id, attempts } => {
                Outcome::Unknown(Unknown { error: restore(&error, real), failure_id, replayed, attempts })
            }
            Self::Deferred { reason, retry_after, error } => {
                let deferred = Deferred::new(reason, retry_after);
                Outcome::Deferred(match real.or_else(|| error.map(|stored| stored.to_error())) {
                    Some(error) => deferred.with_error(error),
                    None => deferred,
                })
            }
            Self::LetterLost { failure_id } => {
                tracing::error!(%failure_id, "dead_letter.lost");
                return Err(Error::new(ErrorKind::DeadLetterFailed, "the send is settled but its dead letter could not be stored")
                    .with_retry_after(Duration::from_secs(30)));
            }
        })
    }
}
