//! The outcome as one JSON line: a public format, so members are only added.

use serde::Serialize;
use zengine_connector::store::{Attempts, DeadLetterPort};
use zengine_connector::{ClientMessageId, Outcome, TenantId};

#[derive(Serialize)]
pub(in crate::cli) struct Report<'a> {
    strategy: &'a str,
    tenant: &'a TenantId,
    client_message_id: &'a ClientMessageId,
    #[serde(flatten)]
    outcome: &'a Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    dead_letter: Option<Letter>,
}

/// The dead letter of a failed send; with a store it can be redriven.
#[derive(Serialize)]
struct Letter {
    redrivable: bool,
    attempts: Attempts,
}

impl<'a> Report<'a> {
    /// The report of an outcome, with data of its dead letter.
    pub(in crate::cli) async fn of(
        strategy: &'a str,
        tenant: &'a TenantId,
        client_message_id: &'a ClientMessageId,
        outcome: &'a Outcome,
        letters: &DeadLetterPort,
    ) -> Self {
        let id = match outcome {
            Outcome::Failed(end) => Some(&end.failure_id),
            Outcome::Unknown(end) => Some(&end.failure_id),
            Outcome::Delivered(_) | Outcome::Deferred(_) => None,
        };
        // If the store does not answer, the report omits the letter; the outcome stands.
        let letter = match (id, letters.store()) {
            (Some(id), Ok(store)) => store.get(id).await.ok().flatten(),
            _ => None,
        };
        let dead_letter = letter.map(|letter| Letter { redrivable: letter.redrivable, attempts: letter.attempts });
        Self { strategy, tenant, client_message_id, outcome, dead_letter }
    }
}
