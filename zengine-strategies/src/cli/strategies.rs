//! The strategies of the command: one line each in [`STRATEGIES`], and one file each with its [`CliStrategy`].

#[cfg(feature = "whatsapp-meta-cloud")]
mod whatsapp_meta_cloud;

use std::{fmt, io, sync::Arc};

use serde_json::{Value, json};
use zengine_connector::{
    Error, HttpClient, Orchestrator, Strategy, StrategyRegistry, TenantId,
    error::Violation,
    registry::{RegistryBuilder, SchemaOf},
    runtime::BoxFuture,
    strategy::Descriptor,
};

use super::{
    exit::Failure,
    no_network::NoNetwork,
    sandbox::{EmulatorOptions, RunningEmulator},
};

/// One line per strategy, behind its feature.
const STRATEGIES: &[ErasedStrategy] = &[
    #[cfg(feature = "whatsapp-meta-cloud")]
    ErasedStrategy::of::<crate::whatsapp_meta_cloud::WhatsAppMetaCloud>(),
];

/// A strategy's face in the command: how to build it, its emulator.
trait CliStrategy: Strategy {
    /// Members of the instance that are secrets: a literal or a reference in the file, always a reference in `build`.
    const SECRETS: &[&str];
    /// The schema of the instance, with references where its secrets are.
    fn instance_schema() -> Value;
    /// Builds the strategy.
    ///
    /// # Errors
    /// A violation that the schema does not cover, with a pointer into the instance.
    fn build(http: Arc<dyn HttpClient>, instance: &Value) -> Result<Self, Violation>;
    /// Its emulator, if it has one.
    const EMULATOR: Option<EmulatorFace>;
}

/// Builds a strategy from an instance and adds it to a registry.
type Register = fn(RegistryBuilder, Arc<dyn HttpClient>, &Value) -> Result<RegistryBuilder, Violation>;
/// Binds a tenant to the strategy under its own name.
type Bind = for<'a> fn(&'a Orchestrator, &'a TenantId) -> BoxFuture<'a, Result<(), Error>>;

/// An emulator in the command.
pub(super) struct EmulatorFace {
    /// The keys of `--set`, and their meaning.
    pub(super) options: &'static [(&'static str, &'static str)],
    /// Starts it; an error of the kind [`io::ErrorKind::InvalidInput`] is about the options.
    pub(super) start: fn(&EmulatorOptions) -> io::Result<Box<dyn RunningEmulator>>,
    /// Makes a client for dry runs with this instance and configuration: the emulator's own request handler, in process.
    pub(super) dry_run: fn(&Value, &Value) -> io::Result<Arc<dyn HttpClient>>,
}

/// A [`CliStrategy`] with its type erased.
pub(super) struct ErasedStrategy {
    pub(super) descriptor: &'static Descriptor,
    pub(super) instance_schema: fn() -> Value,
    pub(super) instance_secrets: &'static [&'static str],
    pub(super) register: Register,
    pub(super) bind: Bind,
    pub(super) emulator: Option<EmulatorFace>,
}

impl fmt::Debug for ErasedStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ErasedStrategy").field(&self.descriptor.name).finish()
    }
}

impl ErasedStrategy {
    const fn of<W: CliStrategy>() -> Self {
        Self {
            descriptor: W::DESCRIPTOR,
            instance_schema: || with_literals(W::instance_schema(), W::SECRETS),
            instance_secrets: W::SECRETS,
            register: |registry, http, instance| Ok(registry.register(W::build(http, instance)?)),
            bind: |orchestrator, tenant| Box::pin(async move { orchestrator.bound::<W>(tenant, W::DESCRIPTOR.name).await.map(drop) }),
            emulator: W::EMULATOR,
        }
    }

    pub(super) fn name(&self) -> &'static str {
        self.descriptor.name
    }
}

/// The schema of the instance in the file: secrets are literals or references, and optional for commands that need none.
fn with_literals(mut schema: Value, secrets: &[&str]) -> Value {
    for name in secrets {
        if let Some(property) = schema.pointer_mut(&format!("/properties/{name}")) {
            let description = property.as_object_mut().and_then(|property| property.remove("description"));
            *property = json!({ "anyOf": [{ "type": "string", "minLength": 1 }, property.take()] });
            if let Some(description) = description {
                property["description"] = description;
            }
        }
    }
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| !secrets.iter().any(|secret| name == secret));
    }
    schema
}

/// The secret name of an instance's literal; resolves to nothing if the file has no such literal.
pub(super) fn instance_secret(name: &str) -> String {
    format!("instance.{name}")
}

/// Converts serde's error about an instance to a violation that does not quote the input. A type that checks itself reports
/// `settings (permanent): …, field=/…`.
fn wrong(error: &serde_json::Error) -> Violation {
    let text = error.to_string();
    match text.strip_prefix("settings (permanent): ").map(|text| text.split_once(", field=").unwrap_or((text, ""))) {
        Some((what, pointer)) => Violation::new(pointer, what),
        None => Violation::new("", "does not parse"),
    }
}

/// All strategies, by name.
pub(super) fn all() -> impl Iterator<Item = &'static ErasedStrategy> {
    STRATEGIES.iter()
}

/// The strategy with this name.
///
/// # Errors
/// An unknown name, with the known names and a suggestion.
pub(super) fn find(name: &str) -> Result<&'static ErasedStrategy, Failure> {
    match all().find(|strategy| strategy.name() == name) {
        Some(strategy) => Ok(strategy),
        None => Err(unknown(name)?.into()),
    }
}

/// The registry's error for an unknown name.
fn unknown(name: &str) -> Result<Error, Failure> {
    let mut registry = StrategyRegistry::builder();
    for strategy in all() {
        registry = (strategy.register)(registry, Arc::new(NoNetwork), &json!({})).map_err(|wrong| Failure::violations(vec![wrong]))?;
    }
    match registry.build()?.schema(name, SchemaOf::Config) {
        Err(error) => Ok(error),
        Ok(_) => Err(Failure::invalid("this strategy cannot be used here")),
    }
}
