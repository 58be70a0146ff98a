//! Templates: those of an account, the limits of their components, and the check of template messages.

mod builder;
pub(in crate::sandbox) mod design;
pub(in crate::sandbox) mod manage;
mod registry;
mod send;
mod variables;

pub use self::builder::{Review, Template};
pub(in crate::sandbox) use self::registry::{TemplateUpdate, Templates};
pub(in crate::sandbox) use self::send::template;
