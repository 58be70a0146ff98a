//! JSON that is passed through as it is.

use std::sync::Arc;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use crate::{
    error::{Error, ErrorKind},
    json::{ValueRef, is_embeddable},
};

/// A JSON value kept as text, cheap to clone. `Debug` shows its size only.
///
/// Every value is read back from every document that carries it: nested no deeper than 64 levels, with strings that are Unicode and
/// numbers that a double holds.
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
    /// `MessageInvalid` if the text is not one JSON value, or not embeddable.
    pub fn from_text(text: impl AsRef<str>) -> Result<Self, Error> {
        let text = text.as_ref();
        serde_json::from_str::<&RawValue>(text)
            .map_err(|error| Error::from_json(ErrorKind::MessageInvalid, "not a JSON value", &error))
            .and_then(|raw| Self::embeddable(raw.get()))
    }

    /// Creates a value from a provider's text. Text that is not embeddable JSON becomes a JSON string.
    ///
    /// ```
    /// use zengine_connector::message::RawJson;
    ///
    /// assert_eq!(RawJson::lenient("[1.10]").as_str(), "[1.10]");
    /// assert_eq!(RawJson::lenient("[1e999]").as_str(), r#""[1e999]""#); // no reader takes this number
    /// ```
    pub fn lenient(text: &str) -> Self {
        Self::embeddable(text).unwrap_or_else(|_| Self(serde_json::Value::from(text).to_string().into()))
    }

    fn embeddable(text: &str) -> Result<Self, Error> {
        let refused = || Error::new(ErrorKind::MessageInvalid, "the JSON is nested too deeply, or holds an invalid string or number");
        if is_embeddable(text) { Ok(Self(text.into())) } else { Err(refused()) }
    }

    /// The JSON of any value.
    ///
    /// # Errors
    /// `MessageInvalid` if the value has no JSON form.
    pub fn from_value<T: Serialize>(value: &T) -> Result<Self, Error> {
        serde_json::to_string(value)
            .map_err(|error| Error::from_json(ErrorKind::MessageInvalid, "has no JSON form", &error))
            .and_then(|text| Self::embeddable(&text))
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
        Self::lenient(raw.get())
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
        Self::lenient(&value.to_string())
    }
}

impl From<ValueRef<'_>> for RawJson {
    fn from(value: ValueRef<'_>) -> Self {
        Self::lenient(value.as_json())
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
        assert_eq!(RawJson::lenient(text).as_str(), text);
    }

    #[test]
    fn what_cannot_be_read_back_becomes_text() {
        let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
        for text in ["{", r#"{"a":"\ud83d"}"#, "1e999", &deep] {
            assert!(RawJson::from_text(text).is_err(), "{text}");
            let carried = RawJson::lenient(text);
            assert_eq!(carried.parse::<String>().unwrap(), text);
            let again: RawJson = serde_json::from_str(&serde_json::to_string(&carried).unwrap()).unwrap();
            assert_eq!(again, carried);
        }
    }

    #[test]
    fn the_schema_takes_any_value_in_both_directions() {
        use schemars::generate::SchemaSettings;
        for settings in [SchemaSettings::default().for_serialize(), SchemaSettings::default().for_deserialize()] {
            assert_eq!(settings.into_generator().subschema_for::<RawJson>(), schemars::Schema::from(true));
        }
    }
}
