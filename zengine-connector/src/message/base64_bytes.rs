//! Bytes in a JSON form: base64 with padding.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

use crate::error::{Error, ErrorKind};

pub(crate) fn serialize<S: Serializer>(data: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(data))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
    let text = String::deserialize(deserializer)?;
    decoded(&text).ok_or_else(|| D::Error::custom(Error::new(ErrorKind::MessageInvalid, EXPECTED)))
}

/// The form that [`decoded`] reads.
pub(crate) const EXPECTED: &str = "must be base64 of the standard alphabet with padding, without a prefix, spaces or line breaks";

pub(crate) fn decoded(text: &str) -> Option<Bytes> {
    STANDARD.decode(text).ok().map(Bytes::from)
}
