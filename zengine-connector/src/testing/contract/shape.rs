//! A check of a configuration against the shape in its JSON Schema: types, required and unknown members, references and
//! choices. Ranges, lengths and patterns are left to the strategy's `configure`.

use serde::Deserialize as _;
use serde_json::Value;

use crate::secret::SecretRef;

/// Types in Rust are finite, but a schema may refer to itself.
const MAX_DEPTH: usize = 64;

/// A schema document. References are resolved against its root.
#[derive(Clone, Copy)]
pub(crate) struct SchemaShape<'s> {
    root: &'s Value,
}

impl<'s> SchemaShape<'s> {
    pub(crate) fn new(root: &'s Value) -> Self {
        Self { root }
    }

    /// Whether a value has this shape.
    pub(crate) fn accepts(self, value: &Value) -> bool {
        self.fits(self.root, value, 0)
    }

    /// The members that a schema defines for a value, with their schemas.
    pub(crate) fn members(self, schema: &'s Value, value: &Value) -> Vec<(&'s String, &'s Value)> {
        let mut found = vec![];
        self.collect(schema, value, 0, &mut found);
        found
    }

    /// The whole document.
    pub(crate) fn root(self) -> &'s Value {
        self.root
    }

    /// Whether a schema describes a secret.
    pub(crate) fn is_secret(self, schema: &'s Value) -> bool {
        let forms = ["anyOf", "oneOf", "allOf"].into_iter().flat_map(|form| list(schema, form));
        schema.get("x-secret") == Some(&Value::Bool(true))
            || self.target(schema).is_some_and(|target| self.is_secret(target))
            || forms.into_iter().any(|form| self.is_secret(form))
    }

    fn collect(self, schema: &'s Value, value: &Value, depth: usize, into: &mut Vec<(&'s String, &'s Value)>) {
        if depth > MAX_DEPTH {
            return;
        }
        if let Some(target) = self.target(schema) {
            self.collect(target, value, depth + 1, into);
        }
        for form in ["allOf", "anyOf", "oneOf"] {
            for part in list(schema, form).iter().filter(|part| self.fits(part, value, depth + 1)) {
                self.collect(part, value, depth + 1, into);
            }
        }
        into.extend(schema.get("properties").and_then(Value::as_object).into_iter().flatten());
    }

    fn fits(self, schema: &Value, value: &Value, depth: usize) -> bool {
        let Some(rules) = schema.as_object() else { return *schema != Value::Bool(false) };
        if depth > MAX_DEPTH {
            return true;
        }
        if rules.get("x-secret") == Some(&Value::Bool(true)) {
            return SecretRef::deserialize(value).is_ok();
        }
        let all = |form: &str| list(schema, form).iter().all(|part| self.fits(part, value, depth + 1));
        let any = |form: &str| list(schema, form).is_empty() || list(schema, form).iter().any(|part| self.fits(part, value, depth + 1));
        rules.get("const").is_none_or(|expected| expected == value)
            && rules.get("enum").and_then(Value::as_array).is_none_or(|options| options.contains(value))
            && rules.get("type").is_none_or(|names| has_type(names, value))
            && self.target(schema).is_none_or(|target| self.fits(target, value, depth + 1))
            && all("allOf")
            && any("anyOf")
            && any("oneOf")
            && self.object_fits(schema, value, depth)
            && self.array_fits(schema, value, depth)
    }

    fn object_fits(self, schema: &Value, value: &Value, depth: usize) -> bool {
        let Some(members) = value.as_object() else { return true };
        let known = schema.get("properties").and_then(Value::as_object);
        let others = schema.get("additionalProperties");
        list(schema, "required").iter().all(|name| name.as_str().is_some_and(|name| members.contains_key(name)))
            && members.iter().all(|(key, member)| match known.and_then(|known| known.get(key)) {
                Some(part) => self.fits(part, member, depth + 1),
                None => others.is_none_or(|others| self.fits(others, member, depth + 1)),
            })
    }

    fn array_fits(self, schema: &Value, value: &Value, depth: usize) -> bool {
        let Some(items) = value.as_array() else { return true };
        schema.get("items").is_none_or(|part| items.iter().all(|item| self.fits(part, item, depth + 1)))
    }

    fn target<'v>(self, schema: &'v Value) -> Option<&'s Value> {
        self.root.pointer(schema.get("$ref")?.as_str()?.strip_prefix('#')?)
    }
}

fn list<'v>(schema: &'v Value, keyword: &str) -> &'v [Value] {
    schema.get(keyword).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn has_type(names: &Value, value: &Value) -> bool {
    let is = |name: &Value| match name.as_str() {
        Some("null") => value.is_null(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("string") => value.is_string(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        _ => false,
    };
    names.as_array().map_or_else(|| is(names), |names| names.iter().any(is))
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use serde_json::json;

    use super::*;
    use crate::secret::Secret;

    #[derive(JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Config {
        id: String,
        token: Secret<String>,
        spare: Option<Secret<String>>,
        #[serde(default)]
        port: Option<u16>,
        mode: Mode,
    }

    #[derive(JsonSchema)]
    #[serde(rename_all = "snake_case")]
    #[allow(dead_code)]
    enum Mode {
        /// One.
        Plain,
        /// Two.
        Careful,
    }

    #[test]
    fn a_shape_accepts_what_the_type_accepts() {
        let schema = crate::schema::schema_of::<Config>();
        let shape = SchemaShape::new(schema.as_value());
        let good = json!({ "id": "x", "token": { "secret": "t" }, "mode": "plain" });
        assert!(shape.accepts(&good));
        for (key, value, fits) in [
            ("id", json!(1), false),
            ("id", json!(null), false),
            ("token", json!("literal"), false),
            ("spare", json!(null), true),
            ("spare", json!({ "secret": "s" }), true),
            ("port", json!(80), true),
            ("port", json!("80"), false),
            ("mode", json!("careful"), true),
            ("mode", json!("other"), false),
            ("unknown", json!(1), false),
        ] {
            let mut config = good.clone();
            config[key] = value.clone();
            assert_eq!(shape.accepts(&config), fits, "{key} = {value}");
        }
        assert!(!shape.accepts(&json!({ "id": "x" })));
        assert_eq!(shape.members(schema.as_value(), &good).len(), 5);
    }
}
