//! Which places of a configuration the walk takes for secrets, whatever the shape of the schema.

use schemars::JsonSchema;
use serde_json::json;

use super::*;
use crate::secret::Secret;

#[derive(JsonSchema)]
#[serde(untagged)]
#[allow(dead_code)]
enum Either {
    Plain(u32),
    Hidden(Secret<String>),
}

#[derive(JsonSchema)]
#[serde(tag = "kind")]
#[allow(dead_code)]
enum Login {
    Key {
        key: Secret<String>,
    },
    /// Here the same name is no secret.
    Name {
        key: String,
    },
}

#[derive(JsonSchema)]
#[allow(dead_code)]
struct Deep {
    either: Option<Either>,
    login: Option<Login>,
    next: Option<Box<Deep>>,
    #[serde(flatten)]
    more: More,
    pair: Option<(String, Secret<String>)>,
    ports: Option<std::collections::BTreeMap<u16, Secret<String>>>,
}

#[derive(JsonSchema)]
#[allow(dead_code)]
struct More {
    flat: Option<Secret<String>>,
}

/// Pointers of the secrets, and of what is wrong.
fn walk(config: &Value) -> (Vec<String>, Vec<String>) {
    let (sites, wrong) = secrets::find(schema_of::<Deep>().as_value(), config, false);
    (sites.into_iter().map(|site| site.pointer).collect(), wrong.into_iter().map(|violation| violation.pointer).collect())
}

#[test]
fn secrets_are_found_in_every_shape_and_literals_in_them_are_wrong() {
    let secret = json!({ "secret": "t" });
    for (config, sites, wrong) in [
        (json!({ "either": 5 }), vec![], vec![]),
        (json!({ "either": secret }), vec!["/either"], vec![]),
        (json!({ "either": "literal" }), vec![], vec!["/either"]),
        (json!({ "login": { "kind": "Key", "key": secret } }), vec!["/login/key"], vec![]),
        (json!({ "login": { "kind": "Key", "key": "literal" } }), vec![], vec!["/login/key"]),
        (json!({ "login": { "kind": "Name", "key": "not a secret" } }), vec![], vec![]),
        (json!({ "login": { "kind": "Name", "key": secret } }), vec!["/login/key"], vec![]),
        (json!({ "next": { "next": { "flat": secret, "either": "literal" } } }), vec!["/next/next/flat"], vec!["/next/next/either"]),
        (json!({ "flat": null }), vec![], vec![]),
        (json!({ "pair": ["plain", secret] }), vec!["/pair/1"], vec![]),
        (json!({ "pair": [secret, "literal"] }), vec![], vec!["/pair/1"]),
        (json!({ "ports": { "80": secret, "81": 5 } }), vec!["/ports/80"], vec!["/ports/81"]),
        (json!({ "unknown": secret }), vec![], vec![]),
    ] {
        let (found, said) = walk(&config);
        assert_eq!((found, said), (strings(&sites), strings(&wrong)), "{config}");
    }
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn depth_is_bounded() {
    let mut config = json!({ "flat": "literal" });
    for _ in 0..300 {
        config = Value::Object([("next".to_owned(), config)].into_iter().collect());
    }
    let (sites, wrong) = walk(&config);
    assert!(sites.is_empty() && wrong.len() == 1, "{wrong:?}");
}

#[test]
fn public_schemas_describe_their_types() {
    assert!(inbound_event().as_value().is_object() && outbound_message().as_value().is_object() && domain_event().as_value().is_object());
}
