//! Guards against code that is not ours: strategies, stores, handlers. It may panic, and it may not return.

use std::{future::poll_fn, panic::AssertUnwindSafe, pin::pin, task::Poll, time::Duration};

use futures_util::FutureExt as _;

use super::Clock;
use crate::error::{Error, ErrorKind};

/// The reason for which guarded work has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missed {
    /// It panicked.
    Panicked,
    /// It did not end in time. It may have been done.
    TimedOut,
}

impl Missed {
    /// The error that says so: `Unexpected` after a panic, else `Timeout`.
    pub(crate) fn error(self, panicked: &'static str, timed_out: &'static str) -> Error {
        match self {
            Self::Panicked => Error::new(ErrorKind::Unexpected, panicked),
            Self::TimedOut => Error::new(ErrorKind::Timeout, timed_out),
        }
    }
}

/// The result of the work, or `None` if the time elapses first. The timer is armed only if the work has to wait.
pub(crate) async fn within<T>(clock: &dyn Clock, time: Duration, work: impl Future<Output = T>) -> Option<T> {
    let (mut work, mut timer) = (pin!(work), None);
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => timer.get_or_insert_with(|| clock.sleep(time)).as_mut().poll(cx).map(|()| None),
    })
    .await
}

/// The result of the work, which may panic and may take longer than `time`. You must not use what it borrowed mutably after
/// a panic.
pub(crate) async fn guard<T>(clock: &dyn Clock, time: Duration, work: impl Future<Output = T>) -> Result<T, Missed> {
    match within(clock, time, AssertUnwindSafe(work).catch_unwind()).await {
        Some(Ok(result)) => Ok(result),
        Some(Err(_panic)) => Err(Missed::Panicked),
        None => Err(Missed::TimedOut),
    }
}

/// The result of the work. `None` if it panics.
pub(crate) async fn catch<T>(work: impl Future<Output = T>) -> Option<T> {
    AssertUnwindSafe(work).catch_unwind().await.ok()
}

/// The result of the call. `None` if it panics.
pub(crate) fn catch_in<T>(call: impl FnOnce() -> T) -> Option<T> {
    std::panic::catch_unwind(AssertUnwindSafe(call)).ok()
}
