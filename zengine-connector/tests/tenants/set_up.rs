//! Tenants set up in one call, and the routes that follow from their configuration.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use serde_json::{Value, json};
use zengine_connector::{
    Configure, ConfigureContext, Error, ErrorKind, InboundContext, InboundStrategy, Memory, Orchestrator, Secret, StrategyName,
    StrategyRegistry, TenantId,
    ids::{ConfigVersion, RouteKey},
    message::ElementError,
    registry::TenantSetup,
    runtime::TokioSpawner,
    schemars,
    store::{SecretAnswer, SecretError, SecretFn, SecretScope, SecretStore, StoreError, StoreErrorKind, Stores, TenantRow, TenantWriter},
    strategy::{InboundRequest, RawPayload, RoutedEvent, Verified, VerifyError},
    testing::SimClock,
};

use crate::{
    host::{Host, id},
    log::Log,
};

/// A shop's configuration.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct ShopConfig {
    /// Its number: one tenant's alone.
    number: String,
    /// Its account, which several numbers may have.
    #[serde(default)]
    account: Option<String>,
    token: Secret<String>,
    /// Whether a route is made of the token.
    #[serde(default)]
    leaks: bool,
}

#[derive(zengine_connector::Strategy)]
#[strategy(name = "shop", channel = WhatsApp, config = ShopConfig, inbound)]
struct Shop;

impl Configure<ShopConfig> for Shop {
    type Tenant = String;

    async fn configure(&self, config: ShopConfig, _: &ConfigureContext) -> Result<String, Error> {
        assert_ne!(config.number, "panic", "configure was told to");
        if config.token.expose() == "canary-refused" {
            return Err(Error::new(ErrorKind::ConfigInvalid, "a token of another form"));
        }
        Ok(config.token.expose().clone())
    }
}

impl InboundStrategy<ShopConfig> for Shop {
    async fn verify(&self, request: &InboundRequest, cx: &InboundContext<String>) -> Result<Verified, VerifyError> {
        let shop = cx.find_one(&RouteKey::new("number", request.path().trim_start_matches('/'))).await?;
        Ok(Verified::reply(http::Response::new(format!("{} with {}", shop.id(), *shop).into())))
    }

    fn routes(&self, config: &ShopConfig) -> Vec<RouteKey> {
        assert_ne!(config.number, "panic in routes", "routes was told to");
        let account = config.account.iter().map(|account| RouteKey::shared("account", account));
        let leak = config.leaks.then(|| RouteKey::new("url_token", format!("t-{}", config.token.expose())));
        account.chain(leak).chain([RouteKey::new("number", &config.number)]).collect()
    }

    fn normalize(&self, _: &RawPayload) -> Vec<Result<RoutedEvent, ElementError>> {
        vec![]
    }
}

fn registry() -> StrategyRegistry {
    StrategyRegistry::builder().register(Shop).register_as("other-shop", Shop).build().unwrap()
}

fn host(stores: impl Into<Stores>) -> Orchestrator {
    let clock = Arc::new(SimClock::new());
    Orchestrator::builder().registry(&registry()).stores(stores).clock(clock).spawner(Arc::new(TokioSpawner)).build().unwrap()
}

fn config(number: &str) -> Value {
    json!({ "number": number, "account": "900", "token": { "secret": "token" } })
}

fn acme(number: &str) -> TenantSetup {
    TenantSetup::new("acme").strategy("shop", config(number)).secret("token", "canary-token")
}

fn name() -> StrategyName {
    StrategyName::new("shop").unwrap()
}

fn violations(error: &Error) -> Vec<String> {
    error.violations().iter().map(ToString::to_string).collect()
}

async fn row(memory: &Memory, tenant: &str) -> Option<TenantRow> {
    memory.tenant_writer().row(&id(tenant), &name()).await.unwrap()
}

async fn secret(memory: &Memory, scope: SecretScope, secret: &str) -> Option<String> {
    let values = memory.secrets().get(&scope, secret).await.ok()?;
    Some(values[0].expose_str().unwrap().to_owned())
}

