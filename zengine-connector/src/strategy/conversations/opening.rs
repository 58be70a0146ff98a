//! The opening of a conversation by the send that owns it.

use std::sync::Arc;

use serde_json::value::to_raw_value;

use super::{
    Conversations, Live, Turn,
    ending::CLOSING,
    entries::Change,
    join::{Attempt, MARGIN, NO_TIME, live, not_sent},
    live::Drawn,
    provider::{ConversationProvider, OpenRequest, Opened, Resolution},
    record::{ConversationState, Record},
};
use crate::{
    error::{ErrorKind, Reach, SendError},
    message::EndReason,
    runtime::{from_ms, within},
    strategy::SessionErrorKind,
};

/// The write of an opening by a send that no longer owns it.
const LOST: &str = "another send took the opening over";

/// Maximum tries to write a conversation that is open.
const WRITES: u32 = 4;

/// The standing of an opened conversation against the record.
enum Standing {
    /// It stands, by this send.
    Ours,
    /// It stands, for the send that took over.
    Theirs,
    /// Another one stands, or its life is over.
    Late,
}

impl Conversations {
    /// Opens the life that this send began. With `doubt` an earlier call with the same key may have opened it already, which no failure
    /// of this call rules out (as rule 20 for sends).
    pub(super) async fn open<C: ConversationProvider>(
        &self,
        attempt: &Attempt<'_>,
        record: Record,
        provider: &C,
        ticket: Drawn,
        doubt: bool,
    ) -> Result<Turn<C::Data>, SendError> {
        let began = async {
            self.note_opening(&record).await?;
            self.put_reverse(&record.key, &record).await
        };
        let (error, maybe) = match began.await {
            Ok(()) => match provider.open(&opening(&record)).await {
                Ok(opened) => return self.establish(attempt, &record, opened, provider, ticket).await,
                Err(error) => {
                    let maybe = error.reach() == Reach::Maybe;
                    (error, maybe)
                }
            },
            // The provider was not called.
            Err(error) => (not_sent(error), false),
        };
        self.give_back(attempt, &record, doubt || maybe, maybe).await;
        self.return_ticket(attempt.customer, Some(ticket)).await;
        Err(error)
    }

    /// Finds out what became of an opening that its owner left, and goes on from there.
    pub(super) async fn resolve<C: ConversationProvider>(
        &self,
        attempt: &Attempt<'_>,
        record: Record,
        provider: &C,
        ticket: Drawn,
    ) -> Result<Turn<C::Data>, SendError> {
        let resolved = match self.note_opening(&record).await {
            Ok(()) => self.ask(attempt, &record, provider).await,
            Err(error) => Err(not_sent(error)),
        };
        // The question may have taken the attempt's time.
        let (no_time, may_open) = (|| SendError::of(ErrorKind::Busy, NO_TIME).not_sent(), self.may_open(attempt));
        let resolved = if may_open || !matches!(resolved, Ok(Resolution::Repeat)) { resolved } else { Err(no_time()) };
        match resolved {
            Ok(Resolution::Repeat) => return self.open(attempt, record, provider, ticket, true).await,
            Ok(Resolution::Found(opened)) => return self.establish(attempt, &record, opened, provider, ticket).await,
            Ok(Resolution::NotOpened) => {}
            Ok(Resolution::Abandon) => self.say_abandoned(&record),
            Err(error) => {
                self.give_back(attempt, &record, true, false).await;
                self.return_ticket(attempt.customer, Some(ticket)).await;
                // Whatever the look-up did, the message did not leave.
                let late = SendError::of(ErrorKind::Busy, "it is not known whether an earlier opening of the conversation happened");
                return Err(late.source(error).not_sent());
            }
        }
        if !may_open {
            // It is known what became of this one: the next send opens, and need not ask.
            self.give_back(attempt, &record, false, false).await;
            self.return_ticket(attempt.customer, Some(ticket)).await;
            return Err(no_time());
        }
        let (earlier, generation) = (&record, record.generation);
        let begun = self.change(attempt.customer, |record, now_ms| {
            if !record.is_opened_by(&attempt.me, generation) {
                return Change::Keep(false);
            }
            record.begin(&attempt.me, self.token(), now_ms, attempt.until_ms);
            Change::Write(true)
        });
        let error = match begun.await {
            Ok((record, true)) => {
                self.forget_opening(earlier).await;
                return self.open(attempt, record, provider, ticket, false).await;
            }
            Ok((_, false)) => SendError::of(ErrorKind::Busy, LOST).not_sent(),
            Err(error) => not_sent(error),
        };
        self.return_ticket(attempt.customer, Some(ticket)).await;
        Err(error)
    }

    /// Asks the provider about an opening in doubt, which this attempt owns.
    pub(super) async fn ask<C: ConversationProvider>(
        &self,
        attempt: &Attempt<'_>,
        record: &Record,
        provider: &C,
    ) -> Result<Resolution<C::Data>, SendError> {
        if record.reason.is_some() {
            // It was opened, and the provider has said that it is over.
            return Ok(Resolution::NotOpened);
        }
        // An owner that is cut off in its question counts as one that called.
        let time = self.remaining(attempt).saturating_sub(MARGIN).max(self.remaining(attempt) / 2);
        let resolved = within(&*self.sessions.ports().clock, time, provider.resolve(&opening(record))).await;
        resolved.unwrap_or_else(|| Err(SendError::of(ErrorKind::Timeout, "the look-up of the conversation has no answer").not_sent()))
    }

