//! Sending, asking, and what became of a send.

use std::time::Duration;

use super::Orchestrator;
use crate::{
    error::Error,
    ids::{ClientMessageId, FailureId, TenantId},
    message::{MessageRef, Receipt},
    pipeline::{self, Outcome, RedriveOptions, SendOptions},
};

impl Orchestrator {
    /// Settles one message: sends it at most once, however often and from wherever the same id is asked for.
    ///
    /// `message` is any `&M` the strategy takes, or JSON. An outcome other than
    /// [`Deferred`](Outcome::Deferred) is final: the queue message may go.
    ///
    /// # Errors
    /// Nothing was sent: the message, the id or the strategy is wrong. Or the send is settled but its dead letter is not
    /// stored. [`Error::disposition`] tells the two apart.
    pub async fn send<'m>(
        &self,
        tenant: &TenantId,
        strategy: &str,
        message: impl Into<MessageRef<'m>>,
        options: SendOptions,
    ) -> Result<Outcome, Error> {
        pipeline::send(&self.engine, tenant, strategy, message.into(), &options).await
    }

    /// Asks the provider something: for messages whose effect is [`Read`](crate::message::Effect::Read). No claim, no dead letter,
    /// no event; safe to repeat (rule 83).
    ///
    /// # Errors
    /// The last attempt's error.
    pub async fn query<'m>(&self, tenant: &TenantId, strategy: &str, message: impl Into<MessageRef<'m>>) -> Result<Receipt, Error> {
        pipeline::query(&self.engine, tenant, strategy, message.into()).await
    }

    /// What became of a send. Reads the record and sends nothing; `None` where it is not settled or not known.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub async fn outcome(&self, tenant: &TenantId, strategy: &str, id: &ClientMessageId) -> Result<Option<Outcome>, Error> {
        pipeline::outcome(&self.engine, tenant, strategy, id).await
    }

    /// Sends the message of a dead letter again (rules 70 to 72).
    ///
    /// # Errors
    /// Where there is no such letter, it was redriven too often, the breaker is not closed, or it may have arrived and
    /// `force` was not given.
    pub async fn redrive(&self, failure: &FailureId, options: RedriveOptions) -> Result<Outcome, Error> {
        pipeline::redrive(&self.engine, failure, &options).await
    }

    /// Starts no further attempt, takes no further event, and waits for what is under way, at most this long. What is put
    /// off is [`Deferred`](Outcome::Deferred); what arrives is answered with 503.
    /// Then observers write out what they hold back.
    pub async fn shutdown(&self, deadline: Duration) {
        const LOOK: Duration = Duration::from_millis(20);
        self.engine.close();
        let mut left = deadline;
        while self.engine.running() + self.inbound.batches.running() > 0 && !left.is_zero() {
            let wait = LOOK.min(left);
            self.engine.clock.sleep(wait).await;
            left -= wait;
        }
        self.engine.observers.flush();
    }
}
