//! What keeps a strategy's or host's fault from taking a request down: panics end where they happen.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

/// The future's output; `None` where it panicked. What it borrowed is not used again after that.
pub(crate) async fn catch_panic<T>(future: impl Future<Output = T>) -> Option<T> {
    AssertUnwindSafe(future).catch_unwind().await.ok()
}

/// The call's result; `None` where it panicked.
pub(super) fn catch_panic_in<T>(call: impl FnOnce() -> T) -> Option<T> {
    std::panic::catch_unwind(AssertUnwindSafe(call)).ok()
}
