//! The schema of the configuration and its type say the same: forms and tools read one, the strategy the other.

use serde_json::{Map, Value, json};

use super::{super::judge::Judge, prelude::*};
use crate::{
    error::{Error, ErrorKind},
    schema::{Checks, Resolved, label},
};

/// A configuration with one field changed.
struct Mutation {
    pointer: String,
    change: String,
    config: Value,
}

/// Values of every type.
fn values() -> [Value; 6] {
    [json!(null), json!(17), json!(1.5), json!(true), json!("canary-value"), json!({ "canary-key": 1 })]
}

/// Every single-field change of a configuration: each member removed, and set to a value of each type.
fn mutations(judge: Judge<'_>, config: &Value) -> Vec<Mutation> {
    let mut found = vec![];
    members(judge, judge.root(), config, "", &mut |at, key, present| {
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

/// Visits every member that an object of the configuration has or may have: its object's pointer, its name, whether it is
/// there.
fn members<'s>(judge: Judge<'s>, schema: &'s Value, value: &Value, at: &str, visit: &mut dyn FnMut(&str, &str, bool)) {
    if !value.is_object() || judge.is_secret(schema) {
        return;
    }
    for (key, part) in judge.members(schema, value) {
        let member = value.get(key);
        visit(at, key, member.is_some());
        if let Some(member) = member {
            members(judge, part, member, &format!("{at}/{key}"), visit);
        }
    }
}

/// The places of a configuration where its schema has secrets.
pub(crate) fn secret_places(config: &Value, kit: &Kit) -> Vec<String> {
    Checks::new(kit.descriptor.config_schema).secrets(config).0.into_iter().map(|site| site.pointer).collect()
}

/// The configuration with tenant 0's secrets in it. Members that refer to none of them get some text.
fn filled(kit: &Kit, config: &Value) -> Resolved {
    let secrets = kit.tenant(0).secrets;
    let mut filled = Resolved::new(config.clone());
    for site in Checks::new(kit.descriptor.config_schema).secrets(config).0 {
        let value = secrets.iter().find(|(name, _)| name == label(&site.reference)).map_or("some-secret", |(_, value)| value.as_str());
        filled.fill(&site.pointer, value);
    }
    filled
}

/// Whether the type takes a configuration: no secret is wrong, and the rest parses.
fn type_takes(kit: &Kit, world: &World, config: &Value) -> Result<(), Error> {
    let (_, wrong) = Checks::new(kit.descriptor.config_schema).secrets(config);
    if !wrong.is_empty() {
        return Err(Error::new(ErrorKind::ConfigInvalid, "a secret is wrong").with_violations(wrong));
    }
    let entry = world.orchestrator.engine.registry.entry(kit.name.as_str())?;
    entry.strategy.parses(filled(kit, config).value())
}

/// Checks that both judge each change alike.
fn judged_alike(kit: &Shared, picks: impl Fn(&Mutation) -> bool) {
    let world = World::new(kit);
    let schema = (kit.descriptor.config_schema)();
    let (judge, config) = (Judge::new(schema.as_value()), kit.tenant(0).config);
    for mutation in mutations(judge, &config).iter().filter(|mutation| picks(mutation)) {
        let (by_schema, by_type) = (judge.accepts(&mutation.config), type_takes(kit, &world, &mutation.config));
        let verdict = by_type.as_ref().map_or_else(|error| format!("refused: {error}"), |()| "taken".to_owned());
        assert!(
            by_schema == by_type.is_ok(),
            "{} {}: the schema says {}, the type says {verdict}",
            mutation.pointer,
            mutation.change,
            if by_schema { "taken" } else { "refused" },
        );
    }
}

/// The sample configurations fit the schema and the type.
pub(crate) async fn sample_configurations_fit_schema_and_type(kit: &Shared) -> Done {
    let world = World::new(kit);
    let schema = (kit.descriptor.config_schema)();
    for n in 0..TENANTS {
        let config = kit.tenant(n).config;
        assert!(Judge::new(schema.as_value()).accepts(&config), "the schema refuses the configuration of tenant {n}");
        if let Err(error) = type_takes(kit, &world, &config) {
            panic!("the type refuses the configuration of tenant {n}: {error}");
        }
    }
    Ok(())
}

/// Each member removed.
pub(crate) async fn a_removed_field_is_judged_alike(kit: &Shared) -> Done {
    judged_alike(kit, |mutation| mutation.change == "removed");
    Ok(())
}

/// Each member set to null.
pub(crate) async fn a_null_is_judged_alike(kit: &Shared) -> Done {
    judged_alike(kit, |mutation| mutation.change == "set to null");
    Ok(())
}

/// Each member set to values of other types.
pub(crate) async fn a_wrong_type_is_judged_alike(kit: &Shared) -> Done {
    judged_alike(kit, |mutation| mutation.change != "removed" && mutation.change != "set to null");
    Ok(())
}

/// A member that nobody knows: refused by both, and named. A typing error must not look like a default.
pub(crate) async fn an_unknown_field_is_refused_and_named(kit: &Shared) -> Done {
    let world = World::new(kit);
    let schema = (kit.descriptor.config_schema)();
    let mut config = kit.tenant(0).config;
    config["no_such_field"] = json!("canary-value");
    assert!(!Judge::new(schema.as_value()).accepts(&config), "the schema takes an unknown field: #[serde(deny_unknown_fields)] is missing");
    world.put_config(0, config).await;
    let error = world.bind(0).await.expect_err("an unknown field is refused");
    assert_eq!(error.kind(), ErrorKind::ConfigInvalid, "{error}");
    assert!(error.to_string().contains("no_such_field"), "the error does not name the field: {error}");
    Ok(())
}

/// A required member that is missing is named.
pub(crate) async fn a_missing_field_is_named(kit: &Shared) -> Done {
    let world = World::new(kit);
    let schema = (kit.descriptor.config_schema)();
    let (judge, config) = (Judge::new(schema.as_value()), kit.tenant(0).config);
    for mutation in mutations(judge, &config) {
        if mutation.change != "removed" || judge.accepts(&mutation.config) {
            continue;
        }
        world.put_config(0, mutation.config).await;
        let error = world.bind(0).await.expect_err("a missing field is refused");
        let name = mutation.pointer.rsplit('/').next().unwrap_or_default();
        assert!(error.kind() == ErrorKind::ConfigInvalid && error.to_string().contains(name), "{} is not named: {error}", mutation.pointer);
    }
    Ok(())
}

/// A configuration of another shape altogether.
pub(crate) async fn a_configuration_that_is_no_object_is_refused(kit: &Shared) -> Done {
    let world = World::new(kit);
    for config in [json!(null), json!(17), json!("canary-value"), json!(true), json!([["canary-value"]])] {
        world.put_config(0, config.clone()).await;
        let error = world.bind(0).await.err().unwrap_or_else(|| panic!("{config} is taken for a configuration"));
        assert_eq!(error.kind(), ErrorKind::ConfigInvalid, "{error}");
    }
    Ok(())
}

/// What the whole schema refuses, ranges and patterns included, `configure` refuses, too: hosts need not validate schemas.
pub(crate) async fn configure_refuses_what_the_schema_refuses(kit: &Shared) -> Done {
    let world = World::new(kit);
    let schema = (kit.descriptor.config_schema)();
    let (judge, config) = (Judge::new(schema.as_value()), kit.tenant(0).config);
    for mutation in mutations(judge, &config) {
        // What has the wrong shape is another case's.
        if !judge.accepts(&mutation.config) || world.orchestrator.registry().check(kit.name.as_str(), &mutation.config).is_ok() {
            continue;
        }
        let taken = world.configure(filled(kit, &mutation.config).value()).await;
        let (pointer, change) = (mutation.pointer, mutation.change);
        assert!(taken.is_err(), "{pointer} {change}: the schema refuses it, and configure takes it");
    }
    Ok(())
}
