//! All violations of a configuration at once, and serde and schema of one mind.

use proptest::{prelude::*, sample::select};
use serde_json::{Value, json};
use zengine_connector::{Secret, StrategyRegistry, registry::SchemaOf};

use crate::host::{Acme, AcmeConfig};

fn registry() -> StrategyRegistry {
    StrategyRegistry::builder().register(Acme::default()).build().unwrap()
}

fn violations(config: &Value) -> Vec<String> {
    match registry().check("acme", config) {
        Ok(()) => vec![],
        Err(error) => error.violations().iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn every_violation_has_its_pointer_and_its_rule() {
    let token = json!({ "secret": "t" });
    for (config, expected) in [
        (json!({ "id": "a", "token": token }), vec![]),
        (json!({ "id": "a", "token": { "env": "T" }, "second": { "file": "/t" } }), vec![]),
        (json!({}), vec!["/id: is required", "/token: is required"]),
        (
            json!({ "id": "", "port": 101, "token": "literal", "tokn": 1 }),
            vec![
                "/id: too short, in characters (limit 1, actual 0)",
                "/port: must be at most 100",
                "/token: must be a reference to a secret, not a literal",
                "/tokn: is not a known field; did you mean token?",
            ],
        ),
        (json!({ "id": "123456789", "token": token }), vec!["/id: too long, in characters (limit 8, actual 9)"]),
        (json!({ "id": 5, "token": token, "port": "x" }), vec!["/id: must be of type string", "/port: must be of type integer or null"]),
        (json!({ "id": "a", "token": null }), vec!["/token: must be a reference to a secret"]),
        (json!({ "id": "a", "token": { "secret": "" } }), vec!["/token: must name a secret"]),
        (
            json!({ "id": "a", "token": { "secrt": "canary" } }),
            vec!["/token: must be a reference to a secret: secret and perhaps key, or env, or file, each a string; did you mean secret?"],
        ),
        (json!({ "id": "a", "token": token, "keys": [token, 1] }), vec!["/keys/1: must be a reference to a secret, not a literal"]),
        (
            json!({ "id": "a", "token": token, "named": { "a/b": "x" } }),
            vec!["/named/a~1b: must be a reference to a secret, not a literal"],
        ),
        (json!({ "id": "a", "token": token, "mode": "loud" }), vec!["/mode: must be one of fine, panic, hang"]),
        (json!({ "id": "a", "token": token, "auth": { "type": "none" } }), vec!["/auth/type: must be one of basic, open"]),
        (json!({ "id": "a", "token": token, "auth": {} }), vec!["/auth/type: is required: one of basic, open"]),
        (
            json!({ "id": "a", "token": token, "auth": { "type": "basic", "password": "x" } }),
            vec!["/auth/password: must be a reference to a secret, not a literal", "/auth/user: is required"],
        ),
        (json!([]), vec!["/: must be of type object"]),
    ] {
        assert_eq!(violations(&config), expected, "{config}");
    }
}

#[test]
fn the_schema_of_a_secret_is_marked() {
    let schema = registry().schema("acme", SchemaOf::Config).unwrap();
    assert_eq!(schema.as_value()["properties"]["token"]["x-secret"], true);
    assert!(registry().schema("acme", SchemaOf::Message).is_ok());
    assert!(registry().schema("amce", SchemaOf::Config).is_err());
}

/// A configuration as a strategy reads it, beside the one that the schema judges.
fn parses(config: &Value) -> bool {
    // References are resolved before serde sees them.
    fn resolve(value: &mut Value) {
        match value {
            Value::Object(members) if members.len() == 1 && members.contains_key("secret") => *value = json!("value"),
            Value::Object(members) => members.values_mut().for_each(resolve),
            Value::Array(items) => items.iter_mut().for_each(resolve),
            _ => {}
        }
    }
    let mut resolved = config.clone();
    resolve(&mut resolved);
    serde_json::from_value::<AcmeConfig>(resolved).is_ok()
}

fn sample() -> Value {
    let secret = json!({ "secret": "t" });
    json!({
        "id": "a", "port": 5, "token": secret, "second": secret, "mode": "hang",
        "auth": { "type": "basic", "user": "u", "password": secret }, "keys": [secret], "named": { "n": secret }
    })
}

proptest! {
    /// One field of a valid sample is changed, removed or added: schema and serde say the same. Left out are ranges and
    /// lengths, which only the schema knows, and literals in place of secrets, which serde never sees.
    #[test]
    fn schema_and_serde_agree_on_single_mutations(
        pointer in select(vec!["/id", "/port", "/mode", "/auth", "/auth/type", "/auth/user", "/keys", "/named", "/new", "/auth/new", "/second", "/token"]),
        value in select(vec![
            None, Some(json!(null)), Some(json!(true)), Some(json!(7)), Some(json!(-1)), Some(json!(70000)), Some(json!(1.5)), Some(json!("hang")),
            Some(json!("open")), Some(json!([])), Some(json!({})), Some(json!([{ "secret": "t" }])), Some(json!({ "secret": "t" })),
        ]),
    ) {
        let mut config = sample();
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        let members = config.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        match value {
            Some(value) => members.insert(field.to_owned(), value),
            None => members.remove(field),
        };
        let secret = ["/second", "/token"].contains(&pointer);
        prop_assume!(!secret || config.pointer(pointer).is_none_or(|value| value.is_null() || value.get("secret").is_some()));
        // A reference where none belongs reads as a text in this test's resolution.
        let plain = ["/id", "/mode", "/auth", "/auth/type", "/auth/user", "/port", "/keys", "/named", "/new", "/auth/new"].contains(&pointer);
        prop_assume!(!plain || config.pointer(pointer).is_none_or(|value| value.get("secret").is_none()));
        prop_assert_eq!(violations(&config).is_empty(), parses(&config), "{}", config);
    }
}

#[test]
fn a_secret_reads_what_stands_in_its_place() {
    assert_eq!(serde_json::from_value::<Secret<String>>(json!("x")).unwrap().expose(), "x");
}
