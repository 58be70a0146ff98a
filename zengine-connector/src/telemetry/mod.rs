//! Canonical log lines, metrics and trace context.
//!
//! | part | what it is |
//! |---|---|
//! | canonical lines | the `tracing` events `send.completed`, `send.attempt` and `inbound.completed`: one per send, per attempt, per received request (rule 81) |
//! | spans | `zengine.send`, `zengine.attempt`, `zengine.receive` and `zengine.handle` at level INFO, each around the lines about it; children of the caller's span, also in tasks of their own |
//! | [`Observer`], [`Metric`] | the port for numbers, with [`EmfObserver`] for CloudWatch (rule 82) |
//! | `MetricsObserver` (feature `metrics`) | the numbers through the crate `metrics`, for Prometheus and others |
//! | [`TraceParent`] | the W3C trace context that is carried through |
//! | `Powertools` (feature `powertools`) | a `tracing` layer that prints the JSON of AWS Lambda Powertools' logger |
//!
//! The lines are written where their facts are: in `pipeline::report` and `orchestrator::receive`. They take ids that
//! are not personal by contract, and of a recipient only a [`RecipientHmac`]; never a body, a URL or a header.

mod emf;
mod json;
mod metrics;
#[cfg(feature = "powertools")]
mod powertools;
mod recipient;
#[cfg(feature = "metrics")]
mod recorder;
mod trace;

pub use emf::EmfObserver;
pub(crate) use metrics::UNKNOWN;
pub use metrics::{Dimensions, Metric, MetricName, Observer, Observers, Unit};
#[cfg(feature = "powertools")]
pub use powertools::{Invocation, Powertools, PowertoolsBuilder, PowertoolsHandle};
pub use recipient::RecipientHmac;
#[cfg(feature = "metrics")]
pub use recorder::MetricsObserver;
pub use trace::TraceParent;

/// Whether a subscriber may take lines of level WARN, which every canonical line may have.
pub(crate) fn warn_enabled() -> bool {
    tracing::enabled!(tracing::Level::WARN)
}

/// Whether a subscriber may take a line of any level.
pub(crate) fn any_level_enabled() -> bool {
    tracing::level_filters::LevelFilter::current() != tracing::level_filters::LevelFilter::OFF
}
