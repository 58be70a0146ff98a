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
fn a_literal_in_place_of_an_optional_secret_is_said_once() {
    let error = Checks::new(schema_of::<More>).check(&json!({ "flat": "canary" }), false).unwrap_err();
    let said: Vec<_> = error.violations().iter().map(ToString::to_string).collect();
    assert_eq!(said, ["/flat: must be a reference to a secret, not a literal"]);
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

#[test]
fn a_configuration_with_many_mistakes_or_a_long_name_has_a_short_report() {
    let checks = Checks::new(schema_of::<More>);
    let members: serde_json::Map<_, _> = (0..5_000).map(|n| (format!("n{n}"), json!(1))).collect();
    let error = checks.check(&members.into(), false).unwrap_err();
    assert_eq!(error.violations().len(), MAX_FOUND + 1);
    assert!(error.violations().last().unwrap().message.contains("and more"));
    let long = "é".repeat(100_000);
    let error = checks.check(&json!({ &long: 1 }), false).unwrap_err();
    let pointer = &error.violations()[0].pointer;
    assert_eq!((pointer.chars().count(), pointer.ends_with('…')), (1 + MAX_NAME + 1, true));
    let error = parse::parse::<std::net::IpAddr>(&json!({ &long: 1 })).unwrap_err();
    assert!(error.to_string().len() < 2_000, "{error}");
}

#[cfg(feature = "schema-validation")]
#[test]
fn a_message_with_many_mistakes_is_refused_with_the_first_ones() {
    let bad: Vec<_> = (0..20_000).map(|_| json!({ "kind": "phone", "value": "canary" })).collect();
    let text = json!({ "to": { "identities": bad }, "content": { "type": "text", "body": "x" } }).to_string();
    let parsed = serde_json::from_str::<OutboundMessage>(&text).map_err(|_| Error::new(ErrorKind::MessageInvalid, "does not parse"));
    let error = Checks::new(outbound_message).message(&text, parsed, |_| vec![]).unwrap_err();
    assert!((1..=MAX_FOUND + 1).contains(&error.violations().len()), "{}", error.violations().len());
    let numbers: Vec<_> = (0..5_000).map(|_| json!("x")).collect();
    let found = violations(&json!({ "items": { "type": "integer" } }), &json!(numbers)).unwrap();
    assert_eq!((found.len(), &*found[MAX_FOUND].pointer), (MAX_FOUND + 1, ""));
}
