//! Changes to a send's record.

use super::{engine::Engine, now::Now};
use crate::store::{Applied, ClaimKey, ClaimOp, ClaimRecord, StoreError, StoreErrorKind};

impl Engine {
    /// Changes the record of a send without waiting, if the store can.
    pub(super) fn apply_now(&self, now: &Now<'_>, key: &ClaimKey, operation: &ClaimOp) -> Option<Result<Applied<ClaimRecord>, StoreError>> {
        self.stores.apply_now(key, operation, now.ms())
    }

    /// Changes the record of a send.
    pub(super) async fn apply(&self, now: &Now<'_>, key: &ClaimKey, operation: &ClaimOp) -> Result<Applied<ClaimRecord>, StoreError> {
        if let Some(answer) = self.apply_now(now, key, operation) {
            return answer;
        }
        let answer = self.stores.apply(key, operation, now.ms()).await;
        now.refresh();
        answer
    }

    /// Changes the record of a send, and tries once more if the answer was lost. A change that was made is recognised by its
    /// owner token (rule 14).
    pub(super) async fn apply_with_retry(
        &self,
        now: &Now<'_>,
        key: &ClaimKey,
        operation: &ClaimOp,
    ) -> Result<Applied<ClaimRecord>, StoreError> {
        match self.apply(now, key, operation).await {
            Err(error) if error.kind == StoreErrorKind::Unavailable => self.apply(now, key, operation).await,
            answer => answer,
        }
    }
}
