//! The reason why JSON is not read.

/// The reason why JSON is not read. Exhaustive by design.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unread {
    /// Not exactly one JSON value (RFC 8259).
    NotJson,
    /// Nested deeper than allowed.
    TooDeep,
    /// Of more bytes or more items than allowed.
    TooLarge,
}

display!(Unread, |it| match it {
    Self::NotJson => "not JSON",
    Self::TooDeep => "the JSON is nested too deeply",
    Self::TooLarge => "the JSON is too large",
});

impl std::error::Error for Unread {}
