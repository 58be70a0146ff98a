//! The stateful stages of the pipeline: breaker, bulkhead, backoff, and their settings.
//!
//! Their state belongs to one tenant and strategy and lives with the bound tenant, which knows no pipeline.

pub(crate) mod backoff;
pub(crate) mod breaker;
mod bulkhead;
mod settings;
mod stages;

pub use settings::{Breaker, Dedup, Duplicates, Retry, StoreDown, StrategySettings};
pub(crate) use stages::{Settings, StageMap, Stages};
