//! From a request to an acknowledgement: verify → normalize → route → dedup → admit → handler → respond.
//!
//! What the steps promise (rule 84):
//!
//! - Nothing that somebody vouched for is lost: an event ends stored, as a dead letter, or unstored with a 503, and a
//!   redelivery runs only what is not settled.
//! - Events of one conversation are handled in order, conversations side by side. After an event that must come again,
//!   the rest of its conversation must too.
//! - A strategy's or handler's panic ends where it happens. A caller that goes away stops the waiting, never the work.
//! - A request nobody vouches for writes no store and costs a bounded look-up.

mod answer;
mod batch;
mod claim;
mod evidence;
mod guard;
mod lookup;
mod plan;
mod poison;
mod preview;
mod request;
mod synchronous;
mod tally;

pub(super) use answer::plain;
pub use answer::{Ack, Received};
pub(super) use guard::caught;
#[cfg(all(feature = "testing", feature = "tokio"))]
pub(crate) use lookup::EngineLookup;
pub use preview::Preview;
pub(crate) use tally::Batches;
