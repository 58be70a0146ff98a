//! Preparation: from the caller's message to a send for a bound tenant.

use std::time::Duration;

use super::{
    DeferredReason, Outcome,
    ended::{EndError, Ended, How},
    expired::{end_doubt, expire},
    job::{HostCall, Identified, SendJob},
    settled,
};
use crate::{
    error::{Error, ErrorKind, Reach},
    message::{Effect, MessageRef},
    store::{Life, StoredError},
};

/// The `retry_after` if configuration or secrets cannot be resolved (rule 85).
const BIND_AGAIN: Duration = Duration::from_secs(30);

/// A prepared send.
pub(crate) enum Preparation<'a> {
    /// The send is to be made.
    Job(Box<SendJob<'a>>),
    /// The outcome is known: a replay, or the send is postponed.
    Outcome(Outcome),
}

/// Fingerprints the message, binds the tenant, degrades and validates the message. A send that this process delivered is
/// replayed at once (rule 30).
pub(crate) async fn prepare<'a>(call: HostCall<'a>, message: MessageRef<'a>) -> Result<Preparation<'a>, Error> {
    let send = call.identify(message)?;
    if send.effect()? == Effect::Read {
        return Err(Error::new(ErrorKind::Unsupported, "a read-only message must go through query").with_context("strategy", call.strategy));
    }
    let engine = call.engine;
    if let Some(delivered) = engine.delivered.get(&send.entry.name, &send.key).filter(|send| !send.is_expired(call.clock.ms())) {
        send.content().refuse_mismatch(&send.fingerprint, &delivered.fingerprint)?;
        return delivered.ended().into_outcome(&send.key, None).map(Preparation::Outcome);
    }
    if engine.is_closing() {
        let cancelled = Ended::deferred(DeferredReason::Cancelled, Duration::from_secs(1));
        return cancelled.into_outcome(&send.key, None).map(Preparation::Outcome);
    }
    match send.bind().await {
        Ok(bound) => send.for_tenant(bound).map(Box::new).map(Preparation::Job),
        Err(error) => unbound(&send, error).await.map(Preparation::Outcome),
    }
}

/// Answers a send whose tenant cannot be bound: replays a settled record, ends a message that is too old, else defers (rule 85). A send of
/// a tenant that is gone is rejected, and does not come again: if it may have arrived, it ends now.
async fn unbound(send: &Identified<'_>, error: Error) -> Result<Outcome, Error> {
    let record = send.record().await.map(|record| record.filter(|record| record.is_present(send.clock().ms())));
    if let Ok(Some(record)) = &record {
        send.content().refuse_mismatch(&send.fingerprint, &record.fingerprint)?;
        if record.status.is_terminal() {
            return settled::finish(send, record, None).await.replayed().into_outcome(&send.key, None);
        }
    }
    if error.kind() == ErrorKind::UnknownTenant {
        return match record {
            Ok(Some(record)) if record.is_in_doubt() => match end_doubt(send, &record).await {
                Some(ended) => ended.into_outcome(&send.key, None),
                None => later(send, error),
            },
            Ok(_) => Err(error),
            Err(_) => later(send, error),
        };
    }
    if let Ok(record) = record
        && let Some(ended) = expire(send, record.as_ref()).await
    {
        return ended.into_outcome(&send.key, None);
    }
    later(send, error)
}

fn later(send: &Identified<'_>, error: Error) -> Result<Outcome, Error> {
    let retry_after = error.retry_after().unwrap_or(BIND_AGAIN);
    let stored = StoredError::new(error.kind(), Reach::NotSent, error.message().to_owned());
    let how = How::Deferred { reason: DeferredReason::BindFailed, retry_after, error: Some(EndError::live(stored, error)) };
    Ended::new(how, 0, Life::default()).into_outcome(&send.key, None)
}
