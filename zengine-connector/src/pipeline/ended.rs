//! How a send ended, in a form that can be shared and stored; and its way to the caller's outcome.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::{
    error::{Error, ErrorKind, Reach},
    ids::{FailureId, ProviderMessageId},
    keyring,
    message::{LossReport, Receipt},
    orchestrator::{Core, Deferred, DeferredReason, Delivered, Failed, Outcome, Unknown},
    store::{ClaimKey, ClaimRecord, ClaimStatus, StoredError, StoredReceipt},
};

/// The largest receipt a record keeps, in bytes of JSON.
const MAX_RECEIPT: usize = 8 * 1024;

/// How a send ended. Cheap enough to hand to every caller that waits for it.
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
    /// Settled, but its dead letter is not stored (rule 68).
    LetterLost {
        failure_id: FailureId,
    },
}

impl Ended {
    pub(crate) fn deferred(reason: DeferredReason, retry_after: Duration) -> Self {
        Self::Deferred { reason, retry_after, error: None }
    }

    /// What a terminal record says. `None`: the record is not terminal.
    pub(crate) fn of(core: &Core, key: &ClaimKey, record: &ClaimRecord) -> Option<Self> {
        let error = || {
            record
                .error
                .as_deref()
                .cloned()
                .unwrap_or_else(|| StoredError::new(ErrorKind::Unexpected, Reach::Maybe, "the reason is not recorded"))
        };
        let failure_id = || FailureId::of_send(key, record.generation);
        let attempts = record.attempts;
        match record.status {
            ClaimStatus::Delivered => Some(Self::Delivered { receipt: receipt(core, key, record), attempts, recorded: true }),
            ClaimStatus::Failed => Some(Self::Failed { error: error(), failure_id: failure_id(), attempts }),
            ClaimStatus::Unknown => Some(Self::Unknown { error: error(), failure_id: failure_id(), attempts }),
            ClaimStatus::Claimed | ClaimStatus::Sending | ClaimStatus::Released => None,
        }
    }

    /// The caller's outcome. `real` is the last attempt's own error, where this very call made it.
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

/// The receipt as a record keeps it: encrypted where the record leaves the process, and cut where it is too large.
pub(crate) fn seal_receipt(core: &Core, key: &ClaimKey, receipt: &Receipt) -> Option<StoredReceipt> {
    if core.claims.is_local() && receipt.is_plain() {
        return Some(StoredReceipt::open(receipt));
    }
    let mut json = serde_json::to_vec(receipt).ok()?;
    if json.len() > MAX_RECEIPT {
        let trimmed = receipt.clone().trimmed();
        if core.claims.is_local() {
            return Some(StoredReceipt::open(&trimmed));
        }
        json = serde_json::to_vec(&trimmed).ok()?;
    }
    if core.claims.is_local() {
        return Some(StoredReceipt::open(receipt));
    }
    let sealed = keyring::seal(&*core.keys, &*core.rng, &["receipt", key.as_str()], &json).ok()?;
    Some(StoredReceipt::sealed(STANDARD.encode(sealed)))
}

/// The receipt that a record keeps. One that cannot be read is an empty one: the send was delivered all the same.
fn receipt(core: &Core, key: &ClaimKey, record: &ClaimRecord) -> Receipt {
    let open = || {
        let stored = record.result.as_ref()?;
        let Some(sealed) = stored.as_sealed() else { return stored.as_open() };
        let sealed = STANDARD.decode(sealed).ok()?;
        let json = keyring::open(&*core.keys, &["receipt", key.as_str()], &sealed).ok()?;
        serde_json::from_slice::<Receipt>(&json).ok()
    };
    open().unwrap_or_else(|| {
        let known = record.evidence.as_ref().and_then(|evidence| evidence.provider_id.as_deref());
        let receipt = known.and_then(|id| ProviderMessageId::new(id).ok()).map_or_else(Receipt::unnumbered, Receipt::accepted);
        receipt.trimmed()
    })
}
