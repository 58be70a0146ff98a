//! The rules of definitions: every violation with its place, and nothing else.

use serde_json::{Value, json};
use zengine_connector::error::Violation;
use zengine_strategies::whatsapp_meta_cloud::templates::{LIMITS, TemplateChanges, TemplateDefinition, TemplateFamily};

use super::support::cases;

const CASES: &str = include_str!("definitions.json");

fn definition(json: &Value) -> TemplateDefinition {
    serde_json::from_value(json.clone()).unwrap()
}

fn found(case: &Value) -> Vec<Violation> {
    match case.get("changes") {
        Some(changes) => serde_json::from_value::<TemplateChanges>(changes.clone()).unwrap().check(None),
        None => definition(&case["template"]).check(),
    }
}

/// Whether a violation has the sizes of an expected one. One that is negative has none.
fn has_sizes(found: &Violation, expected: &Value) -> bool {
    let Some(actual) = expected["actual"].as_u64() else { return true };
    let end = if expected["min"].as_u64().is_some_and(|min| actual < min) { "min" } else { "max" };
    let limit = expected["limit"].as_u64().or(expected[end].as_u64());
    (found.limit, found.actual) == (limit, Some(actual))
}

#[test]
fn every_case_is_judged_as_the_provider_does() {
    let cases = cases(CASES);
    assert_eq!(cases.len(), 106);
    for case in cases {
        let (name, found) = (&case["case"], found(&case));
        let none = json!([]);
        let expected = |member: &str| case.get(member).unwrap_or(&none).as_array().unwrap().clone();
        let is = |found: &Violation, expected: &Value| {
            expected["pointer"] == *found.pointer && found.rule.as_deref() == expected["rule"].as_str() && has_sizes(found, expected)
        };
        let errors: Vec<_> = found.iter().filter(|found| found.is_error()).collect();
        let all_expected = expected("errors").iter().all(|expected| errors.iter().any(|found| is(found, expected)));
        let none_else = errors.iter().all(|found| expected("errors").iter().any(|expected| is(found, expected)));
        assert!(all_expected && none_else, "{name}: {errors:#?}");
        for expected in expected("warnings") {
            assert!(found.iter().any(|found| !found.is_error() && is(found, &expected)), "{name}: {found:#?}");
        }
    }
}

#[test]
fn the_wire_has_the_provider_s_spelling() {
    for case in cases(CASES).iter().filter(|case| case.get("wire").or(case.get("wire_absent")).is_some()) {
        let family = if case["family"] == "A" { TemplateFamily::A } else { TemplateFamily::B };
        let wire = definition(&case["template"]).to_wire(family);
        for (place, value) in case["wire"].as_object().into_iter().flatten() {
            assert_eq!(wire.pointer(&format!("/{place}")), Some(value), "{}", case["case"]);
        }
        for absent in case["wire_absent"].as_array().into_iter().flatten() {
            assert_eq!(wire.get(absent.as_str().unwrap()), None, "{}", case["case"]);
        }
    }
}

#[test]
fn a_definition_keeps_what_it_does_not_know() {
    let json = json!({
        "name": "a", "language": "en", "category": "UTILITY", "is_new": {"a": [1]},
        "components": [{"type": "BODY", "text": "Hi", "mood": 1.5}, {"type": "HOLOGRAM", "x": 1}],
    });
    let read = definition(&json);
    assert_eq!(serde_json::to_value(&read).unwrap(), json);
    let warned: Vec<_> = read.check().into_iter().map(|found| (found.is_error(), found.pointer)).collect();
    assert_eq!(warned, [(false, "/is_new".to_owned()), (false, "/components/1".to_owned())]);
}

#[test]
fn neither_errors_nor_debug_show_texts() {
    let canary = "canary {{1}}";
    let json = json!({"name": canary, "language": canary, "category": canary, canary: 1, "components": [
        {"type": "HEADER", "format": canary, "text": canary}, {"type": "BODY", "text": canary},
        {"type": "BUTTONS", "buttons": [{"type": "URL", "text": canary, "url": canary}, {"type": canary, "text": canary}]},
    ]});
    let mut wanted = definition(&json);
    let found = wanted.check();
    assert!(found.len() > 8, "{found:#?}");
    // The name of a member that is not known is its place.
    assert!(found.iter().filter(|found| found.pointer != "/canary {{1}}").all(|found| !format!("{found}").contains("canary")));
    wanted.name.clear();
    (wanted.language, wanted.category) = (String::new(), String::new());
    assert!(!format!("{wanted:?}").contains("canary"));
}

#[test]
fn every_limit_names_its_source_and_date() {
    assert!(LIMITS.len() > 20);
    for limit in LIMITS {
        assert!(limit.min <= limit.max && !limit.source.is_empty() && limit.as_of.len() == 7, "{limit:?}");
    }
}

#[test]
fn the_schema_says_what_a_component_may_have() {
    let schema = zengine_connector::schemars::schema_for!(TemplateDefinition);
    assert!(schema.pointer("/$defs/Component/properties/text/description").is_some(), "{:#}", schema.as_value());
    assert_eq!(schema.pointer("/required"), Some(&json!(["name", "language", "category"])));
}
