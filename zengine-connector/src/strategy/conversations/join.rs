//! The way of a send into a conversation: it opens one, waits for one, or finds it open.

use std::{pin::pin, sync::Arc, time::Duration};

use futures_util::future::{Either, select};

use super::{
    Conversations, Live, SKEW, Turn,
    entries::{Change, conversation_key},
    live::Drawn,
    provider::ConversationProvider,
    record::{ConversationState, Record},
    step::Step,
};
use crate::{
    error::{ErrorKind, SendError},
    message::Identity,
    runtime::ms,
    strategy::{SendContext, SessionError, SessionErrorKind},
};

/// The first and the longest time between two looks at the store.
const POLL: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(1)];

/// Longest wait of a send that is deferred while its conversation ends.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// Time that is left for the send itself where waiting ends.
const MIN_SEND: Duration = Duration::from_secs(1);

/// Longest time of what is written beside a send: a store that hangs must not use up its attempt.
const BESIDE: Duration = Duration::from_secs(1);

/// Time that is left for the result of a send that was made.
pub(super) const MARGIN: Duration = Duration::from_millis(500);

/// Time that an opening needs: none is begun with less, unless its attempt had less than twice that from its beginning.
const MIN_OPEN: Duration = Duration::from_secs(2);

/// The time of a send or an end in progress.
pub(super) struct Attempt<'a> {
    pub(super) customer: &'a Identity,
    /// Its owner token.
    pub(super) me: String,
    /// Its time from the beginning, and its end by the monotonic clock.
    pub(super) time: Duration,
    pub(super) end: Duration,
    /// Its end for other processes, in milliseconds, with the difference of two clocks in it.
    pub(super) until_ms: i64,
    /// The time that it needs to open a conversation; with less left it opens none.
    pub(super) opening: Duration,
}

/// A send that begins no opening.
pub(super) const NO_TIME: &str = "too little time is left to open the conversation";

/// A session error that sent nothing.
pub(super) fn not_sent(error: SessionError) -> SendError {
    error.into_send_error().not_sent()
}

impl Conversations {
    /// Joins the customer's conversation, and opens one if there is none. Returns when it is this send's turn. Finding it open costs
    /// one read.
    ///
    /// While another send opens it, this one waits, at most until its attempt has a second left. At most 20 wait. The opener sends
    /// first, those that waited after it in their order; a newcomer joins behind them. [`leave`](Self::leave) after the send, or call
    /// [`send`](Self::send), which does.
    ///
    /// # Errors
    /// `Busy` of reach `NotSent`, which defers the send, if others hold the conversation too long, the opening that it waited for failed
    /// or the store lost a race; the error of [`open`](ConversationProvider::open), as it is. The message itself is not sent.
    pub async fn join<C: ConversationProvider>(
        &self,
        cx: &SendContext,
        customer: &Identity,
        provider: &C,
    ) -> Result<Turn<C::Data>, SendError> {
        self.enter(&self.attempt(cx, customer), provider).await
    }

