//! A JSON Schema as a value.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value};

/// A JSON Schema (draft 2020-12).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Schema(Value);

impl Schema {
    /// The schema as JSON.
    pub fn as_value(&self) -> &Value {
        &self.0
    }
}

/// The schema of a type.
pub fn schema_of<T: schemars::JsonSchema>() -> Schema {
    let mut schema = schemars::schema_for!(T).to_value();
    drop_unused(&mut schema);
    Schema(schema)
}

/// Removes definitions that nothing refers to: a type may leave out forms of another.
fn drop_unused(schema: &mut Value) {
    let (mut used, mut unread) = (BTreeSet::new(), vec![]);
    let Some(Value::Object(definitions)) = schema.as_object_mut().and_then(|schema| schema.remove("$defs")) else { return };
    references(schema, &mut unread);
    while let Some(name) = unread.pop() {
        if let Some(definition) = definitions.get(&name).filter(|_| !used.contains(&name)) {
            references(definition, &mut unread);
            used.insert(name);
        }
    }
    let definitions: Map<_, _> = definitions.into_iter().filter(|(name, _)| used.contains(name)).collect();
    if !definitions.is_empty() {
        schema["$defs"] = Value::Object(definitions);
    }
}

/// The names of the definitions that a schema refers to.
fn references(schema: &Value, names: &mut Vec<String>) {
    match schema {
        Value::Object(members) => {
            names.extend(members.get("$ref").and_then(Value::as_str).and_then(|place| place.strip_prefix("#/$defs/")).map(str::to_owned));
            members.values().for_each(|member| references(member, names));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, names)),
        _ => {}
    }
}
