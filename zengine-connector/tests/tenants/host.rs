//! A host with one strategy that tells what it was configured with, and stores that count and fail on demand.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Value, json};
use zengine_connector::{
    Configure, ConfigureContext, Error, ErrorKind, EventContext, HealthContext, InboundContext, InboundStrategy, Orchestrator,
    OrchestratorBuilder, Secret, SecretRef, SendError, StrategyName, StrategyRegistry, TenantId,
    ids::RouteKey,
    message::ElementError,
    registry::Caching,
    runtime::{Clock as _, TokioSpawner},
    schemars,
    store::{Memory, SecretAnswer, SecretError, SecretScope, SecretStore, StoreError, StoreErrorKind, TenantConfig, TenantDirectory},
    strategy::{HealthStatus, InboundRequest, MediaFile, MediaRequest, RawPayload, RoutedEvent, Verified, VerifyError},
    testing::SimClock,
};

/// A tenant's configuration.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AcmeConfig {
    /// The sender.
    #[schemars(length(min = 1, max = 8))]
    pub(crate) id: String,
    #[schemars(range(max = 100))]
    pub(crate) port: Option<u16>,
    pub(crate) token: Secret<String>,
    pub(crate) second: Option<Secret<String>>,
    #[serde(default)]
    pub(crate) auth: Option<Auth>,
    #[serde(default)]
    pub(crate) keys: Vec<Secret<String>>,
    #[serde(default)]
    pub(crate) named: std::collections::BTreeMap<String, Secret<String>>,
    #[serde(default)]
    pub(crate) mode: Mode,
    /// Looks like a reference, but is none.
    #[serde(default)]
    #[allow(dead_code)]
    pub(crate) label: Value,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Auth {
    Basic {
        #[allow(dead_code)]
        user: String,
        password: Secret<String>,
    },
    Open {},
}

#[derive(serde::Deserialize, schemars::JsonSchema, Default, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    #[default]
    Fine,
    Panic,
    Hang,
}

/// The strategy's state of a tenant.
pub(crate) struct AcmeTenant {
    /// How often the strategy had configured anybody before.
    pub(crate) serial: usize,
    pub(crate) token: Secret<String>,
    pub(crate) others: Vec<Secret<String>>,
    mode: Mode,
}

#[derive(zengine_connector::Strategy, Clone, Default)]
#[strategy(name = "acme", channel = WhatsApp, config = AcmeConfig, inbound)]
pub(crate) struct Acme {
    pub(crate) configured: Arc<AtomicUsize>,
}

impl Configure<AcmeConfig> for Acme {
    type Tenant = AcmeTenant;

    async fn configure(&self, config: AcmeConfig, _: &ConfigureContext) -> Result<AcmeTenant, Error> {
        moment().await;
        assert_ne!(config.id, "poison", "the strategy was told to panic");
        if config.token.expose() == "canary-refused" {
            return Err(Error::new(ErrorKind::ConfigInvalid, "a token of another form"));
        }
        let mut others: Vec<_> = config.second.into_iter().chain(config.keys).chain(config.named.into_values()).collect();
        if let Some(Auth::Basic { password, .. }) = config.auth {
            others.push(password);
        }
        assert!(config.port.is_none_or(|port| port <= 100));
        Ok(AcmeTenant { serial: self.configured.fetch_add(1, SeqCst), token: config.token, others, mode: config.mode })
    }

    async fn healthcheck(&self, tenant: &AcmeTenant, cx: &HealthContext) -> HealthStatus {
        tenant.act(cx.remaining()).await;
        HealthStatus::Healthy
    }
}

impl AcmeTenant {
    async fn act(&self, remaining: Duration) {
        assert_eq!(remaining, Duration::from_secs(30));
        match self.mode {
            Mode::Fine => {}
            Mode::Panic => panic!("the strategy was told to"),
            Mode::Hang => std::future::pending().await,
        }
    }
}

impl InboundStrategy<AcmeConfig> for Acme {
    async fn verify(&self, request: &InboundRequest, cx: &InboundContext<AcmeTenant>) -> Result<Verified, VerifyError> {
        if let Some(name) = request.header("x-app-secret") {
            let values = cx.secret(&SecretRef::named(name)).await?;
            let newest = values[0].expose().clone();
            return Ok(Verified::reply(http::Response::new(newest.into())));
        }
        let found = cx.find(&RouteKey::new("url_token", request.path())).await?;
        let names: Vec<_> = found.iter().map(|candidate| candidate.id().as_str()).collect();
        Ok(Verified::reply(http::Response::new(names.join(",").into())))
    }

    fn normalize(&self, _: &RawPayload) -> Vec<Result<RoutedEvent, ElementError>> {
        vec![]
    }

    async fn media(&self, tenant: &AcmeTenant, request: &MediaRequest, cx: &EventContext) -> Result<MediaFile, SendError> {
        tenant.act(cx.remaining()).await;
        match &*request.handle {
            "none" => Err(SendError::domain("the media is gone").processed()),
            "unchecked" => {
                let mut file = MediaFile::new("unchecked");
                file.warnings.push("the provider gave no digest");
                Ok(file)
            }
            handle => Ok(MediaFile::new(format!("{} of {}", handle, cx.tenant()))),
        }
    }
}

/// Everybody else gets a turn, so that calls that are not kept apart would meet.
async fn moment() {
    SimClock::new().sleep(Duration::from_millis(1)).await;
}

/// A directory that counts and fails.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    pub(crate) rows: Memory,
    pub(crate) configs: AtomicUsize,
    pub(crate) routes: AtomicUsize,
    pub(crate) down: AtomicBool,
}

