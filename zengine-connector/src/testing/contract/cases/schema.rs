//! The configuration's schema and type agree: forms and tools read the schema, the strategy the type.

use serde_json::{Map, Value, json};

use super::{super::shape::SchemaShape, prelude::*};
use crate::{
    error::{Error, ErrorKind},
    schema::{Checks, Resolved, label},
};

/// A configuration with one changed field.
struct Mutation {
    pointer: String,
    change: String,
    config: Value,
}

/// Values of every type.
fn values() -> [Value; 6] {
    [json!(null), json!(17), json!(1.5), json!(true), json!("canary-value"), json!({ "canary-key": 1 })]
}

/// Every single-field change of a configuration: each member removed or set to a value of each type.
fn mutations(shape: SchemaShape<'_>, config: &Value) -> Vec<Mutation> {
    let mut found = vec![];
    members(shape, shape.root(), config, "", &mut |at, key, present| {
        let changed = |change: &dyn Fn(&mut Map<String, Value>)| {
            let mut config = config.clone();
            change(config.pointer_mut(at).and_then(Value::as_object_mut).expect("an object of the configuration"));
            config
        };
        let mut add = |change: String, config| found.push(Mutation { pointer: format!("{at}/{key}"), change, config });
        if present {
            add("removed".to_owned(), changed(&|members| drop(members.remove(key))));
        }
        for value in values() {
            let config = changed(&|members| drop(members.insert(key.to_owned(), value.clone())));
            add(format!("set to {value}"), config);
        }
    });
    found
}

/// Visits every member that an object of the configuration has or may have: the object's pointer, the member's name,
/// whether it is present.
fn members<'s>(shape: SchemaShape<'s>, schema: &'s Value, value: &Value, at: &str, visit: &mut dyn FnMut(&str, &str, bool)) {
    if !value.is_object() || shape.is_secret(schema) {
        return;
    }
    for (key, part) in shape.members(schema, value) {
        let member = value.get(key);
        visit(at, key, member.is_some());
        if let Some(member) = member {
            members(shape, part, member, &format!("{at}/{key}"), visit);
        }
    }
}

/// The pointers of the secrets in a configuration.
pub(crate) fn secret_places(config: &Value, kit: &Kit) -> Vec<String> {
    Checks::new(kit.descriptor.config_schema).secrets(config).0.into_iter().map(|site| site.pointer).collect()
}

/// The configuration resolved with a sample tenant's secrets. References to other secrets get a placeholder.
pub(crate) fn filled(kit: &Kit, config: &Value, secrets_of: usize) -> Resolved {
    let secrets = kit.tenant(secrets_of).secrets;
    let mut filled = Resolved::new(config.clone());
    for site in Checks::new(kit.descriptor.config_schema).secrets(config).0 {
        let value = secrets.iter().find(|(name, _)| name == label(&site.reference)).map_or("some-secret", |(_, value)| value.as_str());
        filled.fill(&site.pointer, value);
    }
    filled
}

/// Whether the type accepts a configuration: no secret is wrong, and the rest parses.
fn type_accepts(kit: &Kit, host: &TestHost, config: &Value) -> Result<(), Error> {
    let (_, wrong) = Checks::new(kit.descriptor.config_schema).secrets(config);
    if !wrong.is_empty() {
        return Err(Error::new(ErrorKind::ConfigInvalid, "a secret is wrong").with_violations(wrong));
    }
    let entry = host.orchestrator.engine.registry.entry(kit.name.as_str())?;
    entry.strategy.parses(filled(kit, config, 0).value())
}

/// Checks that schema and type agree on each picked change.
fn schema_and_type_agree(kit: &SharedKit, picks: impl Fn(&Mutation) -> bool) {
    let host = TestHost::new(kit);
    let schema = (kit.descriptor.config_schema)();
    let (shape, config) = (SchemaShape::new(schema.as_value()), kit.tenant(0).config);
    for mutation in mutations(shape, &config).iter().filter(|mutation| picks(mutation)) {
        let (by_schema, by_type) = (shape.accepts(&mutation.config), type_accepts(kit, &host, &mutation.config));
        let verdict = by_type.as_ref().map_or_else(|error| format!("refused: {error}"), |()| "accepted".to_owned());
        assert!(
            by_schema == by_type.is_ok(),
            "{} {}: the schema says {}, the type says {verdict}",
            mutation.pointer,
            mutation.change,
            if by_schema { "accepted" } else { "refused" },
        );
    }
}

