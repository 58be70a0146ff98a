//! A strategy in the command: how it is built, what is secret, its emulator.

use std::{fmt, future::Future, io, sync::Arc};

use bytes::Bytes;
use http::{Request, Response};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use zengine_connector::error::Violation;
use zengine_connector::http::{CallOptions, HttpCause, HttpError};
use zengine_connector::registry::RegistryBuilder;
use zengine_connector::runtime::BoxFuture;
use zengine_connector::schemars::{JsonSchema, schema_for};
use zengine_connector::strategy::Descriptor;
use zengine_connector::{Error, HttpClient, Orchestrator, Reach, Strategy, StrategyRegistry, TenantId, async_trait};

use super::{emulator::Emulator, exit::Failure};

/// The clients that a strategy of the command is built over.
#[derive(Clone, Debug)]
pub struct CliContext {
    http: Arc<dyn HttpClient>,
    live: bool,
}

impl CliContext {
    /// Calls reach the provider.
    pub(super) fn live(http: Arc<dyn HttpClient>) -> Self {
        Self { http, live: true }
    }

    /// Calls are answered inside the command.
    pub(super) fn recorded(http: Arc<dyn HttpClient>) -> Self {
        Self { http, live: false }
    }

    /// Every call is refused.
    pub(super) fn offline() -> Self {
        Self::recorded(Arc::new(Answers(None)))
    }

    /// The command's HTTP client. In a dry run it shows the requests, and in a command that sends nothing it refuses them; you
    /// must send every call through it, also those of another provider's SDK. Calls to this machine bypass the environment's proxy.
    pub fn http(&self) -> Arc<dyn HttpClient> {
        Arc::clone(&self.http)
    }

    /// Whether calls reach the provider. Load credentials of this machine only if they do.
    pub fn is_live(&self) -> bool {
        self.live
    }
}

type Build = dyn Fn(RegistryBuilder, Value, CliContext) -> BoxFuture<'static, Result<RegistryBuilder, Vec<Violation>>> + Send + Sync;
/// Binds a tenant to the strategy under its own name.
type Bind = for<'a> fn(&'a Orchestrator, &'a TenantId) -> BoxFuture<'a, Result<(), Error>>;
/// Makes the provider of a dry run from an instance and a configuration.
type DryRun = dyn Fn(&Value, &Value) -> io::Result<Arc<dyn HttpClient>> + Send + Sync;

/// A strategy as the command knows it.
///
/// The member `instance` of the command's file is what a host would give to the strategy's constructor: a type of yours that is
/// read by serde and described by its JSON Schema.
///
/// ```
/// # use std::sync::Arc;
/// # use zengine_connector::{Configure, ConfigureContext, Content, Error, ErrorKind, HttpClient, OutboundMessage, OutboundStrategy,
/// #     Receipt, SendContext, SendError, Strategy, schemars};
/// use zengine_strategies::cli::{CliContext, CliStrategy, Strategies};
/// # #[derive(serde::Deserialize, schemars::JsonSchema)]
/// # struct Config {}
/// # #[derive(Debug, Strategy)]
/// # #[strategy(name = "acme-chat", channel = Messenger, config = Config, outbound = OutboundMessage, idempotency = none)]
/// # struct AcmeChat { http: Arc<dyn HttpClient>, base_url: String }
/// # impl AcmeChat { fn new(http: Arc<dyn HttpClient>, base_url: String) -> Self { Self { http, base_url } } }
/// # impl Configure<Config> for AcmeChat {
/// #     type Tenant = Config;
/// #     async fn configure(&self, config: Config, _: &ConfigureContext) -> Result<Config, Error> { Ok(config) }
/// # }
/// # impl OutboundStrategy<Config, OutboundMessage> for AcmeChat {
/// #     async fn send(&self, _: &Config, _: &OutboundMessage, _: &SendContext) -> Result<Receipt, SendError> { Ok(Receipt::unnumbered()) }
/// # }
///
/// /// The host's settings of Acme Chat.
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// #[serde(deny_unknown_fields)]
/// struct Instance {
///     /// The provider's address.
///     base_url: String,
/// }
///
/// let acme = CliStrategy::new(async |instance: Instance, cx: CliContext| Ok(AcmeChat::new(cx.http(), instance.base_url)));
/// let strategies = Strategies::new().with(acme);
/// // fn main() -> ExitCode { zengine_strategies::cli::run(&strategies) }
/// assert_eq!(strategies.names().collect::<Vec<_>>(), ["acme-chat"]);
/// ```
#[derive(Clone)]
pub struct CliStrategy {
    pub(super) descriptor: &'static Descriptor,
    schema: fn() -> Value,
    pub(super) secrets: &'static [&'static str],
    build: Arc<Build>,
    pub(super) bind: Bind,
    pub(super) dry_run: Option<Arc<DryRun>>,
    pub(super) emulator: Option<Emulator>,
}

