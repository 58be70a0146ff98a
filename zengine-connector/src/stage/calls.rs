//! The end of a tenant's calls, as far as its status tells it.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use crate::{
    error::{Fault, LastError, SendError},
    sync::Mutex,
};

/// The time of a call. Which of two calls was first is read from the monotonic clock, which no correction sets back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallTime {
    /// Beginning and end on the monotonic clock.
    pub(crate) began: Duration,
    pub(crate) ended: Duration,
    /// The end on the wall clock, to be shown.
    pub(crate) at_ms: i64,
}

/// The last error of a tenant's sends, and the last one of its set-up that only concerns management.
#[derive(Debug, Default)]
pub(super) struct Calls {
    sends: LastCall,
    management: LastCall,
}

impl Calls {
    /// Remembers the end of a call.
    pub(super) fn called(&self, manages: bool, error: Option<&SendError>, time: CallTime) {
        match error {
            Some(error) if error.error().is_of_management() => self.management.failed(error, time),
            Some(error) => self.sends.failed(error, time),
            None if manages => {
                self.management.succeeded(time, |_| true);
                // A management call proves the provider, and nothing about the account that sends.
                self.sends.succeeded(time, |last| last.error.fault() != Fault::Auth);
            }
            None => self.sends.succeeded(time, |_| true),
        }
    }

    pub(super) fn last_error(&self) -> Option<LastError> {
        self.sends.last_error()
    }

    pub(super) fn last_management_error(&self) -> Option<LastError> {
        self.management.last_error()
    }
}

/// The last call that failed, and whether one succeeded since.
#[derive(Debug, Default)]
struct LastCall {
    /// The error, and its time on the monotonic clock.
    error: Mutex<Option<(LastError, Duration)>>,
    /// Whether no call succeeded since the last error. A successful call after a success takes no lock.
    failing: AtomicBool,
}

impl LastCall {
    fn last_error(&self) -> Option<LastError> {
        self.error.lock().as_ref().map(|(error, _)| error.clone())
    }

    fn failed(&self, error: &SendError, time: CallTime) {
        let mut last = self.error.lock();
        *last = Some((LastError::new(error, time.at_ms), time.ended));
        self.failing.store(true, Ordering::Relaxed);
    }

    /// A call that began before the last error proves nothing of the time after it.
    fn succeeded(&self, time: CallTime, proves: impl FnOnce(&LastError) -> bool) {
        if !self.failing.load(Ordering::Relaxed) {
            return;
        }
        let mut last = self.error.lock();
        let Some((last, failed)) = last.as_mut() else { return };
        if last.recovered_at_ms.is_none() && time.began >= *failed && proves(last) {
            last.recovered_at_ms = Some(time.at_ms);
            self.failing.store(false, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn time(began: u64, ended: u64, at_ms: i64) -> CallTime {
        CallTime { began: Duration::from_secs(began), ended: Duration::from_secs(ended), at_ms }
    }

    #[test]
    fn a_wall_clock_that_is_set_back_hides_no_success() {
        let (calls, error) = (Calls::default(), SendError::of(ErrorKind::Unavailable, "down").not_sent());
        calls.called(false, Some(&error), time(0, 2, 1_000_000));
        // Began before the error, whatever the wall clock says.
        calls.called(false, None, time(1, 3, 2_000_000));
        assert_eq!(calls.last_error().unwrap().recovered_at_ms, None);
        calls.called(false, None, time(2, 3, 5));
        assert_eq!(calls.last_error().unwrap().recovered_at_ms, Some(5));
    }
}
