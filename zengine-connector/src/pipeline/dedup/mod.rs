//! Dedup: one owner per send, for any number of callers (rules 11 to 32).
//!
//! Callers in one process meet in [`SingleFlight`](super::single_flight::SingleFlight); callers in different processes meet at the claim store.

mod background;
mod claiming;
mod doubt;
mod joining;
mod ownership;

pub(super) use background::{Pending, released_ttl_s};
pub(super) use claiming::{Claimed, claim};
pub(super) use doubt::give_up;
pub(super) use joining::{Joined, join};
pub(super) use ownership::{Lost, Ownership};
