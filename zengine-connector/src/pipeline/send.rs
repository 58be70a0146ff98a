//! One send from the caller's message to its outcome.

use std::{pin::pin, sync::Arc};

use tracing::Instrument as _;

use super::{
    Engine, Outcome, SendOptions,
    clock::CallClock,
    job::HostCall,
    options::DEFAULT_TIME,
    prepare::{Preparation, prepare},
    report::{self, Unreported},
    settle::settle,
    trace::SendTrace,
};
use crate::{
    error::Error,
    ids::{ClientMessageId, StrategyName, TenantId},
    message::MessageRef,
    store::ClaimKey,
};

/// Sends one message and reports its outcome.
pub(crate) async fn send(
    engine: &Arc<Engine>,
    tenant: &TenantId,
    strategy: &str,
    id: &ClientMessageId,
    message: MessageRef<'_>,
    options: &SendOptions,
) -> Result<Outcome, Error> {
    let _running = engine.enter();
    let clock = CallClock::start(&*engine.clock, options.time.unwrap_or(DEFAULT_TIME));
    let trace = SendTrace::new(report::span(tenant, strategy, id, options));
    let call = HostCall { engine, tenant, strategy, id, options, clock: &clock, trace: &trace };
    // Pinned here, because a span around the future itself would move it once.
    let sent = pin!(async {
        let unreported = Unreported::new(call);
        let result = async {
            match prepare(call, message).await? {
                Preparation::Outcome(outcome) => Ok(outcome),
                Preparation::Job(job) => settle(&job).await?.into_outcome(&job.key, job.loss()),
            }
        }
        .await;
        unreported.end(&result);
        result
    });
    sent.instrument(trace.span().clone()).await
}

/// The outcome of a send, without sending anything. `None` if it is not settled. A strategy that is registered no longer may have records.
pub(crate) async fn outcome(engine: &Engine, tenant: &TenantId, strategy: &str, id: &ClientMessageId) -> Result<Option<Outcome>, Error> {
    let entry = engine.registry.entry(strategy);
    let name = match (&entry, StrategyName::new(strategy)) {
        (Ok(entry), _) => entry.name.clone(),
        (Err(_), Ok(name)) => name,
        (Err(unknown), Err(_)) => return Err(unknown.clone()),
    };
    let key = ClaimKey::outbound(tenant, &name, id);
    let Some(record) = engine.stores.record(&key).await? else { return entry.map(|_| None) };
    let ended = engine.ended(&key, &record);
    ended.map(|ended| ended.replayed().into_outcome(&key, None)).transpose()
}
