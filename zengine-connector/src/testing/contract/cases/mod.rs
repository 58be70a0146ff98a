//! The cases, one module for each family. The list of their names is in `list.rs`.

mod calls;
mod capabilities;
mod care;
mod errors;
mod happy;
mod idempotency;
mod inbound;
mod outcomes;
mod redaction;
mod schema;
mod secrets;
mod set_up;
mod tenants;
mod time;

// Families of the list are names of modules here.
use errors::{answers, hints, success, transport};
use inbound::{arrival, batches, bounds, cross_talk, garbage, greeting, kinds, news, once, purity, refusal, signature, unknown};

// The names that every case uses.
#[allow(unused_imports, reason = "a family takes what it needs")]
mod prelude {
    pub(crate) use super::super::{
        Sample,
        fault::WireFault,
        kit::{Kit, Shared, TENANTS},
        need::Skipped,
        run::Done,
        world::World,
    };
}

crate::__contract_cases! { __contract_table [] }
