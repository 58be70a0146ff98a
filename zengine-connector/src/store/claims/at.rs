//! The time and the store of a decision.

/// The time of a decision, and the store's current opening.
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    /// The wall clock, in milliseconds UTC.
    pub now_ms: i64,
    /// Id of the store's current opening, if one process owns the store.
    pub boot: Option<&'a str>,
}
