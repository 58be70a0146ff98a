//! Values that fit their schema and that their type refuses all the same: identities, base64, whole numbers.

use std::borrow::Cow;

use serde_json::Value;

use super::value::Json;
use crate::{
    json::ValueRef,
    message::{Identity, base64_bytes},
};

/// A value that its type does not read.
pub(super) struct Refusal {
    /// The rest of the pointer to it.
    pub(super) member: &'static str,
    /// The violation. Repeats nothing of the value.
    pub(super) message: Cow<'static, str>,
    /// JSON that the type reads.
    pub(super) stand_in: &'static str,
}

/// The reason why the type behind a schema does not read a value; `None` if the schema says it, or if the value is read.
pub(super) fn refusal(schema: &Value, json: ValueRef<'_>) -> Option<Refusal> {
    if schema.get("x-identity").is_some() {
        return identity(json);
    }
    if schema.get("contentEncoding").is_some_and(|name| name == "base64") {
        let refused = base64_bytes::decoded(&json.string()?).is_none();
        return refused.then(|| Refusal { member: "", message: base64_bytes::EXPECTED.into(), stand_in: "\"\"" });
    }
    let is_whole = |names: &Value| names == "integer" || names.as_array().is_some_and(|names| names.iter().any(|name| name == "integer"));
    if json.is_type("number") && schema.get("type").is_some_and(is_whole) {
        return number(schema, json.as_json());
    }
    None
}

/// An identity, or a text whose kind is guessed.
fn identity(json: ValueRef<'_>) -> Option<Refusal> {
    let (member, read, stand_in) = if let Some(text) = json.string() {
        ("", Identity::guess(&text), "\"+1\"")
    } else {
        let kind = serde_json::from_str(Json::member(json, "kind")?.as_json()).ok()?;
        let value = Json::member(json, "value")?.string()?;
        ("/value", Identity::new(kind, &value), r#"{"kind":"phone","value":"+1"}"#)
    };
    let message = read.err()?.message().to_owned().into();
    Some(Refusal { member, message, stand_in })
}

fn number(schema: &Value, text: &str) -> Option<Refusal> {
    let message = if text.contains(['.', 'e', 'E']) {
        "must be a whole number, without a fraction or an exponent".into()
    } else {
        let (least, most) = range(schema.get("format")?.as_str()?)?;
        if text.parse().is_ok_and(|number: i128| (least..=most).contains(&number)) {
            return None;
        }
        format!("must be a whole number from {least} to {most}").into()
    };
    Some(Refusal { member: "", message, stand_in: "1" })
}

/// The least and the greatest number of a Rust type, such as `uint32`.
fn range(format: &str) -> Option<(i128, i128)> {
    let is_signed = !format.starts_with('u');
    let bits: u32 = format.trim_start_matches('u').strip_prefix("int")?.parse().ok()?;
    let values = 1_i128.checked_shl(bits).filter(|_| bits <= 64)?;
    Some(if is_signed { (-(values / 2), values / 2 - 1) } else { (0, values - 1) })
}
