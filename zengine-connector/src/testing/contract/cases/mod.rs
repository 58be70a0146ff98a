//! The cases, one module for each family. The list of their names is in `list.rs`.

mod calls;
mod capabilities;
mod compliance;
mod conversations;
mod delivery;
mod errors;
mod idempotency;
mod inbound;
mod lookup;
mod outcomes;
mod redaction;
mod routes;
mod schema;
mod scopes;
mod secrets;
mod sessions;
mod set_up;
mod tenants;
mod time;
mod violations;

// Families of the list are names of modules here.
use errors::{answers, hints, success, transport};
use inbound::{
    arrival, batches, bounds, cross_talk, dedup, garbage, handshake, kept, kinds, media, purity, records, refusal, replies, signature,
    statuses, unknown,
};

// Names used by every case.
#[allow(unused_imports, reason = "a family takes what it needs")]
mod prelude {
    pub(crate) use super::super::{
        Sample,
        case::CaseResult,
        fault::WireFault,
        host::TestHost,
        kit::{Kit, SharedKit, TENANTS},
        need::Skipped,
    };
}

crate::__contract_cases! { __contract_table [] }
