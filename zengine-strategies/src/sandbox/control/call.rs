//! A control call and its errors.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use zengine_connector::json::text_of;

use crate::sandbox::form;

/// A control call.
#[derive(Debug)]
pub(in crate::sandbox) struct ControlCall<'a> {
    pub(in crate::sandbox) method: &'a Method,
    /// The path after the prefix, without leading or trailing slashes.
    pub(in crate::sandbox) path: &'a str,
    pub(in crate::sandbox) query: Vec<(String, String)>,
    pub(in crate::sandbox) headers: &'a HeaderMap,
    pub(in crate::sandbox) body: &'a Bytes,
}

/// The error of a control call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sandbox) struct ControlError {
    pub(super) status: u16,
    pub(super) message: String,
}

impl ControlError {
    /// The call is invalid.
    pub(in crate::sandbox) fn bad_request(message: impl Into<String>) -> Self {
        Self { status: 400, message: message.into() }
    }

    /// The named object does not exist.
    pub(in crate::sandbox) fn not_found(message: impl Into<String>) -> Self {
        Self { status: 404, message: message.into() }
    }

    pub(in crate::sandbox) fn with_status(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    pub(super) fn body(&self) -> Value {
        json!({"error": {"message": self.message}})
    }
}

impl ControlCall<'_> {
    /// The body as JSON; an empty body is an empty object.
    pub(in crate::sandbox) fn json(&self) -> Result<Value, ControlError> {
        if self.body.iter().all(u8::is_ascii_whitespace) {
            return Ok(json!({}));
        }
        form::json(&text_of(self.body)).map_err(|error| ControlError::bad_request(format!("the body: {error}")))
    }

    /// The body as a value of this type; the error describes the mismatch.
    pub(in crate::sandbox) fn read<T: DeserializeOwned>(&self) -> Result<T, ControlError> {
        form::read(&self.json()?).map_err(ControlError::bad_request)
    }

    /// The elements of the body: of an array, or the single object.
    pub(in crate::sandbox) fn list(&self) -> Result<Vec<Value>, ControlError> {
        match self.json()? {
            Value::Array(items) => Ok(items),
            item => Ok(vec![item]),
        }
    }

    /// A parameter of the query.
    pub(in crate::sandbox) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A parameter of the query that must be there; `hint` completes the error.
    pub(in crate::sandbox) fn required(&self, name: &str, hint: &str) -> Result<&str, ControlError> {
        self.parameter(name).ok_or_else(|| ControlError::bad_request(format!("give `?{name}=`{hint}")))
    }

    /// A number in the query.
    pub(in crate::sandbox) fn number(&self, name: &str) -> Result<Option<u64>, ControlError> {
        let number = |text: &str| text.parse().map_err(|_| ControlError::bad_request(format!("`{name}` must be a whole number")));
        self.parameter(name).map(number).transpose()
    }
}

/// A value with changes: members that are there replace its own.
pub(in crate::sandbox) fn merged<T: Serialize + DeserializeOwned>(current: &T, changes: Value) -> Result<T, ControlError> {
    // Alone first, so that an error is about what was given.
    form::read::<T>(&changes).map_err(ControlError::bad_request)?;
    let mut all = serde_json::to_value(current).unwrap_or_default();
    if let (Value::Object(all), Value::Object(changes)) = (&mut all, changes) {
        all.extend(changes);
    }
    form::read(&all).map_err(ControlError::bad_request)
}

/// Reads every element of a list; an error names the index of the wrong one.
pub(in crate::sandbox) fn each<T>(list: Vec<Value>, read: impl Fn(Value) -> Result<T, String>) -> Result<Vec<T>, ControlError> {
    let count = list.len();
    let at = |index, error| if count > 1 { format!("element {index}: {error}") } else { error };
    let read = |(index, value)| read(value).map_err(|error| ControlError::bad_request(at(index, error)));
    list.into_iter().enumerate().map(read).collect()
}

/// Parses a duration: `250ms`, `30s`, `5m`, `12h`, `60d`.
pub(in crate::sandbox) fn duration(text: &str) -> Option<Duration> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let number: u64 = text[..digits].parse().ok()?;
    let ms = match &text[digits..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(ms).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_parsed() {
        assert_eq!(duration("60d"), Some(Duration::from_secs(60 * 86_400)));
        assert_eq!(duration("250ms"), Some(Duration::from_millis(250)));
        for bad in ["", "5", "s", "-1s", "1.5h", "5 m", "99999999999999999999d", "18446744073709551615d", "é"] {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }
}
