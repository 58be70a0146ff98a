//! A send in a conversation, with one reopening.

use std::future::Future;

use super::{
    Conversations, Live, Turn,
    entries::Change,
    join::{Attempt, NO_TIME, not_sent},
    provider::ConversationProvider,
};
use crate::{
    error::{ErrorKind, Reach, SendError},
    message::{EndReason, Identity},
    strategy::SendContext,
};

/// The life that a reopening finds.
enum Reopened {
    Begun,
    /// Too little of the attempt is left.
    Late,
    /// Another send was faster.
    ByAnother,
}

impl Conversations {
    /// Sends in the customer's conversation: joins or opens it, calls `send` when it is this send's turn, and leaves. If the provider
    /// does not know the conversation any more ([`is_gone`](ConversationProvider::is_gone)), it is opened again and `send` called once
    /// more, once per attempt.
    ///
    /// # Errors
    /// Those of [`join`](Self::join) and of `send`.
    pub async fn send<C, R, F>(
        &self,
        cx: &SendContext,
        customer: &Identity,
        provider: &C,
        send: impl Fn(Live<C::Data>) -> F + Send + Sync,
    ) -> Result<R, SendError>
    where
        C: ConversationProvider,
        F: Future<Output = Result<R, SendError>> + Send,
        R: Send,
    {
        let mut turn = self.join(cx, customer, provider).await?;
        loop {
            match send(turn.live.clone()).await {
                Err(error) if !turn.reopened && error.reach() != Reach::Maybe && provider.is_gone(&error) => {
                    turn = self.reopen(cx, turn, provider).await?;
                }
                sent => {
                    self.leave(turn).await;
                    return sent;
                }
            }
        }
    }

    /// Opens the conversation again that the provider does not know any more: ends that life, and opens a new one or joins the one that
    /// another send opened meanwhile. A turn is reopened once; a second time gives the turn's place up.
    ///
    /// # Errors
    /// Those of [`join`](Self::join); `Busy` of reach `NotSent` the second time, and where too little of the attempt is left.
    pub async fn reopen<C: ConversationProvider>(
        &self,
        cx: &SendContext,
        turn: Turn<C::Data>,
        provider: &C,
    ) -> Result<Turn<C::Data>, SendError> {
        let Turn { live, reopened, opening, ticket } = turn;
        if reopened {
            self.return_ticket(&live.customer, ticket).await;
            return Err(SendError::local("the conversation was gone twice in one attempt").not_sent());
        }
        let mut attempt = Attempt { opening, ..self.attempt(cx, &live.customer) };
        let had_ticket = ticket.is_some();
        if let Some(ticket) = &ticket {
            attempt.me.clone_from(&ticket.owner);
        }
        let mut ticket = ticket.unwrap_or_else(|| self.drawn(&attempt));
        let begun = self.change(&live.customer, |record, now_ms| {
            let current = record.generation == live.generation && record.id.as_deref() == Some(&*live.id);
            if !current {
                return Change::Keep(Reopened::ByAnother);
            }
            record.end(EndReason::Lost);
            if !self.may_open(&attempt) {
                // The next send opens it.
                return Change::Write(Reopened::Late);
            }
            record.begin(&attempt.me, self.token(), now_ms, attempt.until_ms);
            Change::Write(Reopened::Begun)
        });
        let (record, begun) = begun.await.map_err(not_sent)?;
        let again = match begun {
            Reopened::Begun => self.open(&attempt, record, provider, ticket, false).await,
            Reopened::Late => {
                ticket.returned = !had_ticket;
                self.return_ticket(&live.customer, Some(ticket)).await;
                Err(SendError::of(ErrorKind::Busy, NO_TIME).not_sent())
            }
            Reopened::ByAnother => {
                // A new ticket, because the old one may be gone with the life.
                ticket.returned = !had_ticket;
                self.return_ticket(&live.customer, Some(ticket)).await;
                self.enter(&Attempt { me: self.token(), ..attempt }, provider).await
            }
        };
        again.map(|turn| Turn { reopened: true, ..turn })
    }
}
