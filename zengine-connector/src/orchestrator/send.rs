//! Sends, queries, outcomes, redrives, sweeps and shutdown.

use std::time::Duration;

use super::Orchestrator;
use crate::{
    error::Error,
    ids::{ClientMessageId, FailureId, IntoId, StrategyName, TenantId},
    message::{MessageRef, Receipt},
    pipeline::{self, Outcome, RedriveOptions, SendHandle, SendOptions, Swept},
    store::DeadLetter,
};

impl Orchestrator {
    /// Sends one message. The same id is sent at most once, across retries, concurrent calls, processes and crashes.
    ///
    /// `tenant`, `strategy` and `id` are texts, or the [newtypes](crate::ids) of a host that has checked them before. `message` is any
    /// `&M` that the strategy accepts, or its JSON as `&RawValue` of `serde_json`; a `serde_json::Value` is turned into one by
    /// `serde_json::value::to_raw_value`. Every outcome other than [`Deferred`](Outcome::Deferred) is final, and you may remove the
    /// queue message.
    ///
    /// If you drop the future, for example at a time limit of your own, a task ends the send (rule 31): it is released to be sent
    /// later if nothing left, or if the provider recognises a second delivery; else it ends as [`Unknown`](Outcome::Unknown), with its
    /// dead letter. Send the same id again to learn which. A limit that ends in an outcome is [`SendOptions::within`]; a send that
    /// should not depend on its caller is [`send_detached`](Self::send_detached).
    ///
    /// # Errors
    /// If the message, the id, the tenant or the strategy is invalid; nothing was sent. Also `DeadLetterFailed` if the send is
    /// settled but its dead letter could not be stored. [`Error::disposition`] tells whether to keep the message.
    pub async fn send<'m>(
        &self,
        tenant: impl IntoId<TenantId>,
        strategy: impl IntoId<StrategyName>,
        id: impl IntoId<ClientMessageId>,
        message: impl Into<MessageRef<'m>>,
    ) -> Result<Outcome, Error> {
        self.send_with(tenant, strategy, id, message, SendOptions::new()).await
    }

    /// Sends one message as [`send`](Self::send) does, with options.
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    /// use zengine_connector::{Error, Orchestrator, OutboundMessage, Outcome, SendOptions};
    ///
    /// async fn consume(orchestrator: &Orchestrator, queued_at: SystemTime, message: &OutboundMessage) -> Result<Outcome, Error> {
    ///     let options = SendOptions::new().within(Duration::from_secs(20)).created_at(queued_at);
    ///     orchestrator.send_with("acme", "whatsapp-meta-cloud", "order-17", message, options).await
    /// }
    /// # let _ = consume;
    /// ```
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn send_with<'m>(
        &self,
        tenant: impl IntoId<TenantId>,
        strategy: impl IntoId<StrategyName>,
        id: impl IntoId<ClientMessageId>,
        message: impl Into<MessageRef<'m>>,
        options: SendOptions,
    ) -> Result<Outcome, Error> {
        let (tenant, id) = (tenant.into_id()?, id.into_id()?);
        pipeline::send(&self.engine, &tenant, strategy.as_ref(), &id, message.into(), &options).await
    }

    /// Sends one message in a task of its own, which goes on if the handle or the caller's future is dropped: for a request handler
    /// whose client may go away. Otherwise as [`send`](Self::send).
    ///
    /// The task is no queue: it is lost with the process, and [`shutdown`](Self::shutdown) starts no further attempt of it. A send that
    /// waits for its turn, its claim or its next attempt then ends as [`Deferred`](Outcome::Deferred), with its log line and without a
    /// dead letter or an event; a call that runs may end until the deadline. If you drop the handle, keep the message where it is sent
    /// again from, such as your queue, or log `send.completed` and look for `deferred`.
    ///
    /// ```
    /// use zengine_connector::{Error, Orchestrator, OutboundMessage, Outcome, SendOptions};
    ///
    /// async fn handle(orchestrator: &Orchestrator, message: &OutboundMessage) -> Result<Outcome, Error> {
    ///     orchestrator.send_detached("acme", "whatsapp-meta-cloud", "order-17", message, SendOptions::new())?.await
    /// }
    /// # let _ = handle;
    /// ```
    ///
    /// # Errors
    /// If the message, the id, the tenant or the strategy is invalid. `Busy` while 10,000 detached sends are in progress. `Cancelled` if the executor
    /// takes no task, which is also so where the call is made from a thread outside the runtime, or if it drops the task before its end. The handle
    /// resolves to the errors of [`send`](Self::send).
    #[allow(clippy::needless_pass_by_value, reason = "ids are given alike in all calls")]
    pub fn send_detached<'m>(
        &self,
        tenant: impl IntoId<TenantId>,
        strategy: impl IntoId<StrategyName>,
        id: impl IntoId<ClientMessageId>,
        message: impl Into<MessageRef<'m>>,
        options: SendOptions,
    ) -> Result<SendHandle, Error> {
        let (tenant, id) = (tenant.into_id()?, id.into_id()?);
        pipeline::send_detached(&self.engine, tenant, strategy.as_ref(), id, message.into(), options)
    }

    /// Queries the provider with a message whose effect is [`Read`](crate::message::Effect::Read). Makes no claim, dead letter or
    /// event, and is safe to repeat (rule 83).
    ///
    /// # Errors
    /// `Timeout` if less than `retry.min_attempt` is left for a first call. The last attempt's error; `MessageInvalid` or
    /// `Unsupported` for a message that cannot be queried, `Busy` while the breaker is open or too many calls run; an error of
    /// binding the tenant.
    pub async fn query<'m>(
        &self,
        tenant: impl IntoId<TenantId>,
        strategy: impl IntoId<StrategyName>,
        message: impl Into<MessageRef<'m>>,
    ) -> Result<Receipt, Error> {
        pipeline::query(&self.engine, &tenant.into_id()?, strategy.as_ref(), message.into()).await
    }

    /// The outcome of a send. Reads the record and sends nothing. `None` if the send is not settled or not known.
    ///
    /// A strategy that is no longer registered is answered from its records.
    ///
    /// # Errors
    /// `UnknownStrategy` if the strategy is not registered and the send has no record; if the store does not answer.
    pub async fn outcome(
        &self,
        tenant: impl IntoId<TenantId>,
        strategy: impl IntoId<StrategyName>,
        id: impl IntoId<ClientMessageId>,
    ) -> Result<Option<Outcome>, Error> {
        let (tenant, id) = (tenant.into_id()?, id.into_id()?);
        pipeline::outcome(&self.engine, &tenant, strategy.as_ref(), &id).await
    }

    /// Sends the message of a dead letter in the store again (rules 70 to 72). The letter is removed once the send is settled;
    /// if it fails again, the letter of the next generation takes its place.
    ///
    /// # Errors
    /// If the letter does not exist, it was redriven three times, the breaker is open, or the message may have arrived and
    /// `force` is not set. `Unsupported` if dead letters go to a sink, which cannot be read: use
    /// [`redrive_letter`](Self::redrive_letter).
    pub async fn redrive(&self, failure: impl IntoId<FailureId>, options: RedriveOptions) -> Result<Outcome, Error> {
        pipeline::redrive(&self.engine, &failure.into_id()?, &options).await
    }

    /// Sends the message of a dead letter that the caller holds again (rules 70 to 72), for the consumer of a queue of
    /// letters. No store of letters is read or changed; if the send fails again, the letter of the next generation is put into
    /// the port as for any send.
    ///
    /// Delete the queue's message on Delivered, Failed and Unknown. Keep it on Deferred and on an error: the letter in it is
    /// the only copy. An error with [`Disposition::Reject`](crate::error::Disposition::Reject) is for a person to decide.
    ///
    /// A queue may deliver a letter twice. Consumers that hold the same letter at once make one send. A letter that comes
    /// again after its redrive ended replays that end and sends nothing, as long as the send's record lives: for
    /// [`Dedup::keep`](crate::stage::Dedup::keep) after the end. A letter that comes still later is sent again: the record is
    /// gone, so it cannot be told from a first delivery. Choose `keep` longer than the queue takes to deliver a message again.
    ///
    /// ```
    /// use zengine_connector::{Error, Orchestrator, Outcome, pipeline::RedriveOptions, store::DeadLetter};
    ///
    /// /// Handles one message of a queue of dead letters. Returns `true` if the queue may delete it.
    /// async fn consume(orchestrator: &Orchestrator, body: &[u8]) -> Result<bool, Error> {
    ///     let letter = DeadLetter::from_cbor(body)?;
    ///     match orchestrator.redrive_letter(&letter, RedriveOptions::new()).await? {
    ///         Outcome::Delivered(_) | Outcome::Failed(_) | Outcome::Unknown(_) => Ok(true),
    ///         Outcome::Deferred(_) => Ok(false),
    ///     }
    /// }
    /// # let _ = consume;
    /// ```
    ///
    /// # Errors
    /// As [`redrive`](Self::redrive). `Corrupt` if the letter cannot be read.
    pub async fn redrive_letter(&self, letter: &DeadLetter, options: RedriveOptions) -> Result<Outcome, Error> {
        pipeline::redrive_letter(&self.engine, letter, &options).await
    }

    /// Sweeps one page of sends, at most `limit`, and after the last one the events that strategies raised, as
    /// [`sweep_raised`](Self::sweep_raised) does: ends those that are in doubt past their time, publishes pending events,
    /// reports what only a duplicate can complete, and gives up the dead letters for which no duplicate can come any more
    /// (rules 19, 29, 68 and 69). `after` is the [`next`](Swept::next) of the call before. Safe to run in several processes at
    /// once.
    ///
    /// A host with the embedded store sweeps by itself, every
    /// [`sweep_every`](super::OrchestratorBuilder::sweep_every). Any other host must call this on a schedule, such as once
    /// per hour.
    ///
    /// ```
    /// # use zengine_connector::{Error, Memory, Orchestrator, StrategyRegistry, pipeline::Swept};
    /// # async fn example(orchestrator: Orchestrator) -> Result<(), Error> {
    /// let mut swept = Swept::default();
    /// loop {
    ///     swept.add(orchestrator.sweep(swept.next.as_deref(), 100).await?);
    ///     if swept.next.is_none() {
    ///         break;
    ///     }
    /// }
    /// let attention = swept.overdue + swept.waiting_for_letter + swept.letters_given_up + swept.failed;
    /// println!("{} sends ended, {attention} need attention", swept.ended);
    /// # Ok(())
    /// # }
    /// # let _ = example;
    /// ```
    ///
    /// # Errors
    /// `Unsupported` if the claim store cannot find the records that are due, `Store` if it does not answer. A single send that
    /// cannot be completed is counted instead.
    pub async fn sweep(&self, after: Option<&str>, limit: usize) -> Result<Swept, Error> {
        self.sweep_with_raised(after, limit).await
    }

    /// Shuts down: starts no further attempt, accepts no further event, and waits up to `deadline` for calls in progress.
    /// Interrupted sends are [`Deferred`](Outcome::Deferred); new requests get a 503. Then flushes the observers.
    pub async fn shutdown(&self, deadline: Duration) {
        const LOOK: Duration = Duration::from_millis(20);
        self.engine.close();
        let mut left = deadline;
        while self.engine.running() > 0 && !left.is_zero() {
            let wait = LOOK.min(left);
            self.engine.clock.sleep(wait).await;
            left -= wait;
        }
        self.engine.observers.flush();
    }
}
