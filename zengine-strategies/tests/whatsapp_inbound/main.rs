//! The inbound half of `whatsapp-meta-cloud`: signed webhooks become events.

mod support;
mod verify;
