//! The inbound half of `whatsapp-meta-cloud`: signed webhooks become events.

#![allow(clippy::unwrap_used, clippy::needless_pass_by_value, reason = "these are tests, helpers included")]

mod anything;
mod beside;
mod changes;
mod fixtures;
mod people;
mod received;
mod rules;
mod stored;
mod support;
mod verify;
