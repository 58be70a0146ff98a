//! Emulators of the providers, for tests, demonstrations and benchmarks.
//!
//! An emulator is a loopback HTTP server that behaves as its provider's documentation describes. It shares no code with the
//! strategy under test, so that a misreading in one shows up against the other. Each runs on its own thread and runtime: it
//! works with any executor, and in tests that pause tokio's clock.
//!
//! | module | provider |
//! |---|---|
//! | [`dialog360`] | WhatsApp through 360dialog |
//! | [`meta_cloud`] | WhatsApp Cloud API by Meta |
//!
//! Every emulator keeps a [`Journal`] of its requests and webhooks, applies the [`Fault`]s and [`WebhookFault`]s that a test
//! queues, and has a clock that a test can advance. Programs in any language control it by HTTP under `/_sandbox/`;
//! `docs/emulators.md` in the repository lists the calls.
//!
//! | effect | call |
//! |---|---|
//! | the next two sends are throttled | `meta.fail_next(Fault::throttle().times(2))` |
//! | the third send fails | `meta.script([Fault::pass().times(2), Fault::unavailable()])` |
//! | one send in twenty hangs | `meta.fail_always(Fault::hang().with_probability(0.05))` |
//! | the port is closed for 200 ms | `meta.refuse_connections_for(Duration::from_millis(200)).await` |
//! | the next webhook is duplicated, or delayed behind two others | `meta.disturb_next(WebhookFault::duplicate(1))`, `…::behind(2)` |
//! | two months pass | `meta.advance(Duration::from_secs(60 * 86_400))` |
//! | wait for webhooks | `meta.journal().wait_for_webhooks(3).await`, `meta.settle().await` |
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
pub mod dialog360;
mod emulator;
mod faults;
mod form;
mod handler;
mod in_process;
mod journal;
pub mod meta_cloud;
pub(crate) mod multipart;
mod provider;
mod server;
pub(crate) mod text;
mod waba;
mod webhooks;

pub use emulator::Emulator;
pub use faults::{Fault, FaultRule, WebhookFault};
pub use in_process::InProcess;
pub use journal::{EntryKind, Journal, JournalEntry};
pub use webhooks::Delivery;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex, even if it is poisoned: an emulator keeps its journal after a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
