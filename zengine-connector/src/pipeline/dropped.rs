//! Sends whose caller went away (rule 31).

use std::{sync::Arc, time::Duration};

use serde_json::value::RawValue;
use tracing::Span;

use super::{
    DeferredReason, Engine, SendOptions,
    clock::CallClock,
    ended::{EndError, Ended, How},
    job::{HostCall, Identified},
    options::DEFAULT_TIME,
    report, settled,
    trace::{SendTrace, TraceFacts},
};
use crate::{
    ids::{ClientMessageId, StrategyName, TenantId},
    message::{MessageRef, Receipt},
    store::{ClaimKey, ClaimRecord, Life, StoredReceipt},
};

/// Waits between tries to store the letter of a send without its caller: 1, 5 and 25 seconds.
const LETTER_PATIENCE: Duration = Duration::from_secs(1);
const LONGEST_LETTER_PATIENCE: Duration = Duration::from_secs(25);

/// An owned copy of a send whose future was dropped. Dropping it reports that the send was cancelled, unless it was reported.
pub(crate) struct DroppedSend {
    engine: Arc<Engine>,
    tenant: TenantId,
    strategy: StrategyName,
    id: ClientMessageId,
    message: Box<RawValue>,
    options: SendOptions,
    began: Duration,
    facts: TraceFacts,
    span: Span,
    /// The error that ended the send in the dropped call, with the provider's words.
    error: Option<EndError>,
    is_replay: bool,
    is_reported: bool,
}

impl DroppedSend {
    /// Copies what the end of the send needs. `None` if the message has no JSON form.
    pub(crate) fn of(send: &Identified<'_>, error: Option<EndError>, is_replay: bool) -> Option<Self> {
        let json = send.outbound.to_json(&send.message).inspect_err(|error| tracing::warn!(%error, "send.not_finished")).ok()?;
        Some(Self {
            engine: Arc::clone(send.engine()),
            tenant: send.tenant().clone(),
            strategy: send.entry.name.clone(),
            id: send.id().clone(),
            message: serde_json::from_slice(&json).ok()?,
            options: send.call.options.clone(),
            began: send.clock().began(),
            facts: send.call.trace.with(|facts| facts.clone()),
            span: send.call.trace.span().clone(),
            error,
            is_replay,
            is_reported: false,
        })
    }

    /// Completes the effects of the record and reports the end. Retries for about 30 seconds, because this may be the only copy of the
    /// message.
    pub(crate) async fn finish(self, record: &ClaimRecord) -> Ended {
        let engine = Arc::clone(&self.engine);
        // Nothing is left to complete, so the message is not read again: the host's keys may have failed over it.
        if !record.effects_pending.pending()
            && let Some(ended) = engine.ended(&self.key(), record)
        {
            return self.report(ended);
        }
        let clock = CallClock::resume(&*engine.clock, self.began, DEFAULT_TIME);
        let trace = SendTrace::resume(self.facts.clone(), self.span.clone());
        let mut wait = LETTER_PATIENCE;
        let ended = loop {
            let ended = match self.call(&clock, &trace).identify(MessageRef::stored(&self.message)) {
                Ok(send) => settled::finish(&send, record, self.error.as_ref()).await,
                Err(_) => Ended::store_unavailable(),
            };
            if !matches!(ended.how, How::LetterLost) || wait > LONGEST_LETTER_PATIENCE {
                break ended;
            }
            clock.sleep(wait).await;
            wait *= 5;
        };
        self.report(ended)
    }

    /// Reports a delivery whose record could not be written (rule 26).
    pub(crate) fn not_recorded(self, receipt: Option<&StoredReceipt>, attempts: u32) -> Ended {
        settled::warn_not_recorded(&self.tenant, &self.strategy, &self.id);
        let receipt = receipt.and_then(|receipt| self.engine.open_receipt(&self.key(), receipt)).unwrap_or_else(Receipt::unnumbered);
        self.report(Ended::new(How::Delivered { receipt, recorded: false }, attempts, Life::default()))
    }

    /// Reports that the end is not written, because another owner holds the record or the store does not answer.
    pub(crate) fn postponed(self) {
        self.report(Ended::store_unavailable());
    }

    fn report(mut self, ended: Ended) -> Ended {
        let mut ended = ended.with_live(self.error.take());
        ended.replayed |= self.is_replay;
        self.tell(&ended);
        ended
    }

    fn tell(&mut self, ended: &Ended) {
        self.is_reported = true;
        let (engine, trace) = (Arc::clone(&self.engine), SendTrace::resume(self.facts.clone(), self.span.clone()));
        let _entered = self.span.enter();
        let clock = CallClock::resume(&*engine.clock, self.began, DEFAULT_TIME);
        report::report(self.call(&clock, &trace), &ended.clone().into_outcome(&self.key(), None));
    }

    fn key(&self) -> ClaimKey {
        ClaimKey::outbound(&self.tenant, &self.strategy, &self.id)
    }

    fn call<'a>(&'a self, clock: &'a CallClock<'a>, trace: &'a SendTrace) -> HostCall<'a> {
        let Self { engine, tenant, strategy, id, options, .. } = self;
        HostCall { engine, tenant, strategy: strategy.as_str(), id, options, clock, trace }
    }
}

impl Drop for DroppedSend {
    fn drop(&mut self) {
        if !self.is_reported {
            self.tell(&Ended::deferred(DeferredReason::Cancelled, Duration::from_secs(1)));
        }
    }
}
