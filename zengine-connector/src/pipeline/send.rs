//! One send from the caller's message to its outcome.

use std::{sync::Arc, time::Duration};

use super::{
    DeferredReason, Engine, Outcome, SendOptions,
    attempts::{self, Run},
    dead_letter::{self, History},
    decision::Protection,
    dedup::{Claimed, Ownership, claim},
    ended::Ended,
    fingerprint::Content,
    job::SendJob,
    now::Now,
    report,
    single_flight::{Followed, Joined},
    trace::SendTrace,
};
use crate::{
    error::{Error, ErrorKind, SendError},
    ids::{ClientMessageId, FailureId, StrategyName, TenantId},
    message::{Effect, MessageRef, Receipt},
    runtime::seconds,
    stage::Duplicates,
    store::{ClaimKey, ClaimRecord, ClaimStatus, Fingerprint, Reference, StoredError, StoredReceipt, Terminal},
    strategy::ProviderKey,
};

/// Default time for a send.
pub(super) const DEFAULT_TIME: Duration = Duration::from_secs(60);
/// The `retry_after` if configuration or secrets cannot be resolved (rule 85).
const BIND_AGAIN: Duration = Duration::from_secs(30);

/// Sends one message and reports its outcome.
pub(crate) async fn send(
    engine: &Arc<Engine>,
    tenant: &TenantId,
    strategy: &str,
    message: MessageRef<'_>,
    options: &SendOptions,
) -> Result<Outcome, Error> {
    let _running = engine.enter();
    let now = Now::read(&*engine.clock);
    let (started, trace) = (now.monotonic(), SendTrace::new());
    let result = send_inner(engine, tenant, strategy, message, options, &now, &trace).await;
    report::send(engine, tenant, strategy, options, &trace, started, &result);
    result
}

async fn send_inner(
    engine: &Arc<Engine>,
    tenant: &TenantId,
    strategy: &str,
    message: MessageRef<'_>,
    options: &SendOptions,
    now: &Now<'_>,
    trace: &SendTrace,
) -> Result<Outcome, Error> {
    let entry = engine.registry.entry(strategy)?;
    let outbound = entry.sends()?;
    let message = outbound.prepare(message)?;
    if outbound.effect(&message)? == Effect::Read {
        return Err(Error::new(ErrorKind::Unsupported, "a read-only message must go through query").with_context("strategy", strategy));
    }
    let content = Content { keys: &*engine.keys, tenant, strategy: &entry.name, outbound: &**outbound, message: &message };
    let fingerprint = content.fingerprint()?;
    let key = ClaimKey::outbound(tenant, &entry.name, &options.client_message_id);
    if let Some(replay) = remembered(engine, now, (&entry.name, &key), |record| {
        content.refuse_mismatch(&fingerprint, &record.fingerprint)?;
        Ok::<_, Error>(engine.ended(&key, record))
    })
    .transpose()?
    .flatten()
    {
        return replay.into_outcome(true, None, None);
    }
    if engine.is_closing() {
        return Ended::deferred(DeferredReason::Cancelled, Duration::from_secs(1)).into_outcome(false, None, None);
    }
    let bound = if let Some(bound) = engine.tenants.bound(entry, tenant, now.monotonic()) {
        bound
    } else {
        let bound = engine.tenants.bind(entry, tenant).await;
        now.refresh();
        bound
    };
    let bound = match bound {
        Ok(bound) => bound,
        Err(error) => return replay_or_defer(engine, &key, content, &fingerprint, error).await,
    };
    let seen = entry.inspect(&bound.state, &message, options.degrade)?;
    let (degraded, loss) = seen.degraded.unzip();
    let job = SendJob {
        engine,
        entry,
        outbound: &**outbound,
        bound: &bound,
        stages: engine.stages(&bound),
        key,
        fingerprint,
        original: &message,
        message: degraded.as_ref().unwrap_or(&message),
        idempotency: seen.idempotency.unwrap_or(entry.descriptor.idempotency),
        options,
        deadline: now.after(options.time.unwrap_or(DEFAULT_TIME)),
        now,
        trace,
    };
    job.trace.recipient(|| job.outbound.recipient(job.message, &job.engine.keys.current(), job.tenant()));
    let settled = settle(&job).await?;
    settled.ended.into_outcome(settled.replayed, settled.error, loss)
}

/// Looks at the record of a delivered send in this process's memory (rule 30).
fn remembered<T>(
    engine: &Engine,
    now: &Now<'_>,
    (strategy, key): (&StrategyName, &ClaimKey),
    look: impl FnOnce(&ClaimRecord) -> T,
) -> Option<T> {
    if engine.stores.claims_are_local() {
        return engine.stores.delivered_now(key, now.ms()).as_ref().map(look);
    }
    engine.delivered.get(strategy, key).filter(|record| !record.is_expired(now.ms())).as_deref().map(look)
}

