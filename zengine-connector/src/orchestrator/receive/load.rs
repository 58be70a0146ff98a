//! The limit of concurrent inbound requests.

use std::sync::{Arc, atomic::Ordering};

use crate::orchestrator::Inbound;

/// A permit for one inbound request. The task that handles its events holds it, so a request whose caller is gone still counts.
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
