//! What the providers of WhatsApp have in common: error codes and the wire form of webhooks.

pub(crate) mod errors;
mod identity;
mod json;
mod problem;
mod text;
pub(crate) mod webhook;