impl Directory {
    async fn answer(&self, count: &AtomicUsize) -> Result<(), StoreError> {
        count.fetch_add(1, SeqCst);
        moment().await;
        if self.down.load(SeqCst) { Err(StoreError::new(StoreErrorKind::Unavailable, "the directory is down")) } else { Ok(()) }
    }
}

#[async_trait]
impl TenantDirectory for Directory {
    async fn config(&self, tenant: &TenantId, strategy: &StrategyName) -> Result<Option<TenantConfig>, StoreError> {
        self.answer(&self.configs).await?;
        self.rows.directory().config(tenant, strategy).await
    }

    async fn route(&self, strategy: &StrategyName, key: &RouteKey) -> Result<Vec<TenantId>, StoreError> {
        self.answer(&self.routes).await?;
        self.rows.directory().route(strategy, key).await
    }

    async fn tenants(&self, strategy: &StrategyName, after: Option<&TenantId>, limit: usize) -> Result<Vec<TenantId>, StoreError> {
        self.rows.directory().tenants(strategy, after, limit).await
    }
}

/// Secrets that count and fail.
#[derive(Debug, Default)]
pub(crate) struct Secrets {
    pub(crate) values: Memory,
    pub(crate) reads: AtomicUsize,
    /// The calls for many secrets at once: the scope and the number of names.
    pub(crate) batches: Mutex<Vec<(SecretScope, usize)>>,
    pub(crate) down: AtomicBool,
    pub(crate) denied: AtomicBool,
}

#[async_trait]
impl SecretStore for Secrets {
    async fn get(&self, scope: &SecretScope, name: &str) -> SecretAnswer {
        self.reads.fetch_add(1, SeqCst);
        moment().await;
        if self.down.load(SeqCst) {
            return Err(SecretError::unavailable("connection refused"));
        }
        if self.denied.load(SeqCst) {
            return Err(SecretError::Denied);
        }
        self.values.secrets().get(scope, name).await
    }

    async fn get_all(&self, scope: &SecretScope, names: &[&str]) -> Vec<SecretAnswer> {
        self.batches.lock().unwrap().push((scope.clone(), names.len()));
        futures_util::future::join_all(names.iter().map(|name| self.get(scope, name))).await
    }
}

pub(crate) struct Host {
    pub(crate) orchestrator: Orchestrator,
    pub(crate) memory: Memory,
    pub(crate) clock: Arc<SimClock>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) secrets: Arc<Secrets>,
    pub(crate) strategy: Acme,
}

impl Host {
    pub(crate) fn new() -> Self {
        Self::with(|builder| builder)
    }

    pub(crate) fn caching(caching: Caching) -> Self {
        Self::with(|builder| builder.caching(caching))
    }

    /// With the tenant `acme`, whose token is `canary-token`.
    pub(crate) fn with(settings: impl FnOnce(OrchestratorBuilder) -> OrchestratorBuilder) -> Self {
        let (clock, directory, secrets, strategy): (_, Arc<Directory>, Arc<Secrets>, _) =
            (Arc::new(SimClock::new()), Arc::default(), Arc::default(), Acme::default());
        let memory = Memory::new();
        let registry = StrategyRegistry::builder().register(strategy.clone()).build().unwrap();
        let builder = Orchestrator::builder()
            .registry(&registry)
            .stores(&memory)
            .directory(Arc::clone(&directory) as _)
            .secrets(Arc::clone(&secrets) as _)
            .clock(Arc::clone(&clock) as _)
            .spawner(Arc::new(TokioSpawner));
        let host = Self { orchestrator: settings(builder).build().unwrap(), memory, clock, directory, secrets, strategy };
        host.secret(Some("acme"), "token", "canary-token");
        host.config("acme", json!({ "id": "a", "token": { "secret": "token" } }));
        host
    }

    pub(crate) fn config(&self, tenant: &str, config: Value) {
        self.directory.rows.put_tenant(&id(tenant), &name(), config);
    }

    pub(crate) fn secret(&self, tenant: Option<&str>, secret: &str, value: &str) {
        self.secrets.values.put_secret(&scope(tenant), secret, value);
    }

    /// A secret for every tenant that has none of that name.
    pub(crate) fn shared(&self, secret: &str, value: &str) {
        self.secrets.values.put_secret(&SecretScope::shared(name()), secret, value);
    }

    pub(crate) async fn bind(&self, tenant: &str) -> Result<zengine_connector::orchestrator::Bound<Acme>, Error> {
        self.orchestrator.bound::<Acme>(&id(tenant), "acme").await
    }

    /// How often the strategy configured a tenant.
    pub(crate) fn configured(&self) -> usize {
        self.strategy.configured.load(SeqCst)
    }

    pub(crate) fn reads(&self) -> (usize, usize, usize) {
        (self.directory.configs.load(SeqCst), self.secrets.reads.load(SeqCst), self.directory.routes.load(SeqCst))
    }

    pub(crate) async fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds)).await;
    }

    /// The body that the strategy answers a request with.
    pub(crate) async fn request(&self, path: &str, secret: Option<&str>) -> (u16, String) {
        let mut request = http::Request::post(path);
        if let Some(secret) = secret {
            request = request.header("x-app-secret", secret);
        }
        let response = self.orchestrator.serve("acme", request.body(Bytes::new()).unwrap()).await;
        (response.status().as_u16(), String::from_utf8(response.body().to_vec()).unwrap())
    }
}

pub(crate) fn id(tenant: &str) -> TenantId {
    TenantId::new(tenant).unwrap()
}

pub(crate) fn name() -> StrategyName {
    StrategyName::new("acme").unwrap()
}

pub(crate) fn scope(tenant: Option<&str>) -> SecretScope {
    match tenant {
        Some(tenant) => SecretScope::tenant(name(), id(tenant)),
        None => SecretScope::application(name()),
    }
}
