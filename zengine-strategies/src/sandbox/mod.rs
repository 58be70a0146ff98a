//! Emulators of the providers, for tests, demonstrations and benchmarks.
//!
//! An emulator is a loopback HTTP server that behaves as the provider's documentation says the provider does. It shares no
//! code with the strategy that talks to it, so that a misreading in one shows up against the other. Each runs on a thread
//! and a runtime of its own: it works from any executor, and beside tests that stop tokio's clock.
//!
//! | module | provider |
//! |---|---|
//! | [`meta_cloud`] | WhatsApp Cloud API by Meta |
//!
//! All of them keep a [`Journal`] of the requests they got and play the [`Fault`]s that a test queues.
//!
//! ```
//! use zengine_strategies::sandbox::{Fault, meta_cloud::{MetaCloud, Number, Settings}};
//!
//! let meta = MetaCloud::start(Settings::new().with_number(Number::new("100200300", "900100")))?;
//! meta.fail_next(Fault::throttle());
//! assert!(meta.base_url().starts_with("http://127.0.0.1:"));
//! assert_eq!(meta.journal().accepted_count(), 0);
//! # Ok::<(), std::io::Error>(())
//! ```

mod clock;
mod control;
mod courier;
mod desk;
mod emulator;
mod faults;
mod journal;
pub mod meta_cloud;
mod provider;
mod random;
mod server;
mod text;

pub use courier::{Delivery, WebhookFault};
pub use emulator::Emulator;
pub use faults::Fault;
pub use journal::{Entry, EntryKind, Journal};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, also after a panic elsewhere: an emulator goes on telling what it saw.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
