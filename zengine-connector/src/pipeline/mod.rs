//! The pipeline: a fixed stack of stages around one provider call (rule 10).
//!
//! | # | stage | module | why here |
//! |---|---|---|---|
//! | 1 | telemetry, tenant context, deadline | `send`, `dropped`, `report`, `clock` | Replays, rejections and panics get a log line too. |
//! | 2 | fingerprint, facts of stored files, degradation, validation | `prepare`, `fingerprint`, `files`, `job` | An invalid message must not use up its id. |
//! | 3 | dedup | `settle`, `settled`, `dedup`, `single_flight`, `delivered` | A duplicate reaches no stage below: no breaker count, no second dead letter. |
//! | 4 | dead letter and `Outbound.Failed` | `effects` | They follow the last attempt of the claim's owner; a duplicate only completes what its owner could not store. |
//! | 5 | retry | `attempts`, `decision`, `stage::{backoff, budget}` | Every attempt passes all stages below. |
//! | 6 | breaker | `attempt`, `stage::breaker` | It counts real attempts. While it is open, no attempt takes a bulkhead permit. |
//! | 7 | bulkhead, limiter | `attempt`, `limits`, `sync::Limit`, `stage::limiter` | They limit single attempts. The breaker ignores their rejections. |
//! | 8 | timeout of one attempt | `attempt`, `runtime::guard` | It measures provider time only. No other stage drops a provider call. |
//! | 10 | provider call | the strategy | |
//!
//! An ephemeral message passes 3, 4 and 5 by: `ephemeral`.
//!
//! Number 9 is fault injection, of the feature `testing`: a fault must look as if the provider made it.
//!
//! The pipeline runs in the caller's future, so messages are borrowed. It does not depend on any channel.

mod attempt;
mod attempts;
mod clock;
mod cycle;
mod decision;
mod dedup;
mod delivered;
mod detached;
mod dropped;
mod effects;
mod ended;
mod engine;
mod ephemeral;
mod evidence;
mod file_bytes;
mod file_room;
mod files;
mod fingerprint;
mod job;
mod limits;
mod options;
mod outcome;
mod prepare;
mod query;
mod receipt;
mod redrive;
mod refusal;
mod report;
mod send;
mod send_all;
mod settle;
mod settled;
mod single_flight;
mod sweep;
mod trace;
mod unbound;

pub use detached::SendHandle;
pub(crate) use detached::send_detached;
pub(crate) use engine::{Engine, Parts, Running};
pub(crate) use file_bytes::FileBytes;
pub use options::{RedriveOptions, SendOptions};
pub use outcome::{Deferred, DeferredReason, Delivered, Failed, Outcome, Unknown};
pub(crate) use query::query;
pub(crate) use redrive::{redrive, redrive_letter};
pub(crate) use send::{outcome, send};
pub(crate) use send_all::send_all;
pub use send_all::{SendItem, SentAll, StreamEnd, Unsent};
pub use sweep::Swept;
pub(crate) use sweep::{sweep, sweep_every};
