//! Receipts in records, and the end that a record stores.

use super::{
    ended::{EndError, Ended, How},
    engine::Engine,
};
use crate::{
    error::{ErrorKind, Reach},
    keyring,
    message::Receipt,
    store::{ClaimKey, ClaimRecord, ClaimStatus, StepRecord, StoredError, StoredReceipt},
};

/// Maximum size of a receipt in a record, in bytes of JSON. A larger one is trimmed.
const MAX_RECEIPT: usize = 8 * 1024;

impl Engine {
    /// The stored end of a terminal record. `None` if the record is not terminal.
    pub(super) fn ended(&self, key: &ClaimKey, record: &ClaimRecord) -> Option<Ended> {
        let error = || {
            let unrecorded = || StoredError::new(ErrorKind::Unexpected, Reach::Maybe, "the reason is not recorded");
            let mut error = EndError::from(record.error.as_deref().cloned().unwrap_or_else(unrecorded));
            error.steps = record.last_steps().iter().map(StepRecord::to_step).collect();
            error
        };
        let how = match record.status {
            ClaimStatus::Delivered => How::Delivered { receipt: self.receipt(key, record), recorded: true },
            ClaimStatus::Failed => How::Failed(error()),
            ClaimStatus::Unknown => How::Unknown(error()),
            ClaimStatus::Claimed | ClaimStatus::Sending | ClaimStatus::Released => return None,
        };
        Some(Ended::new(how, record.attempts, record.life()))
    }

    /// The receipt in its stored form: encrypted, and trimmed if it is too large. `None` if it cannot be encrypted.
    pub(super) fn seal_receipt(&self, key: &ClaimKey, receipt: &Receipt) -> Option<StoredReceipt> {
        if *receipt == Receipt::unnumbered() {
            return Some(StoredReceipt::EMPTY);
        }
        let mut json = serde_json::to_vec(receipt).ok()?;
        for smaller in [Receipt::trimmed, Receipt::with_ids_only] {
            if json.len() > MAX_RECEIPT {
                json = serde_json::to_vec(&smaller(receipt.clone())).ok()?;
            }
        }
        keyring::seal(&*self.keys, &*self.rng, &StoredReceipt::place(key.as_str()), &json).ok().map(StoredReceipt::sealed)
    }

    /// Opens a stored receipt. `None` if it cannot be read.
    pub(super) fn open_receipt(&self, key: &ClaimKey, stored: &StoredReceipt) -> Option<Receipt> {
        let sealed = stored.as_sealed();
        if sealed.is_empty() {
            return Some(Receipt::unnumbered());
        }
        let json = keyring::open(&*self.keys, &StoredReceipt::place(key.as_str()), sealed).ok()?;
        serde_json::from_slice::<Receipt>(&json).ok()
    }

    /// The receipt of a record, or what evidence tells of it. An unreadable one gives an empty receipt, because the send was delivered
    /// all the same.
    fn receipt(&self, key: &ClaimKey, record: &ClaimRecord) -> Receipt {
        record.result.as_ref().and_then(|stored| self.open_receipt(key, stored)).unwrap_or_else(|| {
            let told = record.evidence.as_ref().and_then(|evidence| self.open_receipt(key, evidence.receipt.as_ref()?));
            told.unwrap_or_else(Receipt::unnumbered).trimmed()
        })
    }
}
