//! Leads a send, or follows the call that leads it (rule 24).

use std::time::Duration;

use super::super::{
    ended::Ended,
    job::SendJob,
    outcome::DeferredReason,
    single_flight::{Followed, Leader, Seat},
};
use crate::{
    error::{Error, ErrorKind},
    stage::Duplicates,
    store::OwnerToken,
};

/// The role of this call.
pub(crate) enum Joined<'a> {
    /// This call makes the send. `gone` is the owner token of an earlier leader that was dropped.
    Leader { leader: Leader<'a>, gone: Option<OwnerToken> },
    /// Another call made the send, or makes it for longer than we wait.
    Ended(Ended),
}

/// Leads the send, or waits for the call that leads it.
pub(crate) async fn join<'a>(job: &SendJob<'a>) -> Result<Joined<'a>, Error> {
    let engine = job.engine();
    let mut gone = None;
    loop {
        let follower = match engine.single_flight.join(&job.key, &job.fingerprint, || engine.token()) {
            Seat::Leader(leader) => return Ok(Joined::Leader { leader, gone }),
            Seat::Mismatch => {
                return Err(Error::new(ErrorKind::Mismatch, "another message is being sent under this client message id")
                    .with_context("strategy", &job.call.entry.name));
            }
            Seat::Follower(follower) => follower,
        };
        if job.settings().dedup.duplicates == Duplicates::Reject {
            return Ok(Joined::Ended(in_progress()));
        }
        let remaining = job.clock().remaining();
        match job.clock().wait(follower.wait(engine.clock.sleep(remaining))).await {
            Followed::Ended(ended) => return Ok(Joined::Ended(ended.replayed())),
            Followed::TimedOut => return Ok(Joined::Ended(in_progress())),
            Followed::LeaderGone(owner) => gone = Some(owner),
        }
    }
}

fn in_progress() -> Ended {
    Ended::deferred(DeferredReason::InProgress, Duration::from_secs(1))
}