/// The sample configurations fit the schema and the type.
pub(crate) async fn sample_configurations_fit_schema_and_type(kit: &SharedKit) -> CaseResult {
    let host = TestHost::new(kit);
    let schema = (kit.descriptor.config_schema)();
    for n in 0..TENANTS {
        let config = kit.tenant(n).config;
        assert!(SchemaShape::new(schema.as_value()).accepts(&config), "the schema refuses the configuration of tenant {n}");
        if let Err(error) = type_accepts(kit, &host, &config) {
            panic!("the type refuses the configuration of tenant {n}: {error}");
        }
    }
    Ok(())
}

/// Schema and type agree on each member removed.
pub(crate) async fn schema_and_type_agree_on_a_removed_field(kit: &SharedKit) -> CaseResult {
    schema_and_type_agree(kit, |mutation| mutation.change == "removed");
    Ok(())
}

/// Schema and type agree on each member set to null.
pub(crate) async fn schema_and_type_agree_on_null(kit: &SharedKit) -> CaseResult {
    schema_and_type_agree(kit, |mutation| mutation.change == "set to null");
    Ok(())
}

/// Schema and type agree on each member set to values of other types.
pub(crate) async fn schema_and_type_agree_on_a_wrong_type(kit: &SharedKit) -> CaseResult {
    schema_and_type_agree(kit, |mutation| mutation.change != "removed" && mutation.change != "set to null");
    Ok(())
}

/// An unknown member is refused by both, and named: a misspelled field must not become a default.
pub(crate) async fn an_unknown_field_is_refused_and_named(kit: &SharedKit) -> CaseResult {
    let host = TestHost::new(kit);
    let schema = (kit.descriptor.config_schema)();
    let mut config = kit.tenant(0).config;
    config["no_such_field"] = json!("canary-value");
    assert!(
        !SchemaShape::new(schema.as_value()).accepts(&config),
        "the schema accepts an unknown field: #[serde(deny_unknown_fields)] is missing"
    );
    host.put_config(0, config).await;
    let error = host.bind(0).await.expect_err("an unknown field is refused");
    assert_eq!(error.kind(), ErrorKind::ConfigInvalid, "{error}");
    assert!(error.to_string().contains("no_such_field"), "the error does not name the field: {error}");
    Ok(())
}

/// A required member that is missing is named.
pub(crate) async fn a_missing_field_is_named(kit: &SharedKit) -> CaseResult {
    let host = TestHost::new(kit);
    let schema = (kit.descriptor.config_schema)();
    let (shape, config) = (SchemaShape::new(schema.as_value()), kit.tenant(0).config);
    for mutation in mutations(shape, &config) {
        if mutation.change != "removed" || shape.accepts(&mutation.config) {
            continue;
        }
        host.put_config(0, mutation.config).await;
        let error = host.bind(0).await.expect_err("a missing field is refused");
        let name = mutation.pointer.rsplit('/').next().unwrap_or_default();
        assert!(error.kind() == ErrorKind::ConfigInvalid && error.to_string().contains(name), "{} is not named: {error}", mutation.pointer);
    }
    Ok(())
}

/// A configuration that is not an object is refused.
pub(crate) async fn a_configuration_that_is_no_object_is_refused(kit: &SharedKit) -> CaseResult {
    let host = TestHost::new(kit);
    for config in [json!(null), json!(17), json!("canary-value"), json!(true), json!([["canary-value"]])] {
        host.put_config(0, config.clone()).await;
        let error = host.bind(0).await.err().unwrap_or_else(|| panic!("{config} is accepted as a configuration"));
        assert_eq!(error.kind(), ErrorKind::ConfigInvalid, "{error}");
    }
    Ok(())
}

/// `configure` refuses whatever the whole schema refuses, ranges and patterns included: hosts need not validate schemas.
pub(crate) async fn configure_refuses_what_the_schema_refuses(kit: &SharedKit) -> CaseResult {
    let host = TestHost::new(kit);
    let schema = (kit.descriptor.config_schema)();
    let (shape, config) = (SchemaShape::new(schema.as_value()), kit.tenant(0).config);
    for mutation in mutations(shape, &config) {
        // Other cases cover the wrong shape.
        if !shape.accepts(&mutation.config) || host.orchestrator.registry().check(kit.name.as_str(), &mutation.config).is_ok() {
            continue;
        }
        let configured = host.configure(filled(kit, &mutation.config, 0).value()).await;
        let (pointer, change) = (mutation.pointer, mutation.change);
        assert!(configured.is_err(), "{pointer} {change}: the schema refuses it, and configure accepts it");
    }
    Ok(())
}
