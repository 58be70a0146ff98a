//! Canonical log lines, metrics and trace context.
//!
//! | part | what it is |
//! |---|---|
//! | canonical lines | the `tracing` events `send.completed`, `send.attempt` and `inbound.completed`: one per send, per attempt, per received request (rule 81) |
//! | [`Observer`], [`Metric`] | the port for numbers, with [`EmfObserver`] for CloudWatch (rule 82) |
//! | [`TraceParent`] | the W3C trace context that is carried through |
//! | `Powertools` (feature `powertools`) | a `tracing` layer that prints the JSON of AWS Lambda Powertools' logger |
//!
//! Redaction is by type: a line takes ids that are not personal by contract, and of a recipient only a
//! [`RecipientHmac`]. There is no field for a body, a URL or a header.

mod emf;
mod inbound;
mod json;
mod lines;
mod metrics;
#[cfg(feature = "powertools")]
mod powertools;
mod recipient;
mod trace;

pub use emf::EmfObserver;
pub(crate) use inbound::InboundLine;
pub(crate) use lines::{AttemptLine, SendLine, any_level_enabled, info_enabled};
pub use metrics::{Dimensions, Metric, MetricName, NoopObserver, Observer, Observers, Unit};
#[cfg(feature = "powertools")]
pub use powertools::{Invocation, Powertools, PowertoolsBuilder, PowertoolsHandle};
pub use recipient::RecipientHmac;
pub use trace::TraceParent;
