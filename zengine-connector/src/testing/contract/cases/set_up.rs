//! The strategy's descriptor, and the usability of the fixture.

use super::prelude::*;

/// The descriptor has a name in kebab case, a summary, and a description for every configuration field.
pub(crate) async fn the_descriptor_is_complete(kit: &SharedKit) -> CaseResult {
    let descriptor = kit.descriptor;
    let kebab = |name: &str| {
        let fine = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        fine && !name.starts_with('-') && !name.ends_with('-') && !name.contains("--")
    };
    assert!(kebab(descriptor.name), "the name {:?} is not in kebab case", descriptor.name);
    let summary = descriptor.summary.trim();
    assert!(!summary.is_empty(), "the strategy has no summary: write a doc comment on the struct");
    assert!(!summary.contains('\n'), "the summary is one sentence: {summary}");
    assert!(descriptor.direction.outbound || descriptor.direction.inbound, "the strategy has neither half");
    let schema = (descriptor.config_schema)();
    let missing = undescribed(schema.as_value());
    assert!(missing.is_empty(), "fields of the configuration without a doc comment: {}", missing.join(", "));
    Ok(())
}

/// Pointers of the properties of a schema without a description.
fn undescribed(schema: &serde_json::Value) -> Vec<String> {
    let mut missing = vec![];
    let mut next = vec![(String::new(), schema)];
    while let Some((at, schema)) = next.pop() {
        match schema {
            serde_json::Value::Object(members) => {
                for (key, member) in members {
                    let here = format!("{at}/{key}");
                    if key == "properties"
                        && let Some(properties) = member.as_object()
                    {
                        missing.extend(
                            properties
                                .iter()
                                .filter(|(_, property)| {
                                    property.get("description").is_none_or(|text| text.as_str().is_none_or(str::is_empty))
                                })
                                .filter(|(_, property)| property.get("const").is_none())
                                .map(|(name, _)| format!("{here}/{name}")),
                        );
                    }
                    next.push((here, member));
                }
            }
            serde_json::Value::Array(items) => next.extend(items.iter().enumerate().map(|(n, item)| (format!("{at}/{n}"), item))),
            _ => {}
        }
    }
    missing.sort();
    missing
}

/// The sample tenants bind, and binding makes no call.
pub(crate) async fn sample_tenants_bind(kit: &SharedKit) -> CaseResult {
    let host = TestHost::new(kit);
    for n in 0..TENANTS {
        let bound = host.bind(n).await;
        assert!(bound.is_ok(), "the sample tenant {n} does not bind: {}", bound.unwrap_err());
    }
    assert_eq!(host.wire.calls(), 0, "configure called the provider");
    Ok(())
}

/// Sample tenants differ in their configuration or secrets, and in their routes.
pub(crate) async fn sample_tenants_differ(kit: &SharedKit) -> CaseResult {
    for (a, b) in [(0, 1), (1, 2), (0, 2)] {
        let (x, y) = (kit.tenant(a), kit.tenant(b));
        assert!(x.config != y.config || x.secrets != y.secrets, "sample tenants {a} and {b} are the same");
        assert_eq!(x.config, kit.tenant(a).config, "the sample tenant {a} changes from call to call");
        for (name, value) in &x.secrets {
            assert!(!y.secrets.iter().any(|(_, other)| other == value), "tenants {a} and {b} share the value of the secret {name}");
            assert!(value.len() >= 4, "the secret {name} is too short to be found in a log");
        }
        let shared: Vec<_> = x.routes.iter().filter(|route| y.routes.contains(route)).collect();
        assert!(shared.len() < x.routes.len().max(1), "tenants {a} and {b} share all their routes");
    }
    Ok(())
}

/// Sample messages hold the kit's words, so that leaks can be found, and differ from one another.
pub(crate) async fn sample_messages_hold_sample_words(kit: &SharedKit) -> CaseResult {
    for n in [0, 7] {
        let text = kit.message(n).to_string();
        assert!(Sample::new(n).is_in(&text), "the sample message holds no word of its Sample: use sample.text(), sample.phone() …");
    }
    assert_ne!(kit.message(0), kit.message(7), "all sample messages are the same");
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn a_property_without_description_is_found_at_any_depth() {
        let schema = json!({
            "properties": { "a": { "description": "A." }, "b": { "type": "string" } },
            "$defs": { "C": { "oneOf": [{ "properties": { "type": { "const": "x" }, "d": {} } }] } },
        });
        assert_eq!(super::undescribed(&schema), ["/$defs/C/oneOf/0/properties/d", "/properties/b"]);
    }
}
