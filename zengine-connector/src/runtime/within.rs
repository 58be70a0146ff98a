//! A limit on how long something may take.

use std::{pin::pin, time::Duration};

use futures_util::future::{Either, select};

use super::Clock;

/// What the work gives, or `None` where the time is over first.
pub(crate) async fn within<T>(clock: &dyn Clock, time: Duration, work: impl Future<Output = T> + Send) -> Option<T> {
    match select(pin!(work), clock.sleep(time)).await {
        Either::Left((value, _)) => Some(value),
        Either::Right(_) => None,
    }
}
