//! `zengine_connector::json` on any bytes.

#![no_main]

#[path = "../../zengine-connector/tests/json/properties.rs"]
mod properties;

libfuzzer_sys::fuzz_target!(|body: &[u8]| properties::check(body));
