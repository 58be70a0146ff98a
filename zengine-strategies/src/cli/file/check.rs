//! The violations of a file.

use serde::Deserialize as _;
use serde_json::{Value, json};
use zengine_connector::{StrategyRegistry, TenantId, error::Violation, schema};

use super::{File, Needs, Secrets, below};
use crate::cli::exit::Failure;
use crate::cli::strategy::{CliContext, CliStrategy};

/// The schema of the file, without the strategy's schemas of its members.
fn form(needs: Needs) -> Value {
    let text = json!({ "type": "string", "minLength": 1 });
    let required = if needs == Needs::Config { json!(["config"]) } else { json!([]) };
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": required,
        "properties": {
            "instance": { "type": "object" },
            "config": { "type": "object" },
            "secrets": { "type": "object", "additionalProperties": { "type": ["string", "object"], "minLength": 1 } },
            "routes": { "type": "array", "items": {
                "type": "object",
                "additionalProperties": false,
                "required": ["kind", "value", "tenants"],
                "properties": { "kind": text, "value": text, "tenants": { "type": "array", "minItems": 1, "items": text } },
            } },
        },
    })
}

/// The file and its violations.
pub(super) async fn check(text: &str, mut file: Value, strategy: &CliStrategy, needs: Needs) -> Result<(File, Vec<Violation>), Failure> {
    let (form, config_schema) = (form(needs), (strategy.descriptor.config_schema)());
    let repeated = schema::repeated_members(text, &[&form, &strategy.instance_schema(), config_schema.as_value()]);
    let mut wrong = repeated.unwrap_or_else(|unread| vec![Violation::new("", unread.to_string())]);
    wrong.extend(schema::violations(&form, &file)?);
    let mut part = |name: &str| file.get_mut(name).map(Value::take);
    let (mut instance, config) = (part("instance").unwrap_or_else(|| json!({})), part("config"));
    let (secrets, routes) = (part("secrets").unwrap_or_else(|| json!({})), part("routes").unwrap_or_else(|| json!([])));

    let mut secrets = Secrets::read(&secrets);
    wrong.extend(secrets.resolve("/instance", &instance));
    let mut registry = None;
    if instance.is_object() {
        let violations = schema::violations(&strategy.instance_schema(), &instance)?;
        secrets.take_literals(&mut instance, strategy.secrets);
        match strategy.registry(&instance, CliContext::offline()).await {
            Ok(built) => registry = Some(built),
            Err(found) if violations.is_empty() => wrong.extend(below("/instance", found)),
            // The schema said it better.
            Err(_) => {}
        }
        wrong.extend(below("/instance", violations));
    }
    if registry.is_none() {
        // The configuration can often be checked all the same.
        registry = strategy.registry(&json!({}), CliContext::offline()).await.ok();
    }
    let mut derived = vec![];
    if let Some(config) = config.as_ref() {
        wrong.extend(secrets.resolve("/config", config));
        if config.is_object() {
            let violations = of_config(registry.as_ref(), strategy, config)?;
            if let Some(registry) = registry.filter(|_| violations.is_empty()) {
                derived = registry.routes(strategy.name(), config)?;
            }
            wrong.extend(below("/config", violations));
        }
    }
    wrong.extend(tenants(&routes));
    wrong.sort_by(|a, b| a.pointer.cmp(&b.pointer));
    wrong.dedup_by(|a, b| a.pointer == b.pointer && a.message == b.message);
    let routes = Vec::deserialize(&routes).unwrap_or_default();
    Ok((File { instance, config, secrets, routes, derived }, wrong))
}

/// Violations of the strategy's configuration schema.
fn of_config(registry: Option<&StrategyRegistry>, strategy: &CliStrategy, config: &Value) -> Result<Vec<Violation>, Failure> {
    let Some(registry) = registry else {
        return Ok(schema::violations((strategy.descriptor.config_schema)().as_value(), config)?);
    };
    match registry.check(strategy.name(), config) {
        Ok(()) => Ok(vec![]),
        Err(error) if error.violations().is_empty() => Err(error.into()),
        Err(error) => Ok(error.violations().to_vec()),
    }
}

/// Invalid tenant ids in the routes.
fn tenants(routes: &Value) -> Vec<Violation> {
    let mut wrong = vec![];
    for (at, route) in routes.as_array().into_iter().flatten().enumerate() {
        for (n, tenant) in route.get("tenants").and_then(Value::as_array).into_iter().flatten().enumerate() {
            // The schema reports an empty one.
            if let Some(error) = tenant.as_str().filter(|id| !id.is_empty()).and_then(|id| TenantId::new(id).err()) {
                wrong.push(Violation::new(format!("/routes/{at}/tenants/{n}"), error.message().to_owned()));
            }
        }
    }
    wrong
}
