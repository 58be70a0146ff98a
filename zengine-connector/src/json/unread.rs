//! The reason why JSON is not read.

/// The reason why JSON is not read. Exhaustive by design.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unread {
    /// Not exactly one JSON value (RFC 8259).
    NotJson,
    /// Nested deeper than allowed.
    TooDeep,
    /// Of more bytes, more items or longer names than allowed.
    TooLarge,
}

impl Unread {
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::NotJson => "not JSON",
            Self::TooDeep => "the JSON is nested too deeply",
            Self::TooLarge => "the JSON is too large",
        }
    }
}

display!(Unread, |it| it.reason());

impl std::error::Error for Unread {}
