//! Each tenant's instance of a strategy: configuration checked, secrets resolved, cached.
//!
//! | module | purpose |
//! |---|---|
//! | `bind` | the lifetime of a tenant's instance (rule 85) |
//! | `grace` | the time in which a refused configuration's secrets may come back (rule 84) |
//! | `secrets` | the secrets of a configuration and of the application |
//! | `cache` | a cache of answers, each fetched by one caller at a time |

mod bind;
mod cache;
mod grace;
mod secrets;

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use quick_cache::Equivalent;
use serde_json::Value;

pub(crate) use bind::BoundTenant;
use bind::{BindRequest, Slot};
pub(crate) use cache::{CacheUse, LookUpResult};
use cache::{Lifetimes, Lookups};
use grace::Graces;

use super::Caching;
use crate::registry::RegisteredStrategy;
use crate::{
    error::Error,
    ids::{RouteKey, StrategyName, TenantId},
    keyring::Key,
    runtime::BoxFuture,
    schema::{Resolved, Site},
    secret::{Secret, SecretRef},
    store::Ports,
    strategy::{SessionPorts, Sessions},
    sync::{BoundedCache, bounded_cache},
};

/// The parts that every binding needs.
struct Binder {
    sessions: Arc<SessionPorts>,
    caching: Caching,
    graces: Graces,
    local_refs: bool,
    /// Key of the digests by which secrets are compared, so that only the strategy keeps the secrets.
    digest: Key,
}

impl Binder {
    fn stores(&self) -> &Ports {
        &self.sessions.stores
    }
}

/// Binds tenants to strategies, and caches the instances.
pub(crate) struct Tenants {
    binder: Arc<Binder>,
    slots: BoundedCache<(TenantId, StrategyName), Arc<Slot>>,
    swept_ms: AtomicU64,
    routes: Lookups<(StrategyName, RouteKey), Arc<[TenantId]>>,
    application: Lookups<(StrategyName, SecretRef), Arc<Values>>,
}

/// The values of a secret, newest first.
type Values = Vec<Secret<Vec<u8>>>;

/// Maximum number of cached application secrets.
const MAX_APPLICATION_SECRETS: usize = 1024;

impl Tenants {
    /// `caching` sets the lifetimes. `local_refs` allows tenants to refer to the host's environment and files.
    pub(crate) fn new(sessions: Arc<SessionPorts>, caching: Caching, local_refs: bool) -> Self {
        let clock = || Arc::clone(&sessions.clock);
        let missing = caching.refusal_ttl;
        let routes = Lifetimes { found: caching.route_ttl, missing, stale_max: Duration::ZERO };
        let secrets = Lifetimes { found: caching.secret_ttl, missing, stale_max: caching.stale_secret_max };
        Self {
            slots: bounded_cache(caching.max_bound),
            swept_ms: AtomicU64::new(0),
            routes: Lookups::new(clock(), caching.max_routes, routes, |tenants| tenants.is_empty()),
            application: Lookups::new(clock(), MAX_APPLICATION_SECRETS, secrets, |_| false),
            binder: Arc::new(Binder {
                digest: Key::random(&*sessions.rng).0,
                sessions,
                graces: Graces::new(caching.max_bound),
                caching,
                local_refs,
            }),
        }
    }

    /// The tenant's instance of a strategy. A cached one costs one map look-up.
    ///
    /// # Errors
    /// `UnknownTenant`, `ConfigInvalid`, `Store` if the directory does not answer, `Secret` if the secret store does not; also
    /// the strategy's errors.
    pub(crate) async fn bind(&self, entry: &Arc<RegisteredStrategy>, tenant: &TenantId) -> Result<Arc<BoundTenant>, Error> {
        let now = self.binder.sessions.clock.monotonic();
        match self.bound(entry, tenant, now) {
            Some(result) => result,
            None => self.load(entry, tenant, now, false).await,
        }
    }

    /// The same for a send or an authenticated event, which a refusal ends: a remembered one is asked past, once per tenant and second, and
    /// the others wait for that answer. The tenant may have been set up since, in another process.
    pub(crate) async fn bind_or_ask_again(&self, entry: &Arc<RegisteredStrategy>, tenant: &TenantId) -> Result<Arc<BoundTenant>, Error> {
        let now = self.binder.sessions.clock.monotonic();
        match self.bound(entry, tenant, now) {
            Some(Ok(bound)) => Ok(bound),
            Some(Err(_)) => self.load(entry, tenant, now, true).await,
            None => self.load(entry, tenant, now, false).await,
        }
    }

    /// Whether the secrets of a tenant that is refused may come back for an event of an age: its configuration is refused for less than a
    /// minute.
    pub(crate) fn may_recover(&self, entry: &RegisteredStrategy, tenant: &TenantId, age: Option<Duration>) -> bool {
        self.binder.graces.is_running(tenant, &entry.name, age, self.binder.sessions.clock.monotonic())
    }