    /// Writes down a conversation that is open at the provider: the way to it first. The first answer for a life counts, also if its send
    /// no longer owns the opening.
    pub(super) async fn establish<C: ConversationProvider>(
        &self,
        attempt: &Attempt<'_>,
        record: &Record,
        opened: Opened<C::Data>,
        provider: &C,
        ticket: Drawn,
    ) -> Result<Turn<C::Data>, SendError> {
        let written = match to_raw_value(&opened.data) {
            Ok(data) => self.write_opened(attempt, record, &opened.id, &data).await,
            Err(_) => Err(SessionErrorKind::Corrupt.into()),
        };
        let error = match written {
            Ok((stored, Standing::Ours)) => {
                self.forget_opening(record).await;
                if stored.state == ConversationState::Open {
                    return Ok(Turn { live: live(&stored)?, reopened: false, opening: attempt.opening, ticket: Some(ticket) });
                }
                SendError::of(ErrorKind::Busy, "the conversation ended as it was opened").not_sent()
            }
            Ok((_, Standing::Theirs)) => SendError::of(ErrorKind::Busy, LOST).not_sent(),
            Ok((_, Standing::Late)) => {
                self.leave_behind(attempt, record, opened, provider).await;
                SendError::of(ErrorKind::Busy, LOST).not_sent()
            }
            // The opening lapses, and the next send resolves it.
            Err(error) => return Err(not_sent(error)),
        };
        self.return_ticket(attempt.customer, Some(ticket)).await;
        Err(error)
    }

    async fn write_opened(
        &self,
        attempt: &Attempt<'_>,
        record: &Record,
        id: &str,
        data: &serde_json::value::RawValue,
    ) -> Result<(Record, Standing), crate::strategy::SessionError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let written = async {
                self.put_reverse(id, record).await?;
                let change = self.change(attempt.customer, |stored, now_ms| {
                    let same = stored.is_life(record.generation, &record.key);
                    match (stored.state, stored.id.as_deref() == Some(id)) {
                        (ConversationState::Opening, _) if same => {
                            let owned = stored.owner.as_deref() == Some(&*attempt.me);
                            stored.opened(id.to_owned(), data.to_owned(), now_ms);
                            Change::Write(if owned { Standing::Ours } else { Standing::Theirs })
                        }
                        // An earlier owner's answer, or an earlier try of this one, was written.
                        (_, true) if same => Change::Keep(Standing::Ours),
                        (_, true) => Change::Keep(Standing::Theirs),
                        _ => Change::Keep(Standing::Late),
                    }
                });
                change.await
            };
            match written.await {
                Err(error) if tries < WRITES && error.kind != SessionErrorKind::Corrupt => {
                    let pause = std::time::Duration::from_millis(100) * tries;
                    self.sessions.ports().clock.sleep(pause.min(self.remaining(attempt))).await;
                }
                written => return written,
            }
        }
    }

    /// Hands a conversation whose answer came too late to its strategy, to end it.
    async fn leave_behind<C: ConversationProvider>(&self, attempt: &Attempt<'_>, record: &Record, opened: Opened<C::Data>, provider: &C) {
        // Before the call: this send's time may be over.
        self.say_abandoned(record);
        let Opened { id, data } = opened;
        let (customer, key) = (record.customer.clone(), record.key.clone());
        let live = Live { customer, generation: record.generation, id, key, data: Arc::new(data) };
        let _ = within(&*self.sessions.ports().clock, attempt.time.min(CLOSING), provider.close(&live, EndReason::Lost)).await;
    }

    /// Says that the provider may have a conversation that is not known here.
    pub(super) fn say_abandoned(&self, record: &Record) {
        let (tenant, strategy) = self.sessions.owner();
        tracing::warn!(tenant_id = tenant, strategy, generation = record.generation, "conversation.abandoned");
    }

    /// Writes down that an opening surely did not happen, or that it may have, and whether this send called. If that fails, it lapses,
    /// which is a doubt. Returns `false` if the store does not answer.
    pub(super) async fn give_back(&self, attempt: &Attempt<'_>, record: &Record, doubt: bool, called: bool) -> bool {
        let written = self.change(attempt.customer, |stored, now_ms| {
            if !stored.is_opened_by(&attempt.me, record.generation) {
                return Change::Keep(false);
            }
            if doubt {
                stored.in_doubt(&attempt.me, called, now_ms);
            } else {
                stored.failed();
            }
            Change::Write(true)
        });
        match written.await {
            Ok((_, true)) if !doubt => self.forget_opening(record).await,
            Ok((_, true)) => self.doubt_opening(record).await,
            // Another send took it over, and notes it.
            Ok((_, false)) => {}
            Err(_) => {
                let (tenant, strategy) = self.sessions.owner();
                tracing::debug!(tenant_id = tenant, strategy, "conversation.opening_lapses");
                return false;
            }
        }
        true
    }
}

fn opening(record: &Record) -> OpenRequest {
    let last_call = (record.called_until_ms > 0).then(|| from_ms(record.called_until_ms));
    OpenRequest { customer: record.customer.clone(), generation: record.generation, key: record.key.clone(), last_call }
}
