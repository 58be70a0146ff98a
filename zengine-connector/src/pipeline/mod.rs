//! The pipeline: a fixed stack of stages around one provider call (rule 10).
//!
//! | # | stage | room |
//! |---|---|---|
//! | 1 | telemetry, tenant context, deadline | `report`, `send` |
//! | 2 | fingerprint, degradation, validation | `send` |
//! | 3 | dedup | `dedup` |
//! | 4 | dead letter and `Outbound.Failed` | `dead_letter` |
//! | 5 | retry | `attempts`, `decision`, `backoff` |
//! | 6 | breaker | `breaker` |
//! | 7 | bulkhead | `bulkhead` |
//! | 8 | timeout of one attempt | `attempts`, with `runtime::within` |
//! | 10 | provider call | the strategy |
//!
//! It runs in the caller's future, so that messages are borrowed. It knows no channel.

mod attempts;
mod dead_letter;
mod decision;
mod dedup;
mod delivered;
mod ended;
mod engine;
mod evidence;
mod fingerprint;
mod job;
mod now;
mod options;
mod outcome;
mod query;
mod receipt;
mod records;
mod redrive;
mod report;
mod send;
mod single_flight;
mod tokens;
mod trace;

pub(crate) use engine::{Engine, Parts};
pub use options::{RedriveOptions, SendOptions};
pub use outcome::{Deferred, DeferredReason, Delivered, Failed, Outcome, Unknown};
pub(crate) use query::query;
pub(crate) use redrive::redrive;
pub(crate) use send::{outcome, send};
