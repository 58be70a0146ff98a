//! Calls to stores, within their time: one that hangs is one that fails.

use std::time::Duration;

use super::now::Now;
use crate::{
    orchestrator::Core,
    runtime::{Clock, within},
    store::{Applied, ClaimKey, ClaimOp, ClaimRecord, StoreError, StoreErrorKind},
};

/// How long one call to a store may take.
const STORE_TIME: Duration = Duration::from_secs(5);

/// The store's answer, or an error where it gives none in time. Nobody knows then whether the call was done.
pub(super) async fn in_time<T>(clock: &dyn Clock, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    let silent = || Err(StoreError::new(StoreErrorKind::Unavailable, "the store did not answer in time"));
    within(clock, STORE_TIME, call).await.unwrap_or_else(silent)
}

impl Core {
    /// Changes the record of a send at once, where the store can.
    pub(super) fn change_now(
        &self,
        now: &Now<'_>,
        key: &ClaimKey,
        operation: &ClaimOp,
    ) -> Option<Result<Applied<ClaimRecord>, StoreError>> {
        self.claims.apply_now(key, operation, now.ms())
    }

    /// Changes the record of a send.
    pub(super) async fn change(&self, now: &Now<'_>, key: &ClaimKey, operation: &ClaimOp) -> Result<Applied<ClaimRecord>, StoreError> {
        if let Some(answer) = self.change_now(now, key, operation) {
            return answer;
        }
        let answer = in_time(&*self.clock, self.claims.apply(key, operation, now.ms())).await;
        now.refresh();
        answer
    }

    /// Changes it, and asks once more where the answer was lost: a change that was made is recognised by its token
    /// (rule 14).
    pub(super) async fn change_surely(
        &self,
        now: &Now<'_>,
        key: &ClaimKey,
        operation: &ClaimOp,
    ) -> Result<Applied<ClaimRecord>, StoreError> {
        match self.change(now, key, operation).await {
            Err(error) if error.kind == StoreErrorKind::Unavailable => self.change(now, key, operation).await,
            answer => answer,
        }
    }

    /// The record of a send, where it has one whose time is not over.
    pub(super) async fn record(&self, key: &ClaimKey) -> Result<Option<ClaimRecord>, StoreError> {
        let record = in_time(&*self.clock, self.claims.get(key)).await?;
        Ok(record.filter(|record| !record.is_expired(self.now_ms())))
    }
}
