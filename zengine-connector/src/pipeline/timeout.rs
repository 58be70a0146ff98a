//! The limit of one attempt: the only place that drops a provider's future.

use std::{future::Future, pin::pin, task::Poll, time::Duration};

use futures_util::future::{Either, poll_fn, select};

use crate::runtime::Clock;

/// The future's result, or `None` where the time is over first. The timer is armed only if the future has to wait.
pub(crate) async fn within<T>(clock: &dyn Clock, limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let at_once = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await;
    if let Poll::Ready(result) = at_once {
        return Some(result);
    }
    match select(future, clock.sleep(limit)).await {
        Either::Left((result, _)) => Some(result),
        Either::Right(_) => None,
    }
}
