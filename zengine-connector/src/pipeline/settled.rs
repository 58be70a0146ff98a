//! Settled sends: the effects that they owe, and their end.

use super::{
    effects,
    ended::{EndError, Ended, How},
    job::Identified,
};
use crate::{
    ids::{ClientMessageId, StrategyName, TenantId},
    store::ClaimRecord,
};

/// Completes a terminal record's letter and events, then returns its end.
pub(crate) async fn finish(send: &Identified<'_>, record: &ClaimRecord, own: Option<&EndError>) -> Ended {
    if effects::finish(send, record, own).await.is_err() {
        return Ended::new(How::LetterLost, record.attempts, record.life());
    }
    let ended = send.engine().ended(&send.key, record);
    ended.unwrap_or_else(Ended::store_unavailable)
}

/// Logs a delivery without a record: sending the id again may deliver the message twice (rule 26).
pub(crate) fn warn_not_recorded(tenant: &TenantId, strategy: &StrategyName, id: &ClientMessageId) {
    tracing::error!(tenant_id = %tenant, %strategy, client_message_id = %id, "dedup.delivered_not_recorded");
}
