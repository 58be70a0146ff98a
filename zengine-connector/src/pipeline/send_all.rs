//! Sends of a stream, a limited number at a time.

use std::{panic::AssertUnwindSafe, pin::pin, sync::Arc, task::Poll, time::Duration};

use futures_core::Stream;
use futures_util::{
    FutureExt as _, StreamExt as _,
    future::{Either, poll_fn, select},
    stream::FuturesUnordered,
};

use super::{Deferred, Engine, Outcome, SendOptions, send::send};
use crate::{
    error::{Disposition, Error, ErrorKind},
    ids::{ClientMessageId, IntoId, StrategyName, TenantId},
    message::MessageRef,
    runtime::{catch, yield_now},
};

/// Maximum entries of [`SentAll::unsent`].
const MAX_UNSENT: usize = 10_000;

/// Number of sends that end before the task yields once to others.
const YIELD_EVERY: u64 = 64;

/// One send of [`Orchestrator::send_all`](crate::Orchestrator::send_all).
#[derive(Clone)]
#[non_exhaustive]
pub struct SendItem<M> {
    /// The tenant.
    pub tenant: TenantId,
    /// The registered name of the strategy.
    pub strategy: StrategyName,
    /// The caller's id of the message.
    pub id: ClientMessageId,
    /// The message: what the strategy accepts, or its JSON as `Box<RawValue>`.
    pub message: M,
    /// The options.
    pub options: SendOptions,
}

impl<M> SendItem<M> {
    /// A send with the default options.
    ///
    /// # Errors
    /// `MessageInvalid` if the tenant, the strategy or the id is invalid.
    pub fn new(
        tenant: impl IntoId<TenantId>,
        strategy: impl IntoId<StrategyName>,
        id: impl IntoId<ClientMessageId>,
        message: M,
    ) -> Result<Self, Error> {
        let (tenant, strategy, id) = (tenant.into_id()?, strategy.into_id()?, id.into_id()?);
        Ok(Self { tenant, strategy, id, message, options: SendOptions::new() })
    }

    /// Replaces the options.
    #[must_use = "returns the send with the options"]
    pub fn with_options(mut self, options: SendOptions) -> Self {
        self.options = options;
        self
    }
}

debug_fields!([M] SendItem<M> { tenant, strategy, id });

/// The report of [`Orchestrator::send_all`](crate::Orchestrator::send_all): the sends of one stream, counted by how they ended.
#[derive(Debug, Default)]
#[must_use = "it names the sends that are to be made again"]
#[non_exhaustive]
pub struct SentAll {
    /// Sends that ended as [`Delivered`](Outcome::Delivered).
    pub delivered: u64,
    /// Sends that ended as [`Failed`](Outcome::Failed). Their dead letters name them, as those of the unknown ones.
    pub failed: u64,
    /// Sends that ended as [`Unknown`](Outcome::Unknown).
    pub unknown: u64,
    /// Sends that ended as [`Deferred`](Outcome::Deferred).
    pub deferred: u64,
    /// Sends that ended in an error.
    pub errored: u64,
    /// Those of the first three that sent nothing, because an earlier send with their id ended that way.
    pub replayed: u64,
    /// The deferred and the errored sends, in the order in which they ended: at most 10,000.
    pub unsent: Vec<Unsent>,
    /// The reason for which the stream was not read further.
    pub stream: StreamEnd,
}

/// A send of [`SentAll`] that is not settled.
#[derive(Debug)]
#[non_exhaustive]
pub struct Unsent {
    /// The tenant.
    pub tenant: TenantId,
    /// The strategy.
    pub strategy: StrategyName,
    /// The caller's id of the message.
    pub id: ClientMessageId,
    /// The end of the send: postponed, or an error.
    pub end: Result<Deferred, Error>,
}

impl Unsent {
    /// Time from now until the send should be tried again. `None` if it is to be rejected: no later send would end otherwise.
    pub fn retry_after(&self) -> Option<Duration> {
        match &self.end {
            Ok(deferred) => Some(deferred.retry_after),
            Err(error) => match error.disposition() {
                Disposition::RetryAfter(time) => Some(time),
                Disposition::Reject => None,
            },
        }
    }
}

