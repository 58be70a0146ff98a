//! Guards against panics of strategies and handlers.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

/// Awaits the future. `None` if it panics; the caller must not use what the future borrowed after that.
pub(crate) async fn catch_panic<T>(future: impl Future<Output = T>) -> Option<T> {
    AssertUnwindSafe(future).catch_unwind().await.ok()
}

/// Calls the function. `None` if it panics.
pub(super) fn catch_panic_in<T>(call: impl FnOnce() -> T) -> Option<T> {
    std::panic::catch_unwind(AssertUnwindSafe(call)).ok()
}