    pub(super) fn attempt<'a>(&self, cx: &SendContext, customer: &'a Identity) -> Attempt<'a> {
        self.attempt_within(customer, cx.remaining())
    }

    pub(super) fn attempt_within<'a>(&self, customer: &'a Identity, time: Duration) -> Attempt<'a> {
        let time = time.min(Duration::from_secs(3600));
        let end = self.sessions.ports().clock.monotonic().saturating_add(time);
        let until_ms = self.now_ms().saturating_add(ms(time + SKEW));
        Attempt { customer, me: self.token(), time, end, until_ms, opening: MIN_OPEN.min(time / 2) }
    }

    /// Whether an attempt has the time to open a conversation.
    pub(super) fn may_open(&self, attempt: &Attempt<'_>) -> bool {
        self.remaining(attempt) >= attempt.opening
    }

    /// The time that is left of an attempt.
    pub(super) fn remaining(&self, attempt: &Attempt<'_>) -> Duration {
        self.left(attempt.end)
    }

    fn left(&self, end: Duration) -> Duration {
        end.saturating_sub(self.sessions.ports().clock.monotonic())
    }

    pub(super) async fn enter<C: ConversationProvider>(&self, attempt: &Attempt<'_>, provider: &C) -> Result<Turn<C::Data>, SendError> {
        // Before the first write: if this future is dropped in it, what it says of this send holds up no other.
        let mut ticket = self.drawn(attempt);
        let (mut drawn, mut waiter, mut pause) = (false, None, POLL[0]);
        let margin = MIN_SEND.min(self.remaining(attempt) / 2);
        loop {
            let changed = waiter.as_ref().map(crate::strategy::wakeups::Waiter::listen);
            ticket.returned = false;
            let (record, step) = self.step(attempt, drawn).await.map_err(not_sent)?;
            drawn = drawn || record.queue.iter().any(|ticket| ticket.owner == attempt.me);
            ticket.returned = !drawn;
            match step {
                Step::Go => {
                    let live = live(&record)?;
                    let clock = &self.sessions.ports().clock;
                    let time = BESIDE.min(self.remaining(attempt) / 10);
                    select(pin!(self.touch(&record)), pin!(clock.sleep(time))).await;
                    return Ok(Turn { live, reopened: false, opening: attempt.opening, ticket: drawn.then_some(ticket) });
                }
                Step::Begin => return self.open(attempt, record, provider, ticket, false).await,
                Step::Resolve => return self.resolve(attempt, record, provider, ticket).await,
                Step::Close => {
                    if let Err(error) = self.close_again(attempt, &record, provider).await {
                        self.return_ticket(attempt.customer, Some(ticket)).await;
                        return Err(error);
                    }
                    continue;
                }
                Step::Busy(why) => {
                    return Err(self.give_up(attempt, ticket, why, self.ends_in(&record)).await);
                }
                Step::Draw | Step::Wait => {}
            }
            let Some(changed) = changed else {
                waiter = ticket.wakeups.enter(ticket.key.clone(), usize::MAX);
                continue;
            };
            let left = self.remaining(attempt).saturating_sub(margin);
            if left.is_zero() {
                return Err(self.give_up(attempt, ticket, "the conversation is not open yet", None).await);
            }
            let clock = &self.sessions.ports().clock;
            select(changed, pin!(clock.sleep(pause.min(left)))).await;
            pause = (pause * 3 / 2).min(POLL[1]);
        }
    }

    /// The time after which to look again at a conversation that the provider ends. Its own time is a bound: it may end sooner. The call of
    /// another process takes as long as it takes.
    fn ends_in(&self, record: &Record) -> Option<Duration> {
        let is_known = record.state == ConversationState::Ending && record.owner.is_none();
        let left_ms = u64::try_from(record.lease_until_ms.saturating_sub(self.now_ms())).ok().filter(|left| *left > 0);
        left_ms.filter(|_| is_known).map(|left| Duration::from_millis(left).min(LOOK_AGAIN))
    }

    /// The ticket of a send, in this process.
    pub(super) fn drawn(&self, attempt: &Attempt<'_>) -> Drawn {
        let (wakeups, key) = (self.sessions.ports().wakeups.clone(), self.wake_key(&conversation_key(attempt.customer)));
        Drawn { wakeups, key, owner: attempt.me.clone(), end: attempt.end, returned: false }
    }

    /// Reads the record and makes the step that it asks for, if that is a write: a ticket, an opening, an opening taken over.
    async fn step(&self, attempt: &Attempt<'_>, drawn: bool) -> Result<(Record, Step), SessionError> {
        let idle_ms = ms(self.idle);
        self.change(attempt.customer, |record, now_ms| {
            let step = record.step(&attempt.me, drawn, now_ms, idle_ms);
            match step {
                Step::Draw => record.draw(&attempt.me, attempt.until_ms),
                Step::Begin | Step::Resolve | Step::Close if !self.may_open(attempt) => return Change::Keep(Step::Busy(NO_TIME)),
                Step::Begin => record.begin(&attempt.me, self.token(), now_ms, attempt.until_ms),
                Step::Resolve | Step::Close => record.own(&attempt.me, now_ms, attempt.until_ms),
                Step::Go | Step::Wait | Step::Busy(_) => return Change::Keep(step),
            }
            Change::Write(step)
        })
        .await
    }

    /// Ends the wait of a send.
    async fn give_up(&self, attempt: &Attempt<'_>, ticket: Drawn, why: &'static str, wait: Option<Duration>) -> SendError {
        self.return_ticket(attempt.customer, Some(ticket)).await;
        let busy = SendError::of(ErrorKind::Busy, why);
        match wait {
            Some(wait) => busy.retry_after(wait).not_sent(),
            None => busy.not_sent(),
        }
    }

    /// Ends this send's turn: the next one that waits goes on. Call it whether the send succeeded or not. If the store does not answer
    /// within a second, or half a second before the end of the attempt, the turn ends with the attempt.
    pub async fn leave<T>(&self, turn: Turn<T>) {
        self.return_ticket(&turn.live.customer, turn.ticket).await;
    }

    pub(super) async fn return_ticket(&self, customer: &Identity, ticket: Option<Drawn>) {
        let Some(mut ticket) = ticket.filter(|ticket| !ticket.returned) else { return };
        let left = self.change(customer, |record, _| {
            let before = record.queue.len();
            record.leave(&ticket.owner);
            if record.queue.len() == before { Change::Keep(()) } else { Change::Write(()) }
        });
        let remaining = self.left(ticket.end);
        let time = remaining.saturating_sub(MARGIN).max(remaining / 2).min(BESIDE);
        let clock = &self.sessions.ports().clock;
        ticket.returned = matches!(select(pin!(left), pin!(clock.sleep(time))).await, Either::Left((Ok(_), _)));
    }

    /// Writes down that a conversation is used, now and then. Best effort: the next use does it again.
    pub(super) async fn touch(&self, record: &Record) {
        if self.now_ms().saturating_sub(record.active_at_ms) < ms(self.touch_after()) {
            return;
        }
        let ids = record.id.iter().chain([&record.key]);
        for id in ids {
            if self.put_reverse(id, record).await.is_err() {
                return;
            }
        }
        let _ = self
            .change(&record.customer, |stored, now_ms| {
                let same = stored.is_life(record.generation, &record.key) && stored.id == record.id;
                stored.active_at_ms = now_ms;
                if same { Change::Write(()) } else { Change::Keep(()) }
            })
            .await;
    }
}

/// The conversation of a record that is open.
pub(super) fn live<T: serde::de::DeserializeOwned>(record: &Record) -> Result<Live<T>, SendError> {
    read_live(record).map_err(not_sent)
}

/// The conversation of a record that is open. `Corrupt` if the strategy's data cannot be read.
pub(super) fn read_live<T: serde::de::DeserializeOwned>(record: &Record) -> Result<Live<T>, SessionError> {
    let data = record.data.as_ref().and_then(|data| serde_json::from_str(data.get()).ok());
    let (Some(id), Some(data)) = (record.id.clone(), data) else { return Err(SessionErrorKind::Corrupt.into()) };
    let (customer, key) = (record.customer.clone(), record.key.clone());
    Ok(Live { customer, generation: record.generation, id, key, data: Arc::new(data) })
}
