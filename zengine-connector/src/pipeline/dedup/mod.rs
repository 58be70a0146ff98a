//! Dedup: one owner per send, whoever asks how often (rules 11 to 32).
//!
//! Callers in one process meet in [`Flights`]; callers in different processes meet at the claim store.

mod claiming;
mod doubt;
mod fingerprint;
mod flights;
mod ownership;

pub(super) use claiming::{Claimed, claim};
pub(super) use fingerprint::Content;
pub(super) use flights::{Boarding, Flights, Landed, Lead};
pub(super) use ownership::{Lost, Ownership, seconds};
