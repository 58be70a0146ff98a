//! The parts that emulators of WhatsApp providers share: numbers, checks of messages and templates, Meta's error bodies, ids, and
//! the bodies of webhooks. A provider's folder has the rest: paths, credentials, accounts, files.

pub(in crate::sandbox) mod check;
pub(in crate::sandbox) mod content;
pub(in crate::sandbox) mod control;
pub(in crate::sandbox) mod errors;
pub(in crate::sandbox) mod files;
mod handle;
pub(in crate::sandbox) mod hmac;
pub(in crate::sandbox) mod ids;
mod inbound;
pub(in crate::sandbox) mod interactive;
pub(in crate::sandbox) mod messages;
mod number;
pub(in crate::sandbox) mod payload;
pub(in crate::sandbox) mod provider;
pub(in crate::sandbox) mod query;
mod rate_limits;
pub(in crate::sandbox) mod shared;
pub(in crate::sandbox) mod templates;
pub(in crate::sandbox) mod updates;

pub use inbound::Inbound;
pub use number::Number;
pub use templates::{Review, Template};
pub use updates::Update;
