//! The outbound path end to end, by the numbered rules of `docs/semantics.md`: one owner per send, honest outcomes, and
//! what faults of stores, providers and callers must never lead to.
//!
//! Two orchestrators over the same stores stand for two processes: each has its own flights, caches and breakers.

mod binding;
mod breaker;
mod dedup;
mod doubt;
mod letters;
mod query;
mod redrive;
mod retry;
mod support;
