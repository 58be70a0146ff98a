//! Sends that go on without their caller.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_channel::oneshot;
use serde_json::value::RawValue;
use tracing::{Instrument as _, Span};

use super::{Engine, Outcome, Running, SendOptions, send::send};
use crate::{
    error::{Error, ErrorKind},
    ids::{ClientMessageId, TenantId},
    message::MessageRef,
};

/// Maximum detached sends in progress per process: each holds its message.
const MAX_DETACHED: usize = 10_000;

/// A send that runs in a task of its own. Await it for the outcome, or drop it: the send goes on.
///
/// A dropped handle reports to no caller how the send ends, also if it sends nothing: a shutdown defers it, and only its log line
/// says so. Keep the message until the outcome is known.
///
/// See [`Orchestrator::send_detached`](crate::Orchestrator::send_detached).
#[derive(Debug)]
#[must_use = "the outcome decides whether the queue message may be removed"]
pub struct SendHandle(oneshot::Receiver<Result<Outcome, Error>>);

impl Future for SendHandle {
    type Output = Result<Outcome, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|end| end.unwrap_or_else(|oneshot::Canceled| Err(not_run())))
    }
}

/// Starts a send in a task of its own, with a copy of the message.
pub(crate) fn send_detached(
    engine: &Arc<Engine>,
    tenant: TenantId,
    strategy: &str,
    id: ClientMessageId,
    message: MessageRef<'_>,
    options: SendOptions,
) -> Result<SendHandle, Error> {
    let outbound = engine.registry.entry(strategy)?.sends()?;
    let json = outbound.to_json(&outbound.prepare(message)?)?;
    let json: Box<RawValue> = serde_json::from_slice(&json)
        .map_err(|error| Error::from_json(ErrorKind::MessageInvalid, "the message has no JSON form", &error))?;
    let count = Arc::clone(&engine.detached);
    if Arc::strong_count(&count) > MAX_DETACHED + 1 {
        return Err(Error::new(ErrorKind::Busy, "too many detached sends are in progress")
            .with_context("limit", MAX_DETACHED)
            .with_retry_after(Duration::from_secs(1)));
    }
    let (strategy, running) = (strategy.to_owned(), Running::of(Arc::clone(engine)));
    let (ended, end) = oneshot::channel();
    let task = async move {
        let (_count, running) = (count, running);
        // Fails only if the handle was dropped.
        let _ = ended.send(send(running.engine(), &tenant, &strategy, &id, MessageRef::stored(&json), &options).await);
    };
    // The caller's span is the parent of the send's, as if it ran in the caller's future.
    let taken = engine.spawner.spawn(Box::pin(task.instrument(Span::current())));
    if taken {
        Ok(SendHandle(end))
    } else {
        Err(Error::new(ErrorKind::Cancelled, "no task of the send was started, because its spawner takes none here"))
    }
}

fn not_run() -> Error {
    Error::new(ErrorKind::Cancelled, "the task of the send did not run to its end: its runtime went away, or it panicked")
}
