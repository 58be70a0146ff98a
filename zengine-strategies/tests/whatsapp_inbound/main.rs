//! The inbound half of `whatsapp-meta-cloud`: signed webhooks become events.

mod fixtures;
mod support;
mod verify;
