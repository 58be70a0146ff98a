//! The time and place of a decision.

/// When and where an operation is decided.
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    /// The wall clock, in milliseconds UTC.
    pub now_ms: i64,
    /// The current opening of the store, where one process owns it.
    pub boot: Option<&'a str>,
}
