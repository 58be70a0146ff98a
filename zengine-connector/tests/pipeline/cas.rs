//! The rules of claims, with records that are compared and set.

use std::sync::Arc;

use zengine_connector::testing::CasStore;

use crate::support::World;

#[path = "dedup.rs"]
mod dedup;
#[path = "doubt.rs"]
mod doubt;
#[path = "dropped.rs"]
mod dropped;
#[path = "redrive.rs"]
mod redrive;
#[path = "retry.rs"]
mod retry;

/// The shortest time in which the store answers a claim, in milliseconds.
const SHORTEST_MS: u64 = 1;

fn new_world() -> World {
    World::on_cas(Arc::new(CasStore::without_found()))
}
