//! A guard around the code of strategies that returns at once.

use crate::{
    error::{Error, ErrorKind},
    runtime::catch_in,
};

/// The result of a strategy's own code.
///
/// # Errors
/// `Unexpected` if it panics. The log names the stage.
pub(crate) fn guarded<T>(stage: &'static str, code: impl FnOnce() -> T) -> Result<T, Error> {
    catch_in(code).ok_or_else(|| {
        tracing::error!(stage, "strategy.panicked");
        Error::new(ErrorKind::Unexpected, "the strategy panicked").with_context("stage", stage)
    })
}
