//! Leads a send, or follows the call that leads it (rule 24).

use std::time::Duration;

use super::super::{
    ended::Ended,
    job::SendJob,
    outcome::DeferredReason,
    single_flight::{Leader, Seat},
};
use crate::{error::Error, stage::Duplicates};

/// The role of this call.
pub(crate) enum Joined {
    /// This call makes the send.
    Leader(Leader),
    /// Another call made the send, or makes it for longer than we wait.
    Ended(Ended),
}

/// Leads the send, or waits for the call that leads it.
pub(crate) async fn join(job: &SendJob<'_>) -> Result<Joined, Error> {
    let engine = job.engine();
    let mut gone = vec![];
    loop {
        let follower = match engine.single_flight.join(&job.key, &job.fingerprint, &gone, || engine.token()) {
            Seat::Leader(leader) => return Ok(Joined::Leader(leader)),
            Seat::Follower(follower) => follower,
        };
        job.refuse_mismatch(&follower.fingerprint)?;
        if job.settings().dedup.duplicates == Duplicates::Reject {
            return Ok(Joined::Ended(in_progress()));
        }
        let (remaining, asked) = (job.clock().remaining(), job.clock().monotonic());
        let waited = job.clock().wait(follower.wait(engine.clock.sleep(remaining))).await;
        job.call.trace.waited_since(asked, job.clock());
        match waited {
            Some(Ok(ended)) => return Ok(Joined::Ended(ended.replayed())),
            None => return Ok(Joined::Ended(in_progress())),
            Some(Err(owners)) => gone = owners,
        }
    }
}

fn in_progress() -> Ended {
    Ended::deferred(DeferredReason::InProgress, Duration::from_secs(1))
}
