//! The rules, with records in a file.

use crate::support::World;

#[path = "binding.rs"]
mod binding;
#[path = "breaker.rs"]
mod breaker;
#[path = "dedup.rs"]
mod dedup;
#[path = "doubt.rs"]
mod doubt;
#[path = "dropped.rs"]
mod dropped;
#[path = "letters.rs"]
mod letters;
#[path = "protection.rs"]
mod protection;
#[path = "query.rs"]
mod query;
#[path = "queue.rs"]
mod queue;
#[path = "redrive.rs"]
mod redrive;
#[path = "retry.rs"]
mod retry;
#[path = "steps.rs"]
mod steps;
#[path = "sweep.rs"]
mod sweep;
#[path = "warnings.rs"]
mod warnings;

/// So many sends are many.
const MANY: u32 = 100;

/// The shortest time in which the store answers a claim, in milliseconds.
const SHORTEST_MS: u64 = 0;

fn new_world() -> World {
    World::on_disk()
}
