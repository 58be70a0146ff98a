//! The opening of a conversation by the send that owns it.

use serde_json::value::to_raw_value;

use super::{
    Conversations, Turn,
    entries::Change,
    join::{Attempt, live, not_sent},
    live::Drawn,
    provider::{ConversationProvider, Opened, Opening, Resolution},
    record::Record,
};
use crate::{
    error::{ErrorKind, Reach, SendError},
    strategy::SessionErrorKind,
};

/// The write of an opening by a send that no longer owns it.
const LOST: &str = "another send took the opening over";

/// Maximum tries to write a conversation that is open.
const WRITES: u32 = 4;

impl Conversations {
    /// Opens the life that this send began. With `doubt` an earlier call with the same key may have opened it already, which no failure
    /// of this call rules out (as rule 20 for sends).
    pub(super) async fn open<C: ConversationProvider>(
        &self,
        attempt: &Attempt<'_>,
        record: Record,
        provider: &C,
        ticket: Option<Drawn>,
        doubt: bool,
    ) -> Result<Turn<C::Data>, SendError> {
        let opening = opening(&record);
        let began = async {
            self.note_opening(&record).await?;
            self.put_reverse(&record.key, &record).await
        };
        if let Err(error) = began.await {
            // The provider was not called.
            self.give_back(attempt, &record, doubt).await;
            self.return_ticket(attempt.customer, ticket).await;
            return Err(not_sent(error));
        }
        match provider.open(&opening).await {
            Ok(opened) => self.establish::<C>(attempt, &record, opened, ticket).await,
            Err(error) => {
                self.give_back(attempt, &record, doubt || error.reach() == Reach::Maybe).await;
                self.return_ticket(attempt.customer, ticket).await;
                Err(error)
            }
        }
    }

    /// Finds out what became of an opening that its owner left, and goes on from there.
    pub(super) async fn resolve<C: ConversationProvider>(
        &self,
        attempt: &Attempt<'_>,
        record: Record,
        provider: &C,
        ticket: Option<Drawn>,
    ) -> Result<Turn<C::Data>, SendError> {
        if let Err(error) = self.note_opening(&record).await {
            self.give_back(attempt, &record, true).await;
            self.return_ticket(attempt.customer, ticket).await;
            return Err(not_sent(error));
        }
        match provider.resolve(&opening(&record)).await {
            Ok(Resolution::Repeat) => return self.open(attempt, record, provider, ticket, true).await,
            Ok(Resolution::Found(opened)) => return self.establish::<C>(attempt, &record, opened, ticket).await,
            Ok(Resolution::NotOpened) => {}
            Ok(Resolution::Abandon) => {
                let (tenant, strategy) = (attempt.cx.tenant(), attempt.cx.strategy());
                tracing::warn!(tenant_id = %tenant, strategy = %strategy, generation = record.generation, "conversation.abandoned");
            }
            Err(error) => {
                self.give_back(attempt, &record, true).await;
                self.return_ticket(attempt.customer, ticket).await;
                // Whatever the look-up did, the message did not leave.
                let late = SendError::of(ErrorKind::Busy, "it is not known whether an earlier opening of the conversation happened");
                return Err(late.source(error).not_sent());
            }
        }
        let (earlier, generation) = (&record, record.generation);
        let begun = self.change(attempt.customer, |record, now_ms| {
            if !record.is_opened_by(&attempt.me, generation) {
                return Change::Keep(false);
            }
            record.begin(&attempt.me, self.token(), now_ms, attempt.until_ms);
            Change::Write(true)
        });
        match begun.await {
            Ok((record, true)) => {
                self.forget_opening(earlier).await;
                self.open(attempt, record, provider, ticket, false).await
            }
            Ok((_, false)) => Err(SendError::of(ErrorKind::Busy, LOST).not_sent()),
            Err(error) => Err(not_sent(error)),
        }
    }

    /// Writes down a conversation that is open at the provider: the way to it first.
    async fn establish<C: ConversationProvider>(
        &self,
        attempt: &Attempt<'_>,
        record: &Record,
        opened: Opened<C::Data>,
        ticket: Option<Drawn>,
    ) -> Result<Turn<C::Data>, SendError> {
        let data = to_raw_value(&opened.data).map_err(|_| not_sent(SessionErrorKind::Corrupt.into()))?;
        let mut tries = 0;
        let written = loop {
            tries += 1;
            let written = async {
                self.put_reverse(&opened.id, record).await?;
                let change = self.change(attempt.customer, |stored, now_ms| {
                    if !stored.is_opened_by(&attempt.me, record.generation) {
                        // An earlier try may have been written, and its answer lost.
                        return Change::Keep(stored.key == record.key && stored.id.as_ref() == Some(&opened.id));
                    }
                    stored.opened(opened.id.clone(), data.clone(), now_ms);
                    Change::Write(true)
                });
                change.await
            };
            match written.await {
                Err(error) if tries < WRITES && error.kind != SessionErrorKind::Corrupt => {
                    let pause = std::time::Duration::from_millis(100) * tries;
                    self.sessions.ports().clock.sleep(pause.min(attempt.cx.remaining())).await;
                }
                written => break written,
            }
        };
        match written {
            Ok((stored, true)) => {
                self.forget_opening(record).await;
                Ok(Turn { live: live(&stored)?, reopened: false, ticket })
            }
            // What is open at the provider is found by the send that took over, or was given up by it. So is the note of the opening.
            Ok((_, false)) => Err(SendError::of(ErrorKind::Busy, LOST).not_sent()),
            // The opening lapses, and the next send resolves it.
            Err(error) => Err(not_sent(error)),
        }
    }

    /// Writes down that an opening surely did not happen, or that it may have. If that fails, it lapses, which is a doubt.
    async fn give_back(&self, attempt: &Attempt<'_>, record: &Record, doubt: bool) {
        let written = self.change(attempt.customer, |stored, _| {
            if !stored.is_opened_by(&attempt.me, record.generation) {
                return Change::Keep(false);
            }
            if doubt {
                stored.in_doubt(&attempt.me);
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
                tracing::debug!(tenant_id = %attempt.cx.tenant(), strategy = %attempt.cx.strategy(), "conversation.opening_lapses");
            }
        }
    }
}

fn opening(record: &Record) -> Opening {
    Opening { customer: record.customer.clone(), generation: record.generation, key: record.key.clone() }
}
