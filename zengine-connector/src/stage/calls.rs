//! The end of a tenant's calls, as far as its status tells it.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::{
    error::{Fault, LastError, SendError},
    sync::Mutex,
};

/// The last error of a tenant's sends, and the last one of its set-up that only concerns management.
#[derive(Debug, Default)]
pub(super) struct Calls {
    sends: LastCall,
    management: LastCall,
}

impl Calls {
    /// Remembers the end of a call, with its beginning and end on the wall clock.
    pub(super) fn called(&self, manages: bool, error: Option<&SendError>, began_ms: i64, at_ms: i64) {
        match error {
            Some(error) if error.error().is_of_management() => self.management.failed(error, at_ms),
            Some(error) => self.sends.failed(error, at_ms),
            None if manages => {
                self.management.succeeded(began_ms, at_ms, |_| true);
                // A management call proves the provider, and nothing about the account that sends.
                self.sends.succeeded(began_ms, at_ms, |last| last.error.fault() != Fault::Auth);
            }
            None => self.sends.succeeded(began_ms, at_ms, |_| true),
        }
    }

    pub(super) fn last_error(&self) -> Option<LastError> {
        self.sends.error.lock().clone()
    }

    pub(super) fn last_management_error(&self) -> Option<LastError> {
        self.management.error.lock().clone()
    }
}

/// The last call that failed, and whether one succeeded since.
#[derive(Debug, Default)]
struct LastCall {
    error: Mutex<Option<LastError>>,
    /// Whether no call succeeded since the last error. A successful call after a success takes no lock.
    failing: AtomicBool,
}

impl LastCall {
    fn failed(&self, error: &SendError, at_ms: i64) {
        let mut last = self.error.lock();
        *last = Some(LastError::new(error, at_ms));
        self.failing.store(true, Ordering::Relaxed);
    }

    /// A call that began before the last error proves nothing of the time after it.
    fn succeeded(&self, began_ms: i64, at_ms: i64, proves: impl FnOnce(&LastError) -> bool) {
        if !self.failing.load(Ordering::Relaxed) {
            return;
        }
        let mut last = self.error.lock();
        if let Some(last) = last.as_mut().filter(|last| last.recovered_at_ms.is_none() && began_ms >= last.at_ms && proves(last)) {
            last.recovered_at_ms = Some(at_ms);
            self.failing.store(false, Ordering::Relaxed);
        }
    }
}