/// Answers a send whose tenant cannot be bound: replays a settled record, else defers (rule 85). A record whose dead letter
/// is pending is not replayed, because only the caller has the message (rule 68).
async fn replay_or_defer(
    engine: &Engine,
    key: &ClaimKey,
    content: Content<'_>,
    fingerprint: &Fingerprint,
    error: Error,
) -> Result<Outcome, Error> {
    if error.kind() == ErrorKind::UnknownTenant {
        return Err(error);
    }
    if let Ok(Some(record)) = engine.stores.record(key).await {
        content.refuse_mismatch(fingerprint, &record.fingerprint)?;
        if let Some(ended) = engine.ended(key, &record).filter(|_| !record.effects_pending.dlq) {
            return ended.into_outcome(true, None, None);
        }
    }
    let retry_after = error.retry_after().unwrap_or(BIND_AGAIN);
    Ended::deferred(DeferredReason::BindFailed, retry_after).into_outcome(false, Some(error), None)
}

/// The end of a send, and whether another call made it.
pub(crate) struct Settled {
    pub(crate) ended: Ended,
    pub(crate) replayed: bool,
    /// The last attempt's own error, if this call made that attempt.
    pub(crate) error: Option<Error>,
}

/// Joins a running send of the same id, or makes the send (rule 24).
pub(crate) async fn settle<'a>(job: &'a SendJob<'a>) -> Result<Settled, Error> {
    let mut gone = None;
    let asked = job.now.monotonic();
    loop {
        let owner = job.engine.token();
        let leader = match job.engine.single_flight.join(&job.key, &job.fingerprint, owner) {
            Joined::Leader(leader) => leader,
            Joined::Mismatch => {
                return Err(Error::new(ErrorKind::Mismatch, "another message is being sent under this client message id")
                    .with_context("strategy", &job.entry.name));
            }
            Joined::Follower(follower) => {
                if job.settings().dedup.duplicates == Duplicates::Reject {
                    return Ok(in_progress());
                }
                let followed = follower.wait(job.engine.clock.sleep(job.remaining())).await;
                job.now.refresh();
                match followed {
                    Followed::Ended(ended) => {
                        job.trace.waited(job.now.monotonic().saturating_sub(asked));
                        return Ok(Settled { ended, replayed: true, error: None });
                    }
                    Followed::TimedOut => return Ok(in_progress()),
                    Followed::LeaderGone(owner) => {
                        gone = Some(owner);
                        continue;
                    }
                }
            }
        };
        if gone.is_none()
            && let Some(own) = Ownership::plain(job, owner)
        {
            let settled = lead_send(job, own).await;
            leader.complete(&settled.ended);
            return Ok(settled);
        }
        let claimed = claim(job, &leader, owner, gone.take()).await?;
        job.trace.waited(job.now.monotonic().saturating_sub(asked));
        let settled = match claimed {
            Claimed::Deferred(ended) => Settled { ended, replayed: false, error: None },
            Claimed::Settled { record, fresh } => {
                let ended = finish(job, &record, &History::default()).await;
                Settled { ended, replayed: !fresh, error: None }
            }
            Claimed::Ours(own) => lead_send(job, own).await,
        };
        leader.complete(&settled.ended);
        return Ok(settled);
    }
}

fn in_progress() -> Settled {
    Settled { ended: Ended::deferred(DeferredReason::InProgress, Duration::from_secs(1)), replayed: false, error: None }
}

/// Makes the send under our own claim.
pub(crate) async fn lead_send<'a>(job: &'a SendJob<'a>, mut own: Ownership<'a>) -> Settled {
    job.trace.owner(own.owner());
    if ProviderKey::is_hashed(job.id(), own.key_generation) {
        remember_reference(job, &own).await;
    }
    let run = attempts::run(job, &mut own).await;
    let (terminal, receipt, error) = match run {
        Run::Delivered(receipt) => (Terminal::Delivered, Some(receipt), None),
        // A refusal proves nothing about an earlier attempt that may have arrived (rule 20).
        Run::Failed(error) => (if own.maybe_sent { Terminal::Unknown } else { Terminal::Failed }, None, Some(error)),
        Run::Unknown(error) => {
            own.maybe_sent = true;
            (Terminal::Unknown, None, Some(error))
        }
        Run::Deferred { reason, retry_after, error } => match put_off(job, &mut own, reason, retry_after, error).await {
            Ok(settled) => return settled,
            Err(error) => (Terminal::Unknown, None, Some(error)),
        },
        Run::LeaseLost => {
            own.forget();
            let ended = Ended::deferred(DeferredReason::LeaseLost, Duration::from_secs(1));
            return Settled { ended, replayed: false, error: None };
        }
    };
    commit(job, own, terminal, receipt, error).await
}

