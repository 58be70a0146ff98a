//! The bound of requests under work in this process.

use std::sync::{Arc, atomic::Ordering};

use crate::orchestrator::Inbound;

/// One request under work, counted until it is dropped. The task that works on the events holds it, so an abandoned request
/// counts until its work ends.
pub(super) struct UnderWork(Arc<Inbound>);

impl UnderWork {
    /// `None` if as many requests are under work as the settings allow.
    pub(super) fn begin(inbound: &Arc<Inbound>) -> Option<Self> {
        let most = inbound.settings.max_requests;
        let begun = inbound.under_work.fetch_update(Ordering::AcqRel, Ordering::Acquire, |now| (now < most).then_some(now + 1));
        begun.ok().map(|_| Self(Arc::clone(inbound)))
    }
}

impl Drop for UnderWork {
    fn drop(&mut self) {
        self.0.under_work.fetch_sub(1, Ordering::AcqRel);
    }
}
