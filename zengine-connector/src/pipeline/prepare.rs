//! Preparation: from the caller's message to a send for a bound tenant.

use std::time::Duration;

use super::{
    DeferredReason, Outcome,
    ended::Ended,
    ephemeral,
    job::{HostCall, SendJob},
    unbound::unable,
};
use crate::{
    error::{Error, ErrorKind},
    message::{Class, Effect, MessageRef},
};

/// A prepared send.
#[allow(clippy::large_enum_variant, reason = "it is taken apart at once; a box would cost every replay an allocation")]
pub(crate) enum Preparation<'a> {
    /// The send is to be made.
    Job(Box<SendJob<'a>>),
    /// The outcome is known: a replay, a postponed send, or an ephemeral message's.
    Outcome(Outcome),
}

/// Fingerprints the message, binds the tenant, degrades and validates the message. A send that this process delivered is
/// replayed at once (rule 30).
pub(crate) async fn prepare<'a>(call: HostCall<'a>, message: MessageRef<'a>) -> Result<Preparation<'a>, Error> {
    let send = call.identify(message)?;
    if send.effect()? == Effect::Read {
        return Err(Error::new(ErrorKind::Unsupported, "a read-only message must go through query").with_context("strategy", call.strategy));
    }
    if send.class()? == Class::Ephemeral {
        // Boxed to keep the future of other sends small.
        return Box::pin(ephemeral::send(send)).await.map(Preparation::Outcome);
    }
    let engine = call.engine;
    if let Some(delivered) = engine.delivered.get(&send.entry.name, &send.key).filter(|send| !send.is_expired(call.clock.ms())) {
        send.refuse_mismatch(&delivered.fingerprint)?;
        return delivered.ended().into_outcome(&send.key, None).map(Preparation::Outcome);
    }
    if engine.is_closing() {
        let cancelled = Ended::deferred(DeferredReason::Cancelled, Duration::from_secs(1));
        return cancelled.into_outcome(&send.key, None).map(Preparation::Outcome);
    }
    let fitted = match send.bind().await {
        Ok(bound) => send.fit(bound).await,
        Err(error) => Err(((error.kind() != ErrorKind::UnknownTenant).then_some(DeferredReason::BindFailed), error)),
    };
    match fitted {
        Ok(fitted) => Ok(Preparation::Job(Box::new(SendJob { sent: send, fitted }))),
        Err((later, error)) => unable(&send, error, later).await.map(Preparation::Outcome),
    }
}
