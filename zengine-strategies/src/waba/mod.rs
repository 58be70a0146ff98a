//! The common part of the WhatsApp providers: error codes and the JSON form of webhooks.

use zengine_connector::private::json;

pub(crate) mod errors;
mod identity;
mod problem;
mod text;
pub(crate) mod webhook;