    async fn load(
        &self,
        entry: &Arc<RegisteredStrategy>,
        tenant: &TenantId,
        now: Duration,
        asks_again: bool,
    ) -> Result<Arc<BoundTenant>, Error> {
        let place = (tenant.clone(), entry.name.clone());
        self.sweep(now, &place);
        let Ok(slot) = self.slots.get_or_insert_with(&place, || Ok::<_, Infallible>(Arc::default()));
        let request = BindRequest { binder: Arc::clone(&self.binder), entry: Arc::clone(entry), tenant: tenant.clone() };
        slot.load(request, asks_again).await
    }

    /// Makes an instance of a configuration that is not written yet, and returns the configuration with its secrets.
    pub(crate) async fn dry_run(
        &self,
        entry: &Arc<RegisteredStrategy>,
        tenant: &TenantId,
        config: Value,
    ) -> Result<(Resolved, Vec<Site>), Error> {
        BindRequest { binder: Arc::clone(&self.binder), entry: Arc::clone(entry), tenant: tenant.clone() }.dry_run(config).await
    }

    /// Whether tenants may refer to the host's environment and files.
    pub(crate) fn allows_local_refs(&self) -> bool {
        self.binder.local_refs
    }

    /// The same for a request that is not authenticated: while a store fails, one request per [`Caching::refusal_ttl`] asks it.
    pub(crate) async fn bind_unverified(&self, entry: &Arc<RegisteredStrategy>, tenant: &TenantId) -> Result<Arc<BoundTenant>, Error> {
        let outage = self.slots.get(&SlotRef(tenant, &entry.name)).and_then(|slot| slot.outage(self.binder.sessions.clock.monotonic()));
        match outage {
            Some(error) => Err(error),
            None => self.bind(entry, tenant).await,
        }
    }

    /// The cached result for the tenant and the strategy, if it is fresh. `now` is of the monotonic clock.
    pub(crate) fn bound(&self, entry: &RegisteredStrategy, tenant: &TenantId, now: Duration) -> Option<Result<Arc<BoundTenant>, Error>> {
        self.slots.get(&SlotRef(tenant, &entry.name))?.fresh(now)
    }

    /// Removes idle instances but the one that is about to be used: its secrets may serve where the store of secrets is down. Runs when
    /// an instance is loaded anyway, a few times per idle time.
    fn sweep(&self, now: Duration, used: &(TenantId, StrategyName)) {
        let idle = self.binder.caching.idle;
        let last = Duration::from_millis(self.swept_ms.load(Ordering::Relaxed));
        if now < last + idle / 8 {
            return;
        }
        self.swept_ms.store(u64::try_from(now.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.slots.retain(|key, slot| key == used || now < slot.last_used() + idle);
    }

    /// The tenants behind a provider's key, or `Store` if the directory does not answer. Cached, empty answers too.
    pub(crate) async fn route(&self, strategy: &StrategyName, key: &RouteKey, cache_use: CacheUse) -> LookUpResult<Arc<[TenantId]>> {
        // From a forged request.
        if key.value().len() > RouteKey::MAX_VALUE {
            return LookUpResult { result: Ok(Arc::default()), cached: false };
        }
        let cached = (strategy.clone(), key.clone());
        let fetch = || {
            let (binder, (strategy, key)) = (Arc::clone(&self.binder), cached.clone());
            Box::pin(async move { Ok(binder.stores().route(&strategy, &key).await?.into()) }) as BoxFuture<'static, _>
        };
        self.routes.get(&cached, cache_use, fetch).await
    }

    /// A tenant's sessions with a strategy.
    pub(crate) fn sessions(&self, tenant: &TenantId, strategy: &StrategyName) -> Sessions {
        Sessions::new(Arc::clone(&self.binder.sessions), tenant, strategy)
    }

    /// Removes a tenant, or all of them, from the caches, so that the next use reads the stores. Removes all routes and application secrets,
    /// because a key without a tenant may belong to this one now. Calls in progress keep their instance.
    pub(crate) fn invalidate(&self, tenant: Option<&TenantId>) {
        self.slots.retain(|key, _| tenant.is_some_and(|tenant| key.0 != *tenant));
        self.routes.clear();
        self.application.clear();
    }
}

/// The borrowed form of a key, with the same hash.
#[derive(Hash)]
struct SlotRef<'a>(&'a TenantId, &'a StrategyName);

impl Equivalent<(TenantId, StrategyName)> for SlotRef<'_> {
    fn equivalent(&self, key: &(TenantId, StrategyName)) -> bool {
        *self.0 == key.0 && *self.1 == key.1
    }
}
