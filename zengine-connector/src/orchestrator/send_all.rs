//! Sends of a stream.

use futures_core::Stream;

use super::Orchestrator;
use crate::{
    message::MessageRef,
    pipeline::{self, SendItem, SentAll},
};

impl Orchestrator {
    /// Sends what a stream gives, at most `parallelism` sends at a time (0 counts as 1), and reports at the end. Each is a
    /// [`send`](Self::send) of its own: one that fails stops no other.
    ///
    /// - **Back-pressure.** The stream is asked for the next send only when it can start, so a stream that reads pages of a table
    ///   reads no further ahead. A wait of the stream holds up no send that runs.
    /// - **Order.** None: sends start in the order of the stream and end in any. Where the order of two messages matters, send the second
    ///   one after the first one ended.
    /// - **Limits.** [`SentAll::unsent`] lists at most 10,000 sends. When it is full, the stream is left as it is
    ///   ([`StreamEnd::Full`](pipeline::StreamEnd::Full)): pass it by reference, as below, to go on with it later.
    /// - **Shutdown.** The stream is not read further, also one that waits
    ///   ([`StreamEnd::Closing`](pipeline::StreamEnd::Closing)). The sends that run end as usual.
    /// - **Dropping the future** drops the stream, and each send that runs is ended as a dropped [`send`](Self::send) is. Give the same
    ///   ids again to learn how: what is settled is replayed.
    /// - **A stream that panics** is not asked again. The sends that run end as usual, and the report says
    ///   [`Panicked`](pipeline::StreamEnd::Panicked).
    /// - **A tenant whose provider hangs** beside healthy ones holds up to `parallelism` places until its calls time out and its breaker
    ///   opens; then its sends are Deferred at once. Set the [`bulkhead`](super::OrchestratorBuilder::bulkhead) well below
    ///   `parallelism`, and one tenant never holds more places than that: its further sends are Deferred as `busy`, and the other
    ///   tenants go on.
    ///
    /// ```
    /// use std::{pin::pin, time::Duration};
    ///
    /// use futures_util::stream;
    /// use zengine_connector::{Error, Orchestrator, OutboundMessage, pipeline::{SendItem, StreamEnd}};
    ///
    /// /// Puts a send back to where it came from, due again after a time; `None` is for a person to look at.
    /// async fn put_back(id: &str, after: Option<Duration>) {}
    ///
    /// async fn campaign(orchestrator: &Orchestrator, due: Vec<SendItem<OutboundMessage>>) {
    ///     let mut due = pin!(stream::iter(due));
    ///     loop {
    ///         let report = orchestrator.send_all(due.as_mut(), 64).await;
    ///         println!("{} delivered, {} not", report.delivered, report.total() - report.delivered);
    ///         for unsent in &report.unsent {
    ///             put_back(unsent.id.as_str(), unsent.retry_after()).await;
    ///         }
    ///         if report.stream != StreamEnd::Full {
    ///             break;
    ///         }
    ///     }
    /// }
    /// # let _ = campaign;
    /// ```
    pub async fn send_all<M>(&self, stream: impl Stream<Item = SendItem<M>>, parallelism: usize) -> SentAll
    where
        for<'m> &'m M: Into<MessageRef<'m>>,
    {
        pipeline::send_all(&self.engine, stream, parallelism).await
    }
}
