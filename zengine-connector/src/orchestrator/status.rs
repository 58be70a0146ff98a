//! The state of one tenant and strategy in this process, for a health endpoint.

use serde::Serialize;

use super::Orchestrator;
use crate::{
    error::{Error, LastError},
    ids::{ConfigVersion, IntoId, StrategyName, TenantId},
    runtime::ms,
    stage::{BreakerState, Stages},
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
    /// End of the pause that the provider asked for with its last error, in milliseconds since the Unix epoch. `None` if there is none
    /// now: it is over, or the provider has accepted a call since. Each send meets the provider by itself; none is held back because of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused_until_ms: Option<i64>,
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

    /// Whether a send would reach the provider now: the tenant is bound, the breaker lets calls pass and the bulkhead has room.
    pub fn is_ready(&self) -> bool {
        let has_room = self.bulkhead.limit.is_none_or(|limit| self.bulkhead.in_use < usize::try_from(limit).unwrap_or(usize::MAX));
        self.is_bound() && self.breaker.retry_after_ms == 0 && has_room
    }
}

impl Orchestrator {
    /// The state of one tenant and strategy in this process: bound or why not, breaker, pause, bulkhead, last error.
    ///
    /// A cheap read that never calls the provider. A tenant that is bound costs a few look-ups in memory; any other is bound as by its
    /// first send, which reads the directory and the secrets, and waits up to 10 s for each of them. Whether the provider accepts the credentials is a question for
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
            paused_until_ms: last_error.as_ref().and_then(|error| error.paused_until_ms(engine.now_ms())),
            last_error,
            last_management_error: stages.as_ref().and_then(Stages::last_management_error),
        })
    }
}

impl BreakerStatus {
    fn of(stages: Option<&Stages>) -> Self {
        let (state, epoch) = stages.map_or((BreakerState::Closed, 0), |stages| stages.circuit.state());
        Self { state, epoch, retry_after_ms: stages.map_or(0, |stages| ms(stages.circuit.wait())) }
    }
}
