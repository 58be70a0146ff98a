//! Bodies of control calls as typed values.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use zengine_connector::schema;

/// JSON in which no object has a member twice.
pub(in crate::sandbox) fn json(text: &str) -> Result<Value, String> {
    let value = serde_json::from_str(text).map_err(|error| format!("no JSON: {error}"))?;
    let repeated = schema::repeated_members(text, &[]).map_err(|unread| unread.to_string())?;
    repeated.first().map_or(Ok(value), |violation| Err(violation.to_string()))
}

/// The value as a type, or the mismatch, with the name of the member whose value is wrong.
pub(in crate::sandbox) fn read<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    let error = match T::deserialize(value) {
        Ok(form) => return Ok(form),
        Err(error) => error.to_string(),
    };
    Err(match wrong_member::<T>(value, &error) {
        Some(name) => format!("`{name}`: {error}"),
        None => error,
    })
}

/// The member whose value is wrong. Members are read in their order, so it ends the shortest beginning that fails in the same way.
fn wrong_member<'v, T: DeserializeOwned>(value: &'v Value, error: &str) -> Option<&'v str> {
    let is_named = error.starts_with("missing field") || error.starts_with("unknown field");
    let members = value.as_object().filter(|_| !is_named)?;
    let mut beginning = Map::new();
    members.iter().find_map(|(name, member)| {
        beginning.insert(name.clone(), member.clone());
        T::deserialize(&Value::Object(beginning.clone())).is_err_and(|seen| seen.to_string() == error).then_some(&**name)
    })
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields, expecting = "an object")]
    struct Form {
        #[allow(dead_code, reason = "only read")]
        id: String,
        #[allow(dead_code, reason = "only read")]
        fresh: Option<bool>,
        #[allow(dead_code, reason = "only read")]
        limit: Option<bool>,
    }

    #[test]
    fn a_body_with_a_member_twice_is_refused() {
        assert_eq!(json(r#"[{"id": "1"}, {"id": "2"}]"#), Ok(json!([{"id": "1"}, {"id": "2"}])));
        assert_eq!(json(r#"[{"id": "1", "id": "2"}]"#).unwrap_err(), "/0/*: is there twice");
        assert!(json("{").is_err());
    }

    #[test]
    fn a_mismatch_names_its_member() {
        let says = |value: Value| read::<Form>(&value).unwrap_err();
        assert_eq!(says(json!({"id": "1", "fresh": true, "limit": 7})), "`limit`: invalid type: integer `7`, expected a boolean");
        assert_eq!(says(json!({"fresh": 7, "limit": 7})), "`fresh`: invalid type: integer `7`, expected a boolean");
        assert_eq!(says(json!({"fresh": true})), "missing field `id`");
        assert!(says(json!({"id": "1", "other": 7})).starts_with("unknown field `other`"));
        assert_eq!(says(json!(7)), "invalid type: integer `7`, expected an object");
        assert!(read::<Form>(&json!({"id": "1", "limit": null})).is_ok());
    }
}
