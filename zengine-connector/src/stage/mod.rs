//! The stateful stages of the pipeline: retry budget, breaker, limiter, bulkhead, backoff, and their settings.
//!
//! Their state belongs to one tenant and strategy. `StageMap` keeps it, also when a tenant is bound again; a bound tenant holds a
//! handle, and knows no pipeline. No time in the settings may be longer than 366 days.

pub(crate) mod backoff;
pub(crate) mod breaker;
mod budget;
mod calls;
mod limiter;
mod settings;
mod stages;

pub use breaker::State as BreakerState;
pub(crate) use budget::Withdrawal;
pub(crate) use calls::CallTime;
pub(crate) use limiter::{LimiterAnswer, Paused, Refusal, Reservation};
pub use limiter::{Rate, Scopes};
pub use settings::{Breaker, Dedup, Duplicates, Limits, Retry, StoreDown, StrategySettings};
pub(crate) use stages::{BulkheadPermit, Settings, StageMap, Stages};
