//! The strategies that the command knows: one line each in [`STRATEGIES`], one file each for how they are made.

#[cfg(feature = "whatsapp-meta-cloud")]
mod whatsapp_meta_cloud;

use std::{fmt, io, sync::Arc};

use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};
use zengine_connector::{
    BoxFuture, Descriptor, Error, HttpClient, Orchestrator, RegistryBuilder, SchemaOf, Strategy, StrategyRegistry, TenantId, Violation,
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

/// What the command line must know of a strategy to make one.
trait CliStrategy: Strategy {
    /// Members of the instance that are secrets: a literal or a reference in the file, always a reference in `build`.
    const SECRETS: &[&str];
    /// The schema of the instance, with references where its secrets are.
    fn instance_schema() -> Value;
    /// Makes it.
    ///
    /// # Errors
    /// What the schema could not tell to be wrong, with a pointer into the instance.
    fn build(http: Arc<dyn HttpClient>, instance: &Value) -> Result<Self, Violation>;
    /// Starts its emulator, where there is one.
    const EMULATOR: Option<StartEmulator>;
    /// What the provider answers where everything goes well, to a request that does not leave the machine.
    fn dry_run(request: &Request<Bytes>) -> Response<Bytes>;
}

/// Adds a strategy, made from an instance, to a registry.
type Register = fn(RegistryBuilder, Arc<dyn HttpClient>, &Value) -> Result<RegistryBuilder, Violation>;
/// Binds a tenant to the strategy under its own name.
type Bind = for<'a> fn(&'a Orchestrator, &'a TenantId) -> BoxFuture<'a, Result<(), Error>>;

/// Starts an emulator.
type StartEmulator = fn(&EmulatorOptions) -> io::Result<Box<dyn RunningEmulator>>;

/// One strategy, its type forgotten.
pub(super) struct ErasedStrategy {
    pub(super) descriptor: &'static Descriptor,
    pub(super) instance_schema: fn() -> Value,
    pub(super) instance_secrets: &'static [&'static str],
    pub(super) register: Register,
    pub(super) bind: Bind,
    pub(super) dry_run: fn(&Request<Bytes>) -> Response<Bytes>,
    pub(super) emulator: Option<StartEmulator>,
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
            dry_run: W::dry_run,
            emulator: W::EMULATOR,
        }
    }

    /// The name it is registered with.
    pub(super) fn name(&self) -> &'static str {
        self.descriptor.name
    }
}

/// The instance as the file has it: secrets are literals or references, and may be absent where a command needs none.
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

/// The name that a literal of an instance gets as a secret; nothing is behind it where the file has none.
pub(super) fn instance_secret(name: &str) -> String {
    format!("instance.{name}")
}

/// What serde says of an instance, without what stood there. A type that checks itself says `settings (permanent): …,
/// field=/…`.
fn wrong(error: &serde_json::Error) -> Violation {
    let text = error.to_string();
    match text.strip_prefix("settings (permanent): ").map(|text| text.split_once(", field=").unwrap_or((text, ""))) {
        Some((what, pointer)) => Violation::new(pointer, what),
        None => Violation::new("", "does not parse"),
    }
}

/// All of them, by name.
pub(super) fn all() -> impl Iterator<Item = &'static ErasedStrategy> {
    STRATEGIES.iter()
}

/// The strategy of a name.
///
/// # Errors
/// Which names there are, and which was probably meant.
pub(super) fn find(name: &str) -> Result<&'static ErasedStrategy, Failure> {
    match all().find(|strategy| strategy.name() == name) {
        Some(strategy) => Ok(strategy),
        None => Err(unknown(name)?.into()),
    }
}

/// What a registry of all of them says of a name that is none.
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
