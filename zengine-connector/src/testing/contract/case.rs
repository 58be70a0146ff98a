//! One case of the contract.

use std::pin::Pin;

use super::{Need, Skipped, kit::SharedKit};

/// The result of a case: passed, or the reason why it did not run. A broken promise panics.
pub(crate) type CaseResult = Result<(), Skipped>;

/// One case of the list.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) family: &'static str,
    pub(crate) needs: &'static [Need],
    pub(crate) run: for<'a> fn(&'a SharedKit) -> Pin<Box<dyn Future<Output = CaseResult> + 'a>>,
}
