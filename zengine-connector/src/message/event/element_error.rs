//! An element of a payload that could not be read.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use super::envelope::{VERSION, raw_parts};

/// One element of a payload that could not be read. Other elements are not affected.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ElementError {
    /// JSON pointer to the element.
    pub path: String,
    /// The reason it could not be read.
    pub reason: &'static str,
    /// The exact slice of the payload.
    pub raw: Bytes,
}

impl ElementError {
    /// An element that could not be read.
    pub fn new(path: impl Into<String>, reason: &'static str, raw: Bytes) -> Self {
        Self { path: path.into(), reason, raw }
    }
}

debug_fields!(ElementError { path, reason, raw_bytes: |it| it.raw.len() });

impl Serialize for ElementError {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Form<'a> {
            v: u32,
            r#type: &'static str,
            path: &'a str,
            reason: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            raw: Option<Box<RawValue>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            raw_base64: Option<String>,
        }
        let (raw, raw_base64) = match raw_parts(&self.raw) {
            // Space around a value is part of what was received.
            (Some(value), _) if value.get().len() != self.raw.len() => (None, Some(STANDARD.encode(&self.raw))),
            parts => parts,
        };
        Form { v: VERSION, r#type: "element_error", path: &self.path, reason: self.reason, raw, raw_base64 }.serialize(serializer)
    }
}