impl CliStrategy {
    /// A strategy that `build` makes from its instance. An error of `build` becomes a violation at its context `field`, a pointer
    /// into the instance.
    pub fn new<S, I, B>(build: impl Fn(I, CliContext) -> B + Send + Sync + 'static) -> Self
    where
        S: Strategy,
        I: DeserializeOwned + JsonSchema,
        B: Future<Output = Result<S, Error>> + Send + 'static,
    {
        Self {
            descriptor: S::DESCRIPTOR,
            schema: || schema_for!(I).to_value(),
            secrets: &[],
            build: Arc::new(move |registry, instance, cx| {
                let built = serde_json::from_value(instance).map(|instance| build(instance, cx));
                Box::pin(async move {
                    let strategy = built.map_err(|error| vec![unread(&error)])?.await.map_err(|error| violations(&error))?;
                    Ok(registry.register(strategy))
                })
            }),
            bind: |orchestrator, tenant| Box::pin(async move { orchestrator.bound::<S>(tenant, S::DESCRIPTOR.name).await.map(drop) }),
            dry_run: None,
            emulator: None,
        }
    }

    /// Members of the instance that are secrets, each a `SecretRef` of your type. In the file they may be literals, and `build`
    /// always gets references; one that is missing resolves to nothing when it is needed.
    #[must_use = "returns the strategy with its secrets"]
    pub fn with_secrets(self, secrets: &'static [&'static str]) -> Self {
        Self { secrets, ..self }
    }

    /// The emulator that `zengine sandbox` starts, and that answers in a dry run.
    #[must_use = "returns the strategy with its emulator"]
    pub fn with_emulator(self, emulator: Emulator) -> Self {
        Self { emulator: Some(emulator), dry_run: Some(Arc::new(emulator.dry_run)), ..self }
    }

    /// The provider's success answer to each request of a dry run, for a strategy without an emulator.
    #[must_use = "returns the strategy with its answers"]
    pub fn with_dry_run(self, answer: fn(&Request<Bytes>) -> Response<Bytes>) -> Self {
        Self { dry_run: Some(Arc::new(move |_, _| Ok(Arc::new(Answers(Some(answer)))))), ..self }
    }

    pub(super) fn name(&self) -> &'static str {
        self.descriptor.name
    }

    /// The schema of the instance in the file: secrets are literals or references, and optional for commands that need none.
    pub(super) fn instance_schema(&self) -> Value {
        let mut schema = (self.schema)();
        for name in self.secrets {
            if let Some(property) = schema.pointer_mut(&format!("/properties/{name}")) {
                let description = property.as_object_mut().and_then(|property| property.remove("description"));
                *property = json!({ "anyOf": [{ "type": "string", "minLength": 1 }, property.take()] });
                if let Some(description) = description {
                    property["description"] = description;
                }
            }
        }
        if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
            required.retain(|name| !self.secrets.iter().any(|secret| name == secret));
        }
        schema
    }

    /// A registry with this strategy, built from the instance.
    ///
    /// # Errors
    /// Violations that the schema does not cover, with pointers into the instance.
    pub(super) async fn registry(&self, instance: &Value, cx: CliContext) -> Result<StrategyRegistry, Vec<Violation>> {
        let mut instance = instance.clone();
        for name in self.secrets {
            if instance.get(name).is_none_or(Value::is_null) {
                instance[name] = json!({ "secret": instance_secret(name) });
            }
        }
        let registry = (self.build)(StrategyRegistry::builder(), instance, cx).await?;
        registry.build().map_err(|error| violations(&error))
    }
}

