//! The state of a tenant's channel.

use serde::Serialize;

/// How a tenant's channel is. The texts are literals of the strategy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "status", content = "reason", rename_all = "snake_case")]
#[non_exhaustive]
pub enum HealthStatus {
    /// It works.
    Healthy,
    /// It works, with less.
    Degraded(&'static str),
    /// It does not work.
    Unhealthy(&'static str),
    /// Nobody can tell: our own side failed, or the provider throttled the question (rule 75).
    Inconclusive(&'static str),
    /// The strategy has no probe; health is inferred from sends.
    Passive,
}
