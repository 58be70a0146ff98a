//! Templates: those of the settings, management over HTTP, review, and the check of template messages.

mod builder;
mod design;
mod manage;
mod registry;
mod send;
mod variables;

pub use self::builder::{Review, Template};
pub(super) use self::manage::{create, delete, edit, list, node};
pub(super) use self::registry::{Stored, Templates, changed};
pub(super) use self::send::template;
