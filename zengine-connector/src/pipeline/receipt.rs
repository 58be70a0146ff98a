//! Receipts in records, and the outcome that a record stores.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{ended::Ended, engine::Engine};
use crate::{
    error::{ErrorKind, Reach},
    ids::{FailureId, ProviderMessageId},
    keyring,
    message::Receipt,
    store::{ClaimKey, ClaimRecord, ClaimStatus, StoredError, StoredReceipt},
};

/// Maximum size of a receipt in a record, in bytes of JSON. A larger one is trimmed.
const MAX_RECEIPT: usize = 8 * 1024;

impl Engine {
    /// The stored end of a terminal record. `None` if the record is not terminal.
    pub(super) fn ended(&self, key: &ClaimKey, record: &ClaimRecord) -> Option<Ended> {
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
            ClaimStatus::Delivered => Some(Ended::Delivered { receipt: self.open_receipt(key, record), attempts, recorded: true }),
            ClaimStatus::Failed => Some(Ended::Failed { error: error(), failure_id: failure_id(), attempts }),
            ClaimStatus::Unknown => Some(Ended::Unknown { error: error(), failure_id: failure_id(), attempts }),
            ClaimStatus::Claimed | ClaimStatus::Sending | ClaimStatus::Released => None,
        }
    }

    /// The receipt in its stored form: encrypted if the record leaves the process, and trimmed if it is too large.
    pub(super) fn seal_receipt(&self, key: &ClaimKey, receipt: &Receipt) -> Option<StoredReceipt> {
        if self.stores.claims_are_local() && receipt.is_plain() {
            return Some(StoredReceipt::open(receipt));
        }
        let mut json = serde_json::to_vec(receipt).ok()?;
        if json.len() > MAX_RECEIPT {
            let trimmed = receipt.clone().trimmed();
            if self.stores.claims_are_local() {
                return Some(StoredReceipt::open(&trimmed));
            }
            json = serde_json::to_vec(&trimmed).ok()?;
        }
        if self.stores.claims_are_local() {
            return Some(StoredReceipt::open(receipt));
        }
        let sealed = keyring::seal(&*self.keys, &*self.rng, &["receipt", key.as_str()], &json).ok()?;
        Some(StoredReceipt::sealed(STANDARD.encode(sealed)))
    }

    /// Reads the receipt of a record. An unreadable one gives an empty receipt, because the send was delivered all the same.
    fn open_receipt(&self, key: &ClaimKey, record: &ClaimRecord) -> Receipt {
        let open = || {
            let stored = record.result.as_ref()?;
            let Some(sealed) = stored.as_sealed() else { return stored.as_open() };
            let sealed = STANDARD.decode(sealed).ok()?;
            let json = keyring::open(&*self.keys, &["receipt", key.as_str()], &sealed).ok()?;
            serde_json::from_slice::<Receipt>(&json).ok()
        };
        open().unwrap_or_else(|| {
            let known = record.evidence.as_ref().and_then(|evidence| evidence.provider_id.as_deref());
            let receipt = known.and_then(|id| ProviderMessageId::new(id).ok()).map_or_else(Receipt::unnumbered, Receipt::accepted);
            receipt.trimmed()
        })
    }
}