words! {
    /// The reason for which a stream of sends was not read further.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
    #[non_exhaustive]
    pub enum StreamEnd {
        /// The stream ended.
        #[default]
        Ended = "ended",
        /// [`SentAll::unsent`] has no room for more. What the stream still holds was not read.
        Full = "full",
        /// The orchestrator shuts down. What the stream still holds was not read.
        Closing = "closing",
        /// The stream panicked, and must not be used any more. The sends that it gave before ended as usual.
        Panicked = "panicked",
    }
}

impl SentAll {
    fn add(&mut self, (tenant, strategy, id): (TenantId, StrategyName, ClientMessageId), end: Result<Outcome, Error>) {
        let end = match end {
            Ok(outcome) => {
                self.replayed += u64::from(outcome.is_replayed());
                match outcome {
                    Outcome::Delivered(_) => return self.delivered += 1,
                    Outcome::Failed(_) => return self.failed += 1,
                    Outcome::Unknown(_) => return self.unknown += 1,
                    Outcome::Deferred(deferred) => Ok(deferred),
                }
            }
            Err(error) => Err(error),
        };
        *(if end.is_ok() { &mut self.deferred } else { &mut self.errored }) += 1;
        self.unsent.push(Unsent { tenant, strategy, id, end });
    }

    /// The number of sends that ended.
    pub fn total(&self) -> u64 {
        self.delivered + self.failed + self.unknown + self.deferred + self.errored
    }
}

/// Sends what the stream gives, `parallelism` at a time.
pub(crate) async fn send_all<M>(engine: &Arc<Engine>, stream: impl Stream<Item = SendItem<M>>, parallelism: usize) -> SentAll
where
    for<'m> &'m M: Into<MessageRef<'m>>,
{
    let (mut stream, mut running, mut report) = (pin!(stream), FuturesUnordered::new(), SentAll::default());
    let (mut reads, mut closed) = (true, engine.on_close());
    loop {
        if reads && report.unsent.len() >= MAX_UNSENT {
            (reads, report.stream) = (false, StreamEnd::Full);
        }
        let has_room = running.len() < parallelism.max(1) && report.unsent.len() + running.len() < MAX_UNSENT;
        let next = AssertUnwindSafe(poll_fn(|cx| match reads {
            true if closed.poll_unpin(cx).is_ready() => Poll::Ready(Err(StreamEnd::Closing)),
            true if has_room => stream.as_mut().poll_next(cx).map(|item| item.ok_or(StreamEnd::Ended)),
            _ => Poll::Pending,
        }));
        let ended = if running.is_empty() {
            if !reads {
                return report;
            }
            Either::Left(next.catch_unwind().await)
        } else {
            match select(next.catch_unwind(), running.next()).await {
                Either::Left((read, _)) => Either::Left(read),
                Either::Right((ended, _)) => Either::Right(ended),
            }
        };
        match ended {
            Either::Left(Ok(Ok(item))) => running.push(send_one(engine, item)),
            Either::Left(Ok(Err(end))) => (reads, report.stream) = (false, end),
            Either::Left(Err(_panic)) => (reads, report.stream) = (false, StreamEnd::Panicked),
            Either::Right(Some((item, end))) => {
                report.add(item, end);
                if report.total() % YIELD_EVERY == 0 {
                    yield_now().await;
                }
            }
            Either::Right(None) => {}
        }
    }
}

async fn send_one<M>(engine: &Arc<Engine>, item: SendItem<M>) -> ((TenantId, StrategyName, ClientMessageId), Result<Outcome, Error>)
where
    for<'m> &'m M: Into<MessageRef<'m>>,
{
    let SendItem { tenant, strategy, id, message, options } = item;
    // The message's own code may panic; other code that is not ours is guarded further inside.
    let end = catch(async { send(engine, &tenant, strategy.as_str(), &id, (&message).into(), &options).await }).await;
    let end = end.unwrap_or_else(|| Err(Error::new(ErrorKind::Unexpected, "the send panicked")));
    ((tenant, strategy, id), end)
}
