//! JSON that is passed through as it is.

use std::sync::Arc;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use crate::{
    error::{Error, ErrorKind},
    json::reader::Raw,
};

/// A JSON value kept as text, cheap to clone. `Debug` shows its size only.
///
/// Made from text, it is that text to the byte. Read as part of a larger document it is rewritten: members in order of
/// their names, and numbers as 64-bit integers or doubles hold them (`1.10` comes back as `1.1`, and an integer of more than
/// 64 bits is rounded). The exact bytes of what arrived are in [`InboundEvent::raw`](crate::InboundEvent::raw).
#[derive(Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(from = "serde_json::Value")]
#[schemars(with = "serde_json::Value", inline, description = "")]
pub struct RawJson(Arc<str>);

impl RawJson {
    /// Creates a value from JSON text, kept as it is.
    ///
    /// # Errors
    /// `MessageInvalid` if the text is not one JSON value.
    pub fn from_text(text: impl AsRef<str>) -> Result<Self, Error> {
        serde_json::from_str::<&RawValue>(text.as_ref())
            .map(Self::from)
            .map_err(|error| Error::from_json(ErrorKind::MessageInvalid, "not a JSON value", &error))
    }

    /// Creates a value from JSON text that was parsed before, without parsing it again. If the text is not JSON, serialization
    /// fails.
    pub fn from_known(text: &str) -> Self {
        Self(text.into())
    }

    /// The JSON of any value.
    ///
    /// # Errors
    /// `MessageInvalid` if the value has no JSON form.
    pub fn from_value<T: Serialize>(value: &T) -> Result<Self, Error> {
        serde_json::to_string(value)
            .map(|text| Self(text.into()))
            .map_err(|error| Error::from_json(ErrorKind::MessageInvalid, "has no JSON form", &error))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads the JSON as a type.
    ///
    /// # Errors
    /// `MessageInvalid` if the JSON has another form.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_str(&self.0).map_err(|error| Error::from_json(ErrorKind::MessageInvalid, "JSON of another form", &error))
    }
}

impl From<&RawValue> for RawJson {
    fn from(raw: &RawValue) -> Self {
        Self(raw.get().into())
    }
}

debug_value!(RawJson, |it| format_args!("{} bytes", it.0.len()));

impl Serialize for RawJson {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::from_str::<&RawValue>(&self.0).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

impl From<serde_json::Value> for RawJson {
    // Content stands inside tagged enums, which buffer their values: raw text cannot be borrowed through them.
    fn from(value: serde_json::Value) -> Self {
        Self(value.to_string().into())
    }
}

impl From<Raw<'_>> for RawJson {
    fn from(raw: Raw<'_>) -> Self {
        Self::from_known(raw.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_survives_to_the_byte() {
        let text = r#"{"price": 1.10, "big": 12345678901234567890123}"#;
        assert_eq!(RawJson::from_text(text).unwrap().as_str(), text);
        assert!(RawJson::from_text("{").is_err());
        assert_eq!(RawJson::from_known(text).as_str(), text);
        assert!(serde_json::to_string(&RawJson::from_known("{")).is_err());
    }

    #[test]
    fn the_schema_takes_any_value_in_both_directions() {
        use schemars::generate::SchemaSettings;
        for settings in [SchemaSettings::default().for_serialize(), SchemaSettings::default().for_deserialize()] {
            assert_eq!(settings.into_generator().subschema_for::<RawJson>(), schemars::Schema::from(true));
        }
    }
}
