//! The lifetime of a tenant's instance: when it is reused and when it is made anew.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::Value;

use super::{
    Binder,
    cache::{SharedWork, is_outage},
};
use crate::{
    error::{Error, ErrorKind},
    ids::{ConfigVersion, TenantId},
    registry::RegisteredStrategy,
    runtime::{BoxFuture, catch, within},
    schema::{Resolved, Site},
    stage::Stages,
    store::TenantConfig,
    strategy::{Base, CallScope, ConfigureContext, ErasedTenant, Sessions},
    sync::{Mutex, OncePerSecond, Snapshot},
};

/// Maximum time for `configure`.
const CONFIGURE_TIMEOUT: Duration = Duration::from_secs(10);

/// A tenant bound to a strategy: configuration checked, secrets resolved.
pub(crate) struct BoundTenant {
    pub(crate) scope: Arc<CallScope>,
    pub(crate) version: ConfigVersion,
    pub(crate) state: ErasedTenant,
    /// The tenant's pipeline stages, looked up at the first send.
    pub(crate) stages: OnceLock<Stages>,
}

impl BoundTenant {
    pub(crate) fn tenant(&self) -> &TenantId {
        &self.scope.tenant
    }
}

debug_fields!(BoundTenant { scope, version });

/// One binding to make.
pub(super) struct BindRequest {
    pub(super) binder: Arc<Binder>,
    pub(super) entry: Arc<RegisteredStrategy>,
    pub(super) tenant: TenantId,
}

/// The cached state of one tenant and strategy.
#[derive(Default)]
pub(super) struct Slot {
    state: Snapshot<State>,
    work: SharedWork<Arc<BoundTenant>>,
    /// The last failure of a store, and until when a request that is not authenticated gets it.
    outage: Mutex<Option<(Error, Duration)>>,
    used_ms: AtomicU64,
    /// When a remembered refusal was last asked past.
    asked_again: OncePerSecond,
}

#[derive(Default)]
enum State {
    #[default]
    Empty,
    Bound(Current),
    /// There is no configuration, or it cannot be bound.
    Refused {
        error: Error,
        until: Duration,
        version: Option<ConfigVersion>,
    },
}

/// An instance and the times until which it is reused without reading the stores. Times are of the monotonic clock.
#[derive(Clone)]
struct Current {
    bound: Arc<BoundTenant>,
    config_until: Duration,
    secrets_read: Duration,
    secrets_until: Duration,
    digest: [u8; 32],
    has_secrets: bool,
}

impl Current {
    fn until(&self) -> Duration {
        if self.has_secrets { self.config_until.min(self.secrets_until) } else { self.config_until }
    }
}

impl Slot {
    /// The cached result, if it is still fresh.
    pub(super) fn fresh(&self, now: Duration) -> Option<Result<Arc<BoundTenant>, Error>> {
        let state = self.state.load();
        let result = match &*state {
            State::Bound(current) if now < current.until() => Ok(Arc::clone(&current.bound)),
            State::Refused { error, until, .. } if now < *until => Err(error.clone()),
            _ => return None,
        };
        self.touch(now);
        Some(result)
    }

    /// A failure of a store that is remembered.
    pub(super) fn outage(&self, now: Duration) -> Option<Error> {
        self.outage.lock().as_ref().filter(|(_, until)| now < *until).map(|(error, _)| error.clone())
    }

    /// Records the use, once per second at most, so that a busy tenant does not write on every send.
    fn touch(&self, now: Duration) {
        let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        if now >= self.used_ms.load(Ordering::Relaxed).saturating_add(1000) {
            self.used_ms.store(now, Ordering::Relaxed);
        }
    }

    pub(super) fn last_used(&self) -> Duration {
        Duration::from_millis(self.used_ms.load(Ordering::Relaxed))
    }

    /// Reads the stores. Concurrent callers share one read.
    /// `asks_again` does not take a remembered refusal for an answer, once per second.
    pub(super) async fn load(self: &Arc<Self>, request: BindRequest, asks_again: bool) -> Result<Arc<BoundTenant>, Error> {
        let slot = Arc::clone(self);
        let now = request.now();
        let known = || self.fresh(now).filter(|known| asks_again && (known.is_ok() || !self.asked_again.is_due(now)));
        let start = move || -> BoxFuture<'static, _> {
            Box::pin(async move {
                let now = request.now();
                slot.touch(now);
                // Another caller may have finished since we looked.
                if let Some(known) = slot.fresh(now).filter(|known| known.is_ok() || !asks_again) {
                    return known;
                }
                let result = request.renew(&slot, now).await;
                let until = request.now() + request.binder.caching.refusal_ttl;
                let outage = result.as_ref().err().filter(|error| error.is_temporary());
                *slot.outage.lock() = outage.map(|error| (error.clone(), until));
                result.map_err(|error| error.with_context("strategy", &request.entry.name).with_context("tenant", &request.tenant))
            })
        };
        self.work.join_unless(known, start).await.result
    }
}

impl BindRequest {
    fn now(&self) -> Duration {
        self.binder.sessions.clock.monotonic()
    }