/// Releases the claim if that cannot cause a duplicate. Otherwise returns the error with which the send ends as Unknown
/// (rule 21).
async fn put_off(
    job: &SendJob<'_>,
    own: &mut Ownership<'_>,
    reason: DeferredReason,
    retry_after: Duration,
    error: Option<SendError>,
) -> Result<Settled, SendError> {
    let protection = job.protection(own.first_sent_at_ms);
    if own.maybe_sent && protection == Protection::None {
        let unknown = || SendError::of(ErrorKind::Unexpected, "an earlier attempt may have arrived").maybe();
        return Err(error.unwrap_or_else(unknown));
    }
    if own.release().await.is_err() {
        tracing::warn!(strategy = %job.entry.name, "dedup.not_released");
    }
    let attempts = own.all_attempts();
    let stored = error.as_ref().map(|error| StoredError::of(error, attempts));
    let ended = Ended::Deferred { reason, retry_after, error: stored };
    Ok(Settled { ended, replayed: false, error: error.map(SendError::into_error) })
}

async fn commit(
    job: &SendJob<'_>,
    mut own: Ownership<'_>,
    terminal: Terminal,
    receipt: Option<Receipt>,
    error: Option<SendError>,
) -> Settled {
    let attempts = own.all_attempts();
    let receipt = match receipt {
        Some(receipt) if terminal == Terminal::Delivered && own.deliver_plainly(&receipt) => {
            return Settled { ended: Ended::Delivered { receipt, attempts, recorded: true }, replayed: false, error: None };
        }
        receipt => receipt,
    };
    let result = receipt.as_ref().and_then(|receipt| job.engine.seal_receipt(&job.key, receipt));
    let stored = error.as_ref().map(|error| StoredError::of(error, attempts));
    let committed = own.commit(terminal, result, stored.clone()).await;
    let history = History::of(&mut own);
    own.forget();
    let record = match committed {
        Ok(applied) if applied.done => applied.record,
        Ok(_) => None,
        Err(error) => {
            tracing::warn!(%error, strategy = %job.entry.name, "dedup.not_recorded");
            None
        }
    };
    match (record, receipt) {
        (record, Some(receipt)) => {
            let record = record.filter(|record| record.status == ClaimStatus::Delivered);
            let recorded = record.is_some();
            if let Some(record) = record {
                // The record may have been Unknown before; then its settled event is still to publish (rule 27).
                if record.effects_pending.pending() {
                    let _ = dead_letter::finish(job, &record, &history).await;
                }
                remember(job, record, &receipt);
            } else {
                report::not_recorded(job);
            }
            // A failed commit never turns a delivered send into an error (rule 26).
            Settled { ended: Ended::Delivered { receipt, attempts, recorded }, replayed: false, error: None }
        }
        (Some(record), None) => {
            let ended = finish(job, &record, &history).await;
            Settled { ended, replayed: false, error: error.map(SendError::into_error) }
        }
        (None, None) => {
            // The record stays in doubt until the caller's redelivery resolves it (rule 19).
            let ended = Ended::Deferred { reason: DeferredReason::StoreUnavailable, retry_after: Duration::from_secs(5), error: stored };
            Settled { ended, replayed: false, error: error.map(SendError::into_error) }
        }
    }
}

/// Caches a delivered send with its receipt unencrypted. Does nothing if the claim store is in this process.
fn remember(job: &SendJob<'_>, mut record: ClaimRecord, receipt: &Receipt) {
    if job.engine.stores.claims_are_local() {
        return;
    }
    record.result = record.result.map(|_| StoredReceipt::open(receipt));
    job.engine.delivered.insert(&job.entry.name, job.key.clone(), record);
}

/// Completes a terminal record's letter and events, then returns its end.
pub(crate) async fn finish(job: &SendJob<'_>, record: &ClaimRecord, history: &History) -> Ended {
    if dead_letter::finish(job, record, history).await.is_err() {
        return Ended::LetterLost { failure_id: FailureId::of_send(&job.key, record.generation) };
    }
    job.engine.ended(&job.key, record).unwrap_or_else(|| Ended::deferred(DeferredReason::StoreUnavailable, Duration::from_secs(5)))
}

/// Stores the way back from a hashed provider key to its send.
async fn remember_reference(job: &SendJob<'_>, own: &Ownership<'_>) {
    let provider_key = job.provider_key(own.key_generation);
    let Some(hash) = provider_key.hash() else { return };
    let engine = job.engine;
    let expires_at_s = job.now.ms() / 1000 + seconds(job.settings().dedup.keep_in_doubt);
    let reference = Reference::new(job.tenant().clone(), job.entry.name.clone(), job.id().clone(), expires_at_s);
    if engine.stores.put_reference(hash, &reference).await.is_err() {
        tracing::warn!(strategy = %job.entry.name, "dedup.reference_not_stored");
    }
    job.now.refresh();
}

/// The outcome of a send, without sending anything. `None` if it is not settled.
pub(crate) async fn outcome(engine: &Engine, tenant: &TenantId, strategy: &str, id: &ClientMessageId) -> Result<Option<Outcome>, Error> {
    let name = &engine.registry.entry(strategy).map(|entry| entry.name.clone()).or_else(|_| StrategyName::new(strategy))?;
    let key = ClaimKey::outbound(tenant, name, id);
    let ended = engine.stores.record(&key).await?.and_then(|record| engine.ended(&key, &record));
    ended.map(|ended| ended.into_outcome(true, None, None)).transpose()
}