impl fmt::Debug for CliStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CliStrategy").field(&self.descriptor.name).finish()
    }
}

/// A provider that answers by a function, or refuses every call.
#[derive(Debug)]
struct Answers(Option<DryRunAnswer>);

/// The answer of a provider in a dry run.
type DryRunAnswer = fn(&Request<Bytes>) -> Response<Bytes>;

#[async_trait]
impl HttpClient for Answers {
    async fn call(&self, request: Request<Bytes>, _: CallOptions) -> Result<Response<Bytes>, HttpError> {
        self.0.map(|answer| answer(&request)).ok_or_else(|| HttpError::new(HttpCause::Connect, Reach::NotSent))
    }
}

/// The secret name of an instance's literal; resolves to nothing if the file has no such literal.
pub(super) fn instance_secret(name: &str) -> String {
    format!("instance.{name}")
}

/// An error as violations: its own, or one at the field that it names.
pub(super) fn violations(error: &Error) -> Vec<Violation> {
    if !error.violations().is_empty() {
        return error.violations().to_vec();
    }
    let field = error.context("field").filter(|field| field.starts_with('/')).unwrap_or_default();
    vec![Violation::new(field, error.message().to_owned())]
}

/// Converts serde's error about an instance to a violation that does not quote the input. A type that checks itself reports
/// `settings (permanent): …, field=/…`.
fn unread(error: &serde_json::Error) -> Violation {
    let text = error.to_string();
    match text.strip_prefix("settings (permanent): ").map(|text| text.split_once(", field=").unwrap_or((text, ""))) {
        Some((what, pointer)) => Violation::new(pointer, what),
        None => Violation::new("", "does not parse"),
    }
}

/// The strategies of a command.
#[derive(Clone, Debug)]
pub struct Strategies {
    list: Vec<CliStrategy>,
    pub(super) program: &'static str,
    pub(super) version: &'static str,
}

impl Strategies {
    /// No strategies yet; the program is called `zengine`.
    pub fn new() -> Self {
        Self { list: vec![], program: "zengine", version: env!("CARGO_PKG_VERSION") }
    }

    /// The strategies of this crate whose features are on.
    pub fn shipped() -> Self {
        crate::SHIPPED.iter().fold(Self::new(), |strategies, strategy| strategies.with(strategy()))
    }

    /// Adds a strategy, in place of one with the same name.
    #[must_use = "returns the list with the strategy"]
    pub fn with(mut self, strategy: CliStrategy) -> Self {
        self.list.retain(|other| other.name() != strategy.name());
        self.list.push(strategy);
        self
    }

    /// Another name and version of the program, for its help and `--version`.
    #[must_use = "returns the list with the program's name"]
    pub fn named(self, program: &'static str, version: &'static str) -> Self {
        Self { program, version, ..self }
    }

    /// The names, in the order in which they were added.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.list.iter().map(CliStrategy::name)
    }

    pub(super) fn all(&self) -> std::slice::Iter<'_, CliStrategy> {
        self.list.iter()
    }

    /// The strategy with this name.
    pub(super) fn find(&self, name: &str) -> Result<&CliStrategy, Failure> {
        self.all().find(|strategy| strategy.name() == name).ok_or_else(|| Failure::unknown("strategy", name, self.names()))
    }
}

impl Default for Strategies {
    fn default() -> Self {
        Self::new()
    }
}