    /// Reads configuration and secrets, and makes a new instance if one of them changed (rule 85).
    async fn renew(&self, slot: &Slot, now: Duration) -> Result<Arc<BoundTenant>, Error> {
        let state = &slot.state;
        let known = state.load();
        let current = match &*known {
            State::Bound(current) => Some(current),
            _ => None,
        };
        let caching = &self.binder.caching;
        let row = match self.row().await {
            Ok(row) => row,
            // The directory is down, but only the secrets are due: keep using this version.
            Err(error) => match current {
                Some(current) if now < current.config_until && now < current.secrets_read + caching.stale_secret_max => {
                    return Ok(Arc::clone(&current.bound));
                }
                _ => return Err(error),
            },
        };
        let version = row.as_ref().ok().map(|row| row.version.clone());
        let result = match row {
            Ok(row) => self.instance(current.filter(|current| current.bound.version == row.version), row, now).await,
            Err(error) => Err(error),
        };
        // An instance of an old version is never used for a new call.
        match result {
            Ok(current) => {
                let bound = Arc::clone(&current.bound);
                self.binder.graces.bound(&self.tenant, &self.entry.name, &bound.version);
                state.store(Arc::new(State::Bound(current)));
                Ok(bound)
            }
            Err(error) if error.is_temporary() => {
                state.store(Arc::default());
                Err(error)
            }
            Err(error) => {
                self.binder.graces.refused(&self.tenant, &self.entry.name, version.as_ref(), now);
                self.report(&known, version.as_ref(), &error);
                state.store(Arc::new(State::Refused { error: error.clone(), until: now + caching.refusal_ttl, version }));
                Err(error)
            }
        }
    }

    /// Warns once of each version of a configuration that cannot be bound. Its sends are deferred until they are too old, and the age of
    /// one without `created_at` is not known (rule 85). Its events are kept as poison where tenants share the endpoint, and cannot be
    /// authenticated where its own credentials must.
    fn report(&self, known: &State, version: Option<&ConfigVersion>, error: &Error) {
        let Some(version) = version else { return };
        if matches!(known, State::Refused { version: Some(reported), .. } if reported == version) {
            return;
        }
        tracing::warn!(
            tenant_id = %self.tenant,
            strategy = %self.entry.name,
            config_version = %version,
            %error,
            effect = "sends are deferred, those without created_at until it is mended; \
                      events become dead letters on a shared endpoint, and are refused on one of its own",
            "tenant.configuration_refused"
        );
    }

    /// The tenant's directory row. The inner error means that it is missing or disabled.
    async fn row(&self) -> Result<Result<TenantConfig, Error>, Error> {
        let row = self.binder.stores().tenant_config(&self.tenant, &self.entry.name).await?;
        Ok(match row {
            None => Err(Error::new(ErrorKind::UnknownTenant, "unknown tenant: it has no configuration for this strategy")),
            Some(row) if !row.enabled => Err(Error::new(ErrorKind::UnknownTenant, "the strategy is disabled for this tenant")),
            Some(row) => Ok(row),
        })
    }

    /// The instance for this row. Reuses `same` if its secrets are unchanged.
    async fn instance(&self, same: Option<&Current>, row: TenantConfig, now: Duration) -> Result<Current, Error> {
        let caching = &self.binder.caching;
        let config_until = now + caching.config_ttl;
        if let Some(current) = same.filter(|current| !current.has_secrets || now < current.secrets_until) {
            return Ok(Current { config_until, ..current.clone() });
        }
        let sites = self.entry.checks.check(&row.config, self.binder.local_refs)?;
        let (config, digest) = match self.binder.resolve(&self.tenant, &self.entry.name, row.config, &sites).await {
            Ok(resolved) => resolved,
            // Keep the known secrets, and read them again together with the configuration.
            Err(error) => match same {
                Some(current) if is_outage(&error) && now < current.secrets_read + caching.stale_secret_max => {
                    let secrets_until = config_until.min(current.secrets_read + caching.stale_secret_max);
                    return Ok(Current { config_until, secrets_until, ..current.clone() });
                }
                _ => {
                    self.binder.graces.without_secrets(&self.tenant, &self.entry.name, &row.version);
                    return Err(error);
                }
            },
        };
        let (secrets_read, secrets_until) = (now, now + caching.secret_ttl);
        if let Some(current) = same.filter(|current| current.digest == digest) {
            return Ok(Current { config_until, secrets_read, secrets_until, ..current.clone() });
        }
        let bound = self.configure(&config, row.version).await?;
        Ok(Current { bound, config_until, secrets_read, secrets_until, digest, has_secrets: !sites.is_empty() })
    }

    /// Makes an instance of a configuration and drops it. Returns the configuration and the places of its secrets.
    pub(super) async fn dry_run(&self, config: Value) -> Result<(Resolved, Vec<Site>), Error> {
        let sites = self.entry.checks.check(&config, self.binder.local_refs)?;
        let (config, _) = self.binder.resolve(&self.tenant, &self.entry.name, config, &sites).await?;
        let panicked = || Err(Error::new(ErrorKind::Unexpected, "the strategy panicked while it configured the tenant"));
        catch(self.configure(&config, ConfigVersion::number(0))).await.unwrap_or_else(panicked)?;
        Ok((config, sites))
    }

    async fn configure(&self, config: &Resolved, version: ConfigVersion) -> Result<Arc<BoundTenant>, Error> {
        let sessions = &self.binder.sessions;
        let kept = Sessions::new(Arc::clone(sessions), &self.tenant, &self.entry.name);
        let scope = Arc::new(CallScope::new(self.tenant.clone(), self.entry.name.clone(), Arc::clone(&sessions.clock), kept));
        let deadline = sessions.clock.now() + CONFIGURE_TIMEOUT;
        let base = Base { scope: Arc::clone(&scope), deadline, correlation: None, traceparent: None };
        let cx = ConfigureContext { base, version: version.clone() };
        let configured = within(&*sessions.clock, CONFIGURE_TIMEOUT, self.entry.strategy.configure(config.value(), &cx)).await;
        let silent = || Err(Error::new(ErrorKind::Timeout, "the strategy did not configure the tenant in time"));
        let state = configured.unwrap_or_else(silent)?;
        Ok(Arc::new(BoundTenant { scope, version, state, stages: OnceLock::new() }))
    }
}
