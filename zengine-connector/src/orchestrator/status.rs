//! The state of one tenant and strategy in this process, for a health endpoint.

use std::time::Duration;

use serde::Serialize;

use super::Orchestrator;
use crate::{
    error::{Error, LastError, Scope},
    ids::{ConfigVersion, IntoId, StrategyName, TenantId},
    runtime::ms,
    stage::{BreakerState, Paused, Stages},
};

/// The state of one tenant and strategy in this process: of sends, and of the configuration that receiving shares with them.
///
/// Serializes for a health endpoint, and holds no secret, recipient or body. Facts that are not there are left out.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// The tenant.
    pub tenant: TenantId,
    /// The registered name of the strategy.
    pub strategy: StrategyName,
    /// Version of the configuration that the tenant is bound with. `None` if it is not bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_version: Option<ConfigVersion>,
    /// The reason why it is not bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_bound: Option<Error>,
    /// The circuit breaker.
    pub breaker: BreakerStatus,
    /// The limit of concurrent calls.
    pub bulkhead: BulkheadStatus,
    /// The pauses after throttled answers (rule 45), by kind of scope. Sends of a paused scope are Deferred.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pauses: Vec<PauseStatus>,
    /// Tokens left in the retry budget (rule 38). `None` without a budget.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget_left: Option<u32>,
    /// The last call to the provider that failed; it is past if it has a `recovered_at_ms`. `None` if none failed since the process began,
    /// or since the tenant was idle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<LastError>,
    /// The last call for [management](crate::message::Purpose::Management) that failed because of the tenant's set-up: it says nothing
    /// about sends, and is not in `last_error`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_management_error: Option<LastError>,
}

/// The breaker of a tenant and strategy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BreakerStatus {
    /// Its state.
    pub state: BreakerState,
    /// Number of its transitions.
    pub epoch: u64,
    /// Time for which sends are Deferred, in milliseconds. Zero if the next one passes, also as a probe.
    pub retry_after_ms: i64,
}

/// The pauses of one kind of scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PauseStatus {
    /// The kind. [`Shared`](Scope::Shared) counts only what sends of this tenant met.
    pub scope: Scope,
    /// Number of paused scopes of this kind, such as recipients.
    pub count: usize,
    /// End of the last of them, in milliseconds since the Unix epoch.
    pub until_ms: i64,
}

/// The bulkhead of a tenant and strategy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BulkheadStatus {
    /// Calls in progress.
    pub in_use: usize,
    /// Maximum calls at once. `None` is no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

impl Status {
    /// Whether the tenant is bound.
    pub fn is_bound(&self) -> bool {
        self.not_bound.is_none()
    }

    /// Whether a send would reach the provider now: the tenant is bound, the breaker lets calls pass, the account is not paused and the
    /// bulkhead has room.
    pub fn is_ready(&self) -> bool {
        let has_room = self.bulkhead.limit.is_none_or(|limit| self.bulkhead.in_use < usize::try_from(limit).unwrap_or(usize::MAX));
        let is_paused = self.pauses.iter().any(|pause| matches!(pause.scope, Scope::Account | Scope::Shared));
        self.is_bound() && self.breaker.retry_after_ms == 0 && !is_paused && has_room
    }
}

impl Orchestrator {
    /// The state of one tenant and strategy in this process: bound or why not, breaker, pauses, bulkhead, last error.
    ///
    /// A cheap read that never calls the provider. A tenant that is bound costs a few look-ups in memory; any other is bound as by its
    /// first send, which reads the directory and the secrets, and waits up to 10 s for each of them. Whether the provider accepts the
    /// credentials is a question for
    /// [`health`](Self::health).
    ///
    /// ```
    /// use zengine_connector::{Error, Orchestrator};
    ///
    /// /// The answer of `GET /health/{tenant}/{strategy}`: a status, and a body of JSON.
    /// async fn health(orchestrator: &Orchestrator, tenant: &str, strategy: &str) -> Result<(u16, String), Error> {
    ///     let status = orchestrator.status(tenant, strategy).await?;
    ///     let body = serde_json::to_string(&status).unwrap_or_default();
    ///     Ok((if status.is_ready() { 200 } else { 503 }, body))
    /// }
    /// # let _ = health;
    /// ```
    ///
    /// # Errors
    /// `UnknownStrategy` if the name is not registered. Also if the tenant is no valid id.
    pub async fn status(&self, tenant: impl IntoId<TenantId>, strategy: impl IntoId<StrategyName>) -> Result<Status, Error> {
        let (engine, tenant) = (&self.engine, tenant.into_id()?);
        let entry = engine.registry.entry(strategy.as_ref())?;
        let (config_version, not_bound) = match engine.tenants.bind(entry, &tenant).await {
            Ok(bound) => (Some(bound.version.clone()), None),
            Err(error) => (None, Some(error.printed())),
        };
        let now = engine.clock.monotonic();
        let stages = engine.known_stages(&tenant, &entry.name);
        let last_error = stages.as_ref().and_then(Stages::last_error);
        let (in_use, limit) = (stages.as_ref().map_or(0, |stages| stages.bulkhead.in_use()), engine.settings(&entry.name).bulkhead);
        Ok(Status {
            tenant,
            strategy: entry.name.clone(),
            config_version,
            not_bound,
            breaker: BreakerStatus::of(stages.as_ref()),
            bulkhead: BulkheadStatus { in_use, limit },
            pauses: stages.as_ref().map_or_else(Vec::new, |stages| PauseStatus::of(stages, now, engine.now_ms())),
            budget_left: stages.as_ref().map_or(engine.settings(&entry.name).retry.budget, |stages| stages.budget.left(now)),
            last_error,
            last_management_error: stages.as_ref().and_then(Stages::last_management_error),
        })
    }
}

impl PauseStatus {
    fn of(stages: &Stages, now: Duration, now_ms: i64) -> Vec<Self> {
        let at = |Paused { scope, count, left }| Self { scope, count, until_ms: now_ms.saturating_add(ms(left)) };
        stages.limiter.pauses(now).into_iter().map(at).collect()
    }
}

impl BreakerStatus {
    fn of(stages: Option<&Stages>) -> Self {
        let (state, epoch) = stages.map_or((BreakerState::Closed, 0), |stages| stages.circuit.state());
        Self { state, epoch, retry_after_ms: stages.map_or(0, |stages| ms(stages.circuit.wait())) }
    }
}
