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
//! All of them keep a [`Journal`] of the requests they got and the webhooks they sent, play the [`Fault`]s and [`WebhookFault`]s
//! that a test queues, have a clock that can be moved ahead, and take the same orders by HTTP under `/_sandbox/`, so that a
//! program in any language can drive them. `docs/emulators.md` in the repository lists the calls.
//!
//! | what | from a test in one line |
//! |---|---|
//! | the next two sends are throttled | `meta.fail_next(Fault::throttle().times(2))` |
//! | the third send fails | `meta.script([Fault::pass().times(2), Fault::unavailable()])` |
//! | one send in twenty hangs | `meta.fail_always(Fault::hang().with_probability(0.05))` |
//! | the port is closed for a while | `meta.refuse_connections_for(Duration::from_millis(200)).await` |
//! | the next webhook comes twice, or behind two others | `meta.disturb_next(WebhookFault::duplicate(1))`, `…::behind(2)` |
//! | two months pass | `meta.advance(Duration::from_secs(60 * 86_400))` |
//! | wait for what happens | `meta.journal().wait_for_webhooks(3).await`, `meta.settle().await` |
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
mod emulator;
mod faults;
mod handler;
mod journal;
pub mod meta_cloud;
mod provider;
mod random;
mod server;
mod text;
mod webhooks;

pub use emulator::Emulator;
pub use faults::Fault;
pub use journal::{EntryKind, Journal, JournalEntry};
pub use webhooks::{Delivery, WebhookFault};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, also after a panic elsewhere: an emulator goes on telling what it saw.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