fn routes(of: &[(&'static str, &str)]) -> Vec<RouteKey> {
    of.iter().map(|(kind, value)| RouteKey::new(*kind, value)).collect()
}

async fn answer(orchestrator: &Orchestrator, path: &str) -> (u16, String) {
    let response = orchestrator.serve("shop", http::Request::post(path).body(bytes::Bytes::new()).unwrap()).await;
    (response.status().as_u16(), String::from_utf8(response.body().to_vec()).unwrap())
}

#[tokio::test(start_paused = true)]
async fn one_call_makes_a_tenant_that_is_found_at_once() {
    let memory = Memory::new();
    let orchestrator = host(&memory);
    assert_eq!(answer(&orchestrator, "/17").await.0, 401, "remembered as unknown");
    orchestrator.set_up(acme("17")).await.unwrap();
    assert_eq!(answer(&orchestrator, "/17").await, (200, "acme with canary-token".to_owned()));
    orchestrator
        .set_up(TenantSetup::new(id("acme")).strategy(name(), config("18")).secret("token", Secret::new("new".to_owned())))
        .await
        .unwrap();
    assert_eq!(answer(&orchestrator, "/18").await, (200, "acme with new".to_owned()));
    assert_eq!(answer(&orchestrator, "/17").await.0, 401, "its old number leads nowhere");
}

#[tokio::test] // the store's thread works in real time
async fn the_embedded_store_takes_a_set_up_too() {
    let folder = tempfile::tempdir().unwrap();
    let store = zengine_connector::Embedded::open(folder.path().join("host.db")).unwrap();
    let orchestrator = Orchestrator::builder().registry(&registry()).stores(&store).build().unwrap();
    orchestrator.set_up(acme("17")).await.unwrap();
    assert_eq!(answer(&orchestrator, "/17").await, (200, "acme with canary-token".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn routes_follow_from_the_configuration_and_may_be_more() {
    let memory = Memory::new();
    let orchestrator = host(&memory);
    orchestrator.set_up(acme("17")).await.unwrap();
    assert_eq!(row(&memory, "acme").await.unwrap().routes, routes(&[("account", "900"), ("number", "17")]));
    orchestrator.set_up(acme("17").route("account", "900").route("number", "17").route("site", "a")).await.unwrap();
    assert_eq!(row(&memory, "acme").await.unwrap().routes, routes(&[("account", "900"), ("number", "17"), ("site", "a")]));
    assert_eq!(registry().routes("shop", &config("17")).unwrap(), routes(&[("account", "900"), ("number", "17")]));
}

#[tokio::test(start_paused = true)]
async fn routes_given_by_hand_must_hold_those_that_follow() {
    let memory = Memory::new();
    let error = host(&memory).set_up(acme("17").route("site", "canary").route("account", "900")).await.unwrap_err();
    assert_eq!((error.kind(), error.context("field"), error.context("strategy")), (ErrorKind::ConfigInvalid, Some("routes"), Some("shop")));
    assert_eq!(violations(&error), ["/routes: lacks the number of the configuration"]);
    assert!(!format!("{error} {error:?}").contains("canary"));
    assert!(row(&memory, "acme").await.is_none());
}

#[tokio::test(start_paused = true)]
async fn everything_wrong_with_routes_is_said_at_once_and_without_their_values() {
    let derived = || acme("17").route("account", "900");
    let wrong = derived()
        .shared_route("number", "17")
        .route("account", "900")
        .route("", "canary")
        .route("k".repeat(65), "canary")
        .route("site", "")
        .route("site", "canary".repeat(200))
        .route("site", "canary\nsite")
        .route("token", "t-canary-token")
        .route("older", "canary-old-token")
        .shared_secret("other", "canary-new-token")
        .previous("canary-old-token");
    let memory = Memory::new();
    let error = host(&memory).set_up(wrong).await.unwrap_err();
    let expected = [
        "/routes/1: must be one tenant's: the configuration gives it a route of this kind",
        "/routes/2: repeats /routes/0",
        "/routes/3: its kind must not be empty",
        "/routes/4: its kind is too long (limit 64, actual 65)",
        "/routes/5: its site must not be empty",
        "/routes/6: its site is too long (limit 1024, actual 1200)",
        "/routes/7: its site must not hold control characters",
        "/routes/8: holds a secret",
        "/routes/9: holds a secret",
    ];
    assert_eq!(violations(&error), expected);
    assert!(!format!("{error} {error:?}").contains("canary"));
    assert!(row(&memory, "acme").await.is_none());
    // One that follows is within the same bounds, and a short secret is in it by chance.
    let error = host(&memory).set_up(acme(&"1".repeat(1025))).await.unwrap_err();
    assert_eq!(violations(&error), ["/routes: its number is too long (limit 1024, actual 1025)"]);
    host(&memory).set_up(derived().route("number", "17").route("site", "k".repeat(1024)).shared_secret("pin", "kkkk")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_route_of_another_tenant_is_refused_and_an_account_may_be_shared() {
    let memory = Memory::new();
    let orchestrator = host(&memory);
    orchestrator.set_up(acme("17")).await.unwrap();
    let globex = |number| TenantSetup::new("globex").strategy("shop", config(number)).secret("token", "its-own");
    let error = orchestrator.set_up(globex("17")).await.unwrap_err();
    assert_eq!((error.kind(), error.context("field"), error.context("first")), (ErrorKind::ConfigInvalid, Some("number"), Some("acme")));
    assert!(row(&memory, "globex").await.is_none());
    assert_eq!(secret(&memory, SecretScope::tenant(name(), id("globex")), "token").await, None);
    orchestrator.set_up(globex("18")).await.unwrap();
    // One that is given is one tenant's too, unless it is given as shared.
    let derived = |number| globex(number).route("number", number).route("account", "900");
    orchestrator.set_up(acme("17").route("number", "17").route("account", "900").route("site", "a")).await.unwrap();
    let error = orchestrator.set_up(derived("18").route("site", "a")).await.unwrap_err();
    assert_eq!((error.kind(), error.context("field"), error.context("first")), (ErrorKind::ConfigInvalid, Some("site"), Some("acme")));
    orchestrator.set_up(derived("18").shared_route("site", "a")).await.unwrap();
    // A number of one strategy is another thing than the same number of another.
    let elsewhere = TenantSetup::new("globex").strategy("other-shop", config("17")).secret("token", "its-own");
    orchestrator.set_up(elsewhere).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_before_everything_is_checked() {
    let memory = Memory::new();
    let orchestrator = host(&memory);
    let long = "x".repeat(65 * 1024);
    let wrong = [
        (acme("17").strategy("whats-app", json!({})), ErrorKind::UnknownStrategy),
        (acme("17").strategy("other-shop", json!({ "number": 17 })), ErrorKind::ConfigInvalid),
        (acme("17").strategy("other-shop", config("18")), ErrorKind::ConfigInvalid), // its token is the other strategy's
        (acme("17").strategy("other-shop", json!({ "number": "18", "token": { "env": "PATH" } })), ErrorKind::ConfigInvalid),
        (acme("17").strategy("other-shop", config("18")).secret("token", "canary-refused"), ErrorKind::ConfigInvalid),
        (acme("17").strategy("other-shop", config("panic")).secret("token", "t"), ErrorKind::Unexpected),
        (acme("17").strategy("other-shop", config("panic in routes")).secret("token", "t"), ErrorKind::Unexpected),
        (acme("17").secret("", "t"), ErrorKind::ConfigInvalid),
        (acme("17").secret("long", long), ErrorKind::ConfigInvalid),
        (acme("17").secret("token", "twice"), ErrorKind::Settings),
        (acme("17").secret("canary\nline", "t"), ErrorKind::Settings),
        (acme("17").secret("empty", ""), ErrorKind::Settings),
        (acme("17").secret("other", "new").previous(""), ErrorKind::Settings),
        ((0..16).fold(acme("17"), |setup, _| setup.previous("older")), ErrorKind::ConfigInvalid),
        (acme("17").strategy("shop", config("18")), ErrorKind::Settings),
        (TenantSetup::new("acme"), ErrorKind::Settings),
        (TenantSetup::new("acme").strategy("shop", config("17")).previous("of no secret"), ErrorKind::Settings),
        (TenantSetup::new("").strategy("shop", config("17")).secret("token", "t"), ErrorKind::MessageInvalid),
        (TenantSetup::new("acme").secret("token", "t").strategy("shop", config("17")), ErrorKind::Settings),
        (TenantSetup::common("shop").secret("token", "of no tenant"), ErrorKind::Settings),
    ];
    for (setup, kind) in wrong {
        let printed = format!("{setup:?}");
        let error = orchestrator.set_up(setup).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{printed}: {error}");
        assert!(!format!("{printed} {error} {error:?}").contains("canary"), "{printed} {error:?}");
        assert_eq!(error.context("written"), None);
        if error.context("secret") == Some("long") {
            assert_eq!((error.context("limit"), error.context("actual")), (Some("65536"), Some("66560")));
        }
        assert!(row(&memory, "acme").await.is_none(), "{printed}");
        assert_eq!(secret(&memory, SecretScope::tenant(name(), id("acme")), "token").await, None, "{printed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_the_configuration_does_not_name_is_refused_with_what_was_meant() {
    let memory = Memory::new();
    let orchestrator = host(&memory);
    let error = orchestrator.set_up(acme("17").secret("app-secret", "canary")).await.unwrap_err();
    assert_eq!((error.kind(), error.context("secret"), error.context("known")), (ErrorKind::Settings, Some("app-secret"), Some("token")));
    assert!(error.message().contains("application_secret") && error.context("did_you_mean").is_none(), "{error}");
    // The misspelt name is in the configuration, or in the set-up though the other stands.
    let misspelt = json!({ "number": "17", "token": { "secret": "tokn" } });
    let error = orchestrator.set_up(TenantSetup::new("acme").strategy("shop", misspelt).secret("token", "canary")).await.unwrap_err();
    assert_eq!((error.kind(), error.context("did_you_mean")), (ErrorKind::ConfigInvalid, Some("token")));
    orchestrator.set_up(acme("17")).await.unwrap();
    let error = orchestrator.set_up(TenantSetup::new("acme").strategy("shop", config("17")).secret("tokn", "canary")).await.unwrap_err();
    assert_eq!((error.kind(), error.context("did_you_mean")), (ErrorKind::Settings, Some("token")));
    assert!(!format!("{error} {error:?}").contains("canary"));
    assert_eq!(secret(&memory, SecretScope::tenant(name(), id("acme")), "tokn").await, None);
}

#[tokio::test(start_paused = true)]
async fn what_comes_before_its_strategy_is_named() {
    let orchestrator = host(Memory::new());
    for (early, place, said) in [
        (TenantSetup::new("acme").secret("token", "canary"), ("secret", "token"), "a secret comes before its strategy"),
        (TenantSetup::new("acme").route("site", "canary").secret("later", "t"), ("field", "site"), "a route comes before its strategy"),
    ] {
        let error = orchestrator.set_up(early.strategy("shop", config("17"))).await.unwrap_err();
        assert_eq!((error.kind(), error.context(place.0)), (ErrorKind::Settings, Some(place.1)), "{error}");
        assert!(error.message().starts_with(said) && !error.to_string().contains("canary"), "{error}");
    }
    let early = TenantSetup::new("acme").strategy("shop", config("17")).previous("canary");
    assert!(orchestrator.set_up(early).await.unwrap_err().message().starts_with("an older value comes before its secret"));
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_stands_already_need_not_be_given_again() {
    let memory = Memory::new();
    let orchestrator = host(&memory);
    orchestrator.set_up(TenantSetup::common("shop").shared_secret("token", "of all").application_secret("app", "key")).await.unwrap();
    assert_eq!(secret(&memory, SecretScope::application(name()), "app").await.as_deref(), Some("key"));
    orchestrator.set_up(TenantSetup::new("acme").strategy("shop", config("17"))).await.unwrap();
    assert_eq!(answer(&orchestrator, "/17").await.1, "acme with of all");
    orchestrator.set_up(TenantSetup::common("shop").shared_secret("token", "renewed")).await.unwrap();
    assert_eq!(answer(&orchestrator, "/17").await.1, "acme with renewed", "every tenant reads it anew");
}

#[tokio::test(start_paused = true)]
async fn a_row_that_stands_keeps_its_version_and_a_disabled_one_stays_so() {
    let memory = Memory::new();
    let orchestrator = host(&memory);
    orchestrator.set_up(acme("17")).await.unwrap();
    let version = async || memory.directory().config(&id("acme"), &name()).await.unwrap().unwrap().version;
    let first = version().await;
    orchestrator.set_up(acme("17")).await.unwrap();
    assert_eq!(version().await, first);
    memory.tenant_writer().set_enabled(&id("acme"), &name(), false).await.unwrap();
    orchestrator.set_up(acme("18")).await.unwrap();
    assert_ne!(version().await, first);
    assert!(!row(&memory, "acme").await.unwrap().enabled);
}

#[tokio::test(start_paused = true)]
async fn a_set_up_does_not_enable_what_was_disabled_meanwhile() {
    let memory = Memory::new();
    host(&memory).set_up(acme("17")).await.unwrap();
    host(BadWriter::over(&memory, AtRow::WritesDisabled)).set_up(acme("18")).await.unwrap();
    let row = row(&memory, "acme").await.unwrap();
    assert_eq!((row.enabled, row.routes), (false, routes(&[("account", "900"), ("number", "18")])));
}

#[tokio::test(start_paused = true)]
async fn a_route_made_of_a_secret_is_refused() {
    let mut config = config("17");
    config["leaks"] = true.into();
    let setup = TenantSetup::new("acme").strategy("shop", config.clone()).secret("token", "canary-token");
    for error in [host(Memory::new()).set_up(setup).await.unwrap_err(), registry().routes("shop", &config).unwrap_err()] {
        assert_eq!((error.kind(), error.context("field")), (ErrorKind::Unexpected, Some("url_token")));
        assert!(!format!("{error} {error:?}").contains("canary"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_leads_to_one_tenant() {
    for kind in ["url_token", "five9_token"] {
        let token = |setup: TenantSetup| setup.route("number", "17").route("account", "900");
        let error = host(Memory::new()).set_up(token(acme("17")).shared_route(kind, "canary-path")).await.unwrap_err();
        assert_eq!(violations(&error), ["/routes/2: must be one tenant's: it authenticates its holder"]);
        assert!(!format!("{error} {error:?}").contains("canary"));
        host(Memory::new()).set_up(token(acme("17")).route(kind, "canary-path")).await.unwrap();
    }
}

/// A vault that limits its calls, and so answers only those for many names.
#[derive(Debug)]
struct Vault(Arc<dyn SecretStore>);

#[async_trait]
impl SecretStore for Vault {
    async fn get(&self, _: &SecretScope, _: &str) -> SecretAnswer {
        panic!("asked for one name")
    }

    async fn get_all(&self, scope: &SecretScope, names: &[&str]) -> Vec<SecretAnswer> {
        self.0.get_all(scope, names).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_set_up_asks_for_all_secrets_of_a_scope_at_once() {
    let memory = Memory::new();
    memory.put_secret(&SecretScope::tenant(name(), id("acme")), "token", "canary-token");
    let mut stores = Stores::from(&memory);
    stores.secrets = Some(Arc::new(Vault(memory.secrets())));
    host(stores).set_up(TenantSetup::new("acme").strategy("shop", config("17"))).await.unwrap();
    assert!(row(&memory, "acme").await.is_some());
}

/// The fault of a writer at rows.
#[derive(Clone, Copy, Debug, PartialEq)]
enum AtRow {
    Fails,
    Hangs,
    /// Written, and does not say so.
    WritesAndHangs,
    /// An operator disables the row just before it is written.
    WritesDisabled,
}

#[derive(Debug)]
struct BadWriter(Arc<dyn TenantWriter>, AtRow);

impl BadWriter {
    fn over(memory: &Memory, fault: AtRow) -> Stores {
        let mut stores = Stores::from(memory);
        stores.tenant_writer = Some(Arc::new(Self(memory.tenant_writer(), fault)));
        stores
    }
}

#[async_trait]
impl TenantWriter for BadWriter {
    async fn put(&self, tenant: &TenantId, strategy: &StrategyName, row: TenantRow) -> Result<ConfigVersion, StoreError> {
        match self.1 {
            AtRow::Fails => return Err(StoreError::new(StoreErrorKind::Full, "no space is left")),
            AtRow::Hangs => std::future::pending().await,
            AtRow::WritesAndHangs => {
                self.0.put(tenant, strategy, row).await?;
                std::future::pending().await
            }
            AtRow::WritesDisabled => {
                self.0.set_enabled(tenant, strategy, false).await?;
                self.0.put(tenant, strategy, row).await
            }
        }
    }

    async fn row(&self, tenant: &TenantId, strategy: &StrategyName) -> Result<Option<TenantRow>, StoreError> {
        self.0.row(tenant, strategy).await
    }

    async fn set_enabled(&self, tenant: &TenantId, strategy: &StrategyName, enabled: bool) -> Result<bool, StoreError> {
        self.0.set_enabled(tenant, strategy, enabled).await
    }

    async fn remove(&self, tenant: &TenantId, strategy: &StrategyName) -> Result<bool, StoreError> {
        self.0.remove(tenant, strategy).await
    }

    async fn put_secret(&self, scope: &SecretScope, name: &str, values: Vec<Secret<Vec<u8>>>) -> Result<(), StoreError> {
        self.0.put_secret(scope, name, values).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_that_fails_says_what_stands_and_is_completed_by_the_next() {
    for fault in [AtRow::Fails, AtRow::Hangs] {
        let (memory, clock, registry) = (Memory::new(), Arc::new(SimClock::new()), registry());
        let stores = BadWriter::over(&memory, fault);
        let written = acme("17").shared_secret("other", "canary-other").write(&registry, &stores, Arc::clone(&clock) as _);
        let error = tokio::time::timeout(Duration::from_secs(60), written).await.expect("it ends").unwrap_err();
        assert_eq!((error.kind(), error.context("written")), (ErrorKind::Store, Some("secret token, secret other")));
        assert_eq!(error.context("reason"), Some("configuration of shop was not written"));
        assert!(!format!("{error} {error:?}").contains("canary"));
        let orchestrator = host(&memory);
        orchestrator.set_up(acme("17")).await.unwrap();
        assert_eq!(answer(&orchestrator, "/17").await.0, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn stores_that_cannot_write_tenants_are_named() {
    let memory = Memory::new();
    let stores = Stores::builder().base(&memory).directory(Memory::new().directory()).build().unwrap();
    let error = host(stores).set_up(acme("17")).await.unwrap_err();
    assert_eq!((error.kind(), error.context("missing")), (ErrorKind::Settings, Some(".tenant_writer(..)")));
    // Where another store has the secrets, only those are refused.
    let (vault, elsewhere) = (Memory::new(), Stores::builder().base(&memory));
    vault.put_secret(&SecretScope::tenant(name(), id("acme")), "token", "from the vault");
    let orchestrator = host(elsewhere.secrets(vault.secrets()).build().unwrap());
    let error = orchestrator.set_up(acme("17")).await.unwrap_err();
    assert_eq!((error.kind(), error.context("written")), (ErrorKind::Unsupported, None));
    orchestrator.set_up(TenantSetup::new("acme").strategy("shop", config("17"))).await.unwrap();
    assert_eq!(answer(&orchestrator, "/17").await.1, "acme with from the vault");
}

#[tokio::test(start_paused = true)]
async fn a_route_without_a_tenant_is_warned_of_once_a_second_and_without_its_value() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let host = Host::new();
    let warned = || log.lines("inbound.unknown_route").len();
    for n in 0..10 {
        host.request(&format!("/canary-{n}"), None).await;
    }
    assert_eq!(warned(), 1, "a stranger writes no more than one line a second");
    let line = log.lines("inbound.unknown_route").remove(0);
    assert!(line.contains("url_token") && line.contains("authenticated=false") && !line.contains("canary"), "{line}");
    host.pass(1).await;
    host.request("/canary", None).await;
    assert_eq!(warned(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_set_up_keeps_the_older_value_of_a_secret_in_rotation_until_the_newest_changes() {
    let memory = Memory::new();
    let orchestrator = host(&memory);
    let scope = SecretScope::application(name());
    let values = async || memory.secrets().get(&scope, "app").await.unwrap();
    let bytes = |value: &str| Secret::from(value.as_bytes().to_vec());
    memory.tenant_writer().put_secret(&scope, "app", vec![bytes("new"), bytes("old")]).await.unwrap();
    orchestrator.set_up(TenantSetup::common("shop").application_secret("app", "new")).await.unwrap();
    assert_eq!(values().await.iter().map(|value| value.expose_str().unwrap().to_owned()).collect::<Vec<_>>(), ["new", "old"]);
    orchestrator.set_up(TenantSetup::common("shop").application_secret("app", "newer")).await.unwrap();
    assert_eq!(values().await.len(), 1);
    // A store that cannot say what stands.
    for (says, kind) in [
        (SecretError::Denied, ErrorKind::Secret),
        (SecretError::Unavailable(None), ErrorKind::Secret),
        (SecretError::Malformed("the secret is damaged"), ErrorKind::ConfigInvalid),
    ] {
        let secrets = Arc::new(SecretFn::new(move |_, _| std::future::ready(Err(says.clone()))));
        let orchestrator = host(Stores::builder().base(&memory).secrets(secrets).tenant_writer(memory.tenant_writer()).build().unwrap());
        let set_up = |app: TenantSetup| orchestrator.set_up(app);
        let error = set_up(TenantSetup::common("shop").application_secret("app", "newest")).await.unwrap_err();
        assert_eq!((error.kind(), error.context("secret"), values().await.len()), (kind, Some("app"), 1), "{error}");
        // With its older value it is no longer a question.
        set_up(TenantSetup::common("shop").application_secret("app", "newest").previous("newer")).await.unwrap();
        assert_eq!(values().await.len(), 2);
        memory.tenant_writer().put_secret(&scope, "app", vec![bytes("newest")]).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_in_rotation_is_set_up_with_its_older_values() {
    let memory = Memory::new();
    let orchestrator = host(&memory);
    let setup =
        acme("17").previous("old").shared_secret("of-all", "1").previous("0").application_secret("app", "c").previous("b").previous("a");
    orchestrator.set_up(setup).await.unwrap();
    assert_eq!(answer(&orchestrator, "/17").await.1, "acme with canary-token", "the newest");
    let values = async |scope: SecretScope, name: &str| {
        let values = memory.secrets().get(&scope, name).await.unwrap();
        values.iter().map(|value| value.expose_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(values(SecretScope::tenant(name(), id("acme")), "token").await, "canary-token old");
    assert_eq!(values(SecretScope::shared(name()), "of-all").await, "1 0");
    assert_eq!(values(SecretScope::application(name()), "app").await, "c b a");
    orchestrator.set_up(TenantSetup::common("shop").application_secret("app", "c").previous("b")).await.unwrap();
    assert_eq!(values(SecretScope::application(name()), "app").await, "c b", "what is given replaces what stands");
}

#[tokio::test(start_paused = true)]
async fn a_common_set_up_takes_no_configuration_and_no_route() {
    let memory = Memory::new();
    let common = TenantSetup::common("shop").application_secret("app", "key");
    for wrong in [common.clone().strategy("shop", config("17")), common.route("number", "17")] {
        assert_eq!(host(&memory).set_up(wrong).await.unwrap_err().kind(), ErrorKind::Settings);
    }
    assert_eq!(secret(&memory, SecretScope::application(name()), "app").await, None);
}

#[tokio::test(start_paused = true)]
async fn a_set_up_that_is_dropped_after_its_writes_takes_effect_at_once() {
    let memory = Memory::new();
    let orchestrator = host(BadWriter::over(&memory, AtRow::WritesAndHangs));
    assert!(orchestrator.status("acme", "shop").await.unwrap().not_bound.is_some());
    let dropped = tokio::time::timeout(Duration::from_millis(10), orchestrator.set_up(acme("17"))).await;
    assert!(dropped.is_err() && row(&memory, "acme").await.is_some());
    assert!(orchestrator.status("acme", "shop").await.unwrap().is_bound());
}
