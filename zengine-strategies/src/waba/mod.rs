//! The common part of the WhatsApp providers: messages to bodies, limits, answers, error codes, and the JSON form of webhooks.

use zengine_connector::json;

pub(crate) mod answer;
pub(crate) mod capabilities;
pub(crate) mod context;
pub(crate) mod errors;
pub(crate) mod files;
pub(crate) mod gateway;
pub(crate) mod health;
mod identity;
pub(crate) mod mapper;
pub(crate) mod media;
pub(crate) mod node;
mod problem;
pub(crate) mod send;
pub(crate) mod settings;
pub mod templates;
mod text;
pub(crate) mod webhook;
pub(crate) mod wire;
