//! A JSON Schema as a value.

use serde::Serialize;

/// A JSON Schema (draft 2020-12).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Schema(serde_json::Value);

impl Schema {
    /// The schema as JSON.
    pub fn as_value(&self) -> &serde_json::Value {
        &self.0
    }
}

/// The schema of a type.
pub fn schema_of<T: schemars::JsonSchema>() -> Schema {
    Schema(schemars::schema_for!(T).to_value())
}
