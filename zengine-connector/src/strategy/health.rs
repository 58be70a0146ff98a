//! The health of a tenant's channel.

use serde::Serialize;

/// The health of a tenant's channel. The texts are literals of the strategy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "status", content = "reason", rename_all = "snake_case")]
#[non_exhaustive]
pub enum HealthStatus {
    /// It works.
    Healthy,
    /// It works with restrictions.
    Degraded(&'static str),
    /// It does not work.
    Unhealthy(&'static str),
    /// Unknown: this side failed, or the provider throttled the probe (rule 75).
    Inconclusive(&'static str),
    /// The strategy has no probe; health is inferred from sends.
    Passive,
}
