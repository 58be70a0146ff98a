//! What keeps a strategy's or host's fault from taking a request down: panics end where they happen, and time is limited.

use std::{panic::AssertUnwindSafe, pin::pin, time::Duration};

use futures_util::{
    FutureExt,
    future::{Either, select},
};

use crate::runtime::Clock;

/// The future's output; `None` where it panicked. What it borrowed is not used again after that.
pub(crate) async fn caught<T>(future: impl Future<Output = T>) -> Option<T> {
    AssertUnwindSafe(future).catch_unwind().await.ok()
}

/// The call's result; `None` where it panicked.
pub(super) fn caught_call<T>(call: impl FnOnce() -> T) -> Option<T> {
    std::panic::catch_unwind(AssertUnwindSafe(call)).ok()
}

/// The future's output; `None` where it was not there in time.
pub(super) async fn within<T>(clock: &dyn Clock, time: Duration, future: impl Future<Output = T>) -> Option<T> {
    match select(pin!(future), clock.sleep(time)).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(((), _)) => None,
    }
}
