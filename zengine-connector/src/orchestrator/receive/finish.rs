//! The strategy's last look at a response.

use std::{sync::Arc, time::Duration};

use super::answer::Received;
use crate::{
    pipeline::Engine,
    registry::RegisteredStrategy,
    runtime::{Missed, catch_in, guard},
    strategy::{FinalResponse, Origin, RequestHead, TenantLookup},
};

/// Maximum time for `finish`.
const FINISH_TIMEOUT: Duration = Duration::from_secs(2);

/// Has the strategy add to a response, which is due by `until`. After a panic, or if it takes too long, the response stays as it is.
pub(super) async fn finish(
    engine: &Engine,
    entry: &RegisteredStrategy,
    request: &RequestHead,
    tenants: &Arc<dyn TenantLookup>,
    until: Option<Duration>,
    received: &mut Received,
) {
    // The answer to a record is its acknowledgement.
    let (Some(inbound), Origin::Http { .. }) = (&entry.inbound, request.origin()) else { return };
    let mut last = match received.words {
        Some(words) => FinalResponse::of_core(&received.response, words),
        None => FinalResponse::of(&received.response),
    };
    let finished = match catch_in(|| inbound.finish(request, Arc::clone(tenants), &mut last)) {
        // It ended at once, and may have added to the response on the way.
        Some(None) => Ok(()),
        Some(Some(finishing)) => {
            let left = until.map_or(FINISH_TIMEOUT, |until| until.saturating_sub(engine.clock.monotonic()));
            guard(&*engine.clock, left.min(FINISH_TIMEOUT), finishing).await
        }
        None => Err(Missed::Panicked),
    };
    match finished {
        Ok(()) => {
            let additions = last.into_additions();
            if let Some(what) = additions.refused {
                tracing::error!(strategy = %entry.name, what, "inbound.finish_refused");
            }
            additions.apply(&mut received.response);
        }
        Err(Missed::Panicked) => tracing::error!(strategy = %entry.name, "inbound.finish_panicked"),
        Err(Missed::TimedOut) => tracing::error!(strategy = %entry.name, "inbound.finish_timed_out"),
    }
}
