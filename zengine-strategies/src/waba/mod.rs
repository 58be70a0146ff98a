//! What the providers of WhatsApp have in common: error codes and the wire form of webhooks.

use zengine_connector::private::json;

pub(crate) mod errors;
mod identity;
mod problem;
mod text;
pub(crate) mod webhook;
