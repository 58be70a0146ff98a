//! Untrusted JSON: bounds that are checked before anything is built.
//!
//! [`Limits`] bounds a body in one pass over its bytes; [`Unread`] is the reason why a body is not read.

mod embeddable;
mod limits;
pub(crate) mod reader;

pub(crate) use embeddable::is_embeddable;
pub use limits::{Limits, Unread, check_depth};
