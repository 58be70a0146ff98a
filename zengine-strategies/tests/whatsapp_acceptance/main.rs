//! What a strategy for WhatsApp's Cloud API has to hold, letter by letter: through signed requests and sends of an
//! orchestrator, with only the provider pretended.

#![allow(clippy::unwrap_used, clippy::needless_pass_by_value, reason = "these are tests, helpers included")]

mod arriving;
mod failing;
mod host;
#[allow(dead_code, reason = "shared with other tests")]
#[path = "../whatsapp_inbound/support.rs"]
mod inbound;
mod leaving;
mod listening;
#[allow(dead_code, reason = "shared with other tests")]
#[path = "../whatsapp_outbound/support.rs"]
mod outbound;
mod warnings;
