//! Sends whose caller went away (rule 31).

use std::{sync::Arc, time::Duration};

use serde_json::value::RawValue;

use super::{
    DeferredReason, Engine, SendOptions,
    clock::CallClock,
    ended::Ended,
    job::{HostCall, Identified},
    report,
    send::DEFAULT_TIME,
    settle,
    trace::{SendTrace, TraceFacts},
};
use crate::{
    ids::{StrategyName, TenantId},
    message::MessageRef,
    store::{ClaimKey, ClaimRecord},
};

/// A send without its caller. Owns all that its end needs.
pub(crate) struct AbandonedSend {
    tenant: TenantId,
    strategy: StrategyName,
    message: Box<RawValue>,
    options: SendOptions,
    began: Duration,
    facts: TraceFacts,
}

impl AbandonedSend {
    /// Takes what the end of the send needs. `None` if the message has no JSON form.
    pub(crate) fn of(send: &Identified<'_>) -> Option<Self> {
        let json = send.outbound.to_json(&send.message).inspect_err(|error| tracing::warn!(%error, "send.not_finished")).ok()?;
        Some(Self {
            tenant: send.tenant().clone(),
            strategy: send.entry.name.clone(),
            message: serde_json::from_slice(&json).ok()?,
            options: send.call.options.clone(),
            began: send.clock().began(),
            facts: send.call.trace.with(|facts| facts.clone()),
        })
    }

    /// Completes the effects of the send's record, and reports the end. Without a record the send is postponed: another owner has it,
    /// or the store does not answer.
    pub(crate) async fn finish(self, engine: &Arc<Engine>, record: Option<&ClaimRecord>) -> Ended {
        let Self { tenant, strategy, message, options, began, facts } = self;
        let (clock, trace) = (CallClock::resume(&*engine.clock, began, DEFAULT_TIME), SendTrace::resume(facts));
        let call = HostCall { engine, tenant: &tenant, strategy: strategy.as_str(), options: &options, clock: &clock, trace: &trace };
        let ended = match (call.identify(MessageRef::from(&message)), record) {
            (Ok(send), Some(record)) => settle::finish(&send, record, None).await,
            _ => Ended::deferred(DeferredReason::StoreUnavailable, Duration::from_secs(5)),
        };
        let key = ClaimKey::outbound(&tenant, &strategy, &options.client_message_id);
        report::report(call, &ended.clone().into_outcome(&key, None));
        ended
    }
}
