//! The inbound path: verify → normalize → route → dedup → admit → handler → respond → finish.
//!
//! Guarantees (rule 84):
//!
//! - No authenticated event is lost: it ends stored, as a dead letter, or unstored with a 503. A redelivery handles only
//!   events that are not settled. One that a handler does not store after the deadline of a synchronous channel was answered
//!   becomes a dead letter.
//! - Events of one conversation are handled in order, conversations concurrently. After an event that must be delivered
//!   again, so must the rest of its conversation in the request.
//! - A panic ends where it happens: one of `verify` fails its request with a 500, one of `normalize` makes its payload a dead
//!   letter, one of `admit` or a handler leaves its event to a redelivery. Dropping the caller stops the waiting, never the work.
//! - A payload beyond its bounds is not read: it becomes one dead letter with its exact bytes.
//! - A dead letter's event goes the same way again from its route on, under the same claim (`Orchestrator::replay`).
//! - An unauthenticated request writes no store. Its look-ups are bounded and cached, and end with the time of `verify`.

mod answer;
mod batch;
mod bounds;
mod claim;
mod cursor;
mod due;
mod finish;
mod handle;
mod identity;
mod local;
mod lookup;
mod plan;
mod poison;
mod poll;
mod polls;
mod preview;
mod progress;
mod replay;
mod report;
mod request;
mod respond;
mod route;
#[cfg(feature = "tower")]
mod service;
mod synchronous;
mod task;
mod verify;

pub use answer::{Ack, Received};
pub(super) use local::{HandOver, hand_over};
#[cfg(all(feature = "testing", feature = "tokio"))]
pub(crate) use lookup::EngineLookup;
pub(super) use polls::Polls;
pub use preview::Preview;
pub use replay::Replayed;
#[cfg(feature = "tower")]
pub use service::{InboundService, ResponseBody};
