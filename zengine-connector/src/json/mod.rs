//! Untrusted JSON: bounds that are checked before anything is built.
//!
//! [`Limits`] bounds a body in one pass over its bytes; [`Unread`] is the reason why a body is not read.

mod carried;
mod limits;
pub(crate) mod reader;

pub(crate) use carried::can_carry;
pub use limits::{Limits, Unread, check_depth};
