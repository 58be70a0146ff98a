//! The inbound half of `whatsapp-360dialog`: who may deliver, and the forms that are read.

#![allow(clippy::unwrap_used, clippy::needless_pass_by_value, reason = "these are tests, helpers included")]

mod authentication;
mod configuration;
mod forms;
mod support;
