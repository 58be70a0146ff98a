//! The common part of the WhatsApp providers: error codes and the JSON form of webhooks.

pub(crate) mod errors;
mod identity;
mod json;
mod problem;
mod text;
pub(crate) mod webhook;
