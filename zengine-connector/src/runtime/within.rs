//! A time limit for a future.

use std::{future::poll_fn, pin::pin, task::Poll, time::Duration};

use super::Clock;

/// The result of the work, or `None` if the time elapses first. The timer is armed only if the work has to wait.
pub(crate) async fn within<T>(clock: &dyn Clock, time: Duration, work: impl Future<Output = T>) -> Option<T> {
    let (mut work, mut timer) = (pin!(work), None);
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => timer.get_or_insert_with(|| clock.sleep(time)).as_mut().poll(cx).map(|()| None),
    })
    .await
}
