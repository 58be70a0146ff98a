//! The keywords of a JSON Schema that say which members a value has.

use serde_json::Value;

pub(super) fn is_secret(schema: &Value) -> bool {
    schema.get("x-secret") == Some(&Value::Bool(true))
}

/// The schema that a `$ref` names, only inside its own document.
pub(super) fn target<'s>(root: &'s Value, schema: &'s Value) -> Option<&'s Value> {
    let place = schema.get("$ref")?.as_str()?;
    match place.strip_prefix("#/$defs/") {
        Some(name) if !name.contains(['~', '/', '%']) => root.get("$defs")?.get(name),
        _ => root.pointer(place.strip_prefix('#')?),
    }
}

pub(super) fn list<'s>(schema: &'s Value, keyword: &str) -> &'s [Value] {
    schema.get(keyword).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The schemas of one member. A pattern is taken to match every name that is not spelled out.
pub(super) fn property<'s>(schema: &'s Value, key: &str) -> impl Iterator<Item = &'s Value> {
    let named = schema.get("properties").and_then(|parts| parts.get(key));
    let patterns = schema.get("patternProperties").and_then(Value::as_object).filter(|parts| named.is_none() && !parts.is_empty());
    let rest = schema.get("additionalProperties").filter(|_| named.is_none() && patterns.is_none());
    named.into_iter().chain(patterns.into_iter().flat_map(|parts| parts.values())).chain(rest)
}
