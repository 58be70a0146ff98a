//! Sends whose caller went away (rule 31).

use std::{sync::Arc, time::Duration};

use serde_json::value::RawValue;

use super::{
    Engine, SendOptions,
    clock::CallClock,
    ended::{Ended, How},
    job::{HostCall, Identified},
    options::DEFAULT_TIME,
    report, settled,
    trace::{SendTrace, TraceFacts},
};
use crate::{
    ids::{StrategyName, TenantId},
    message::{MessageRef, Receipt},
    store::{ClaimKey, ClaimRecord, Life, StoredReceipt},
};

/// Waits between tries to store the letter of a send without its caller: 1, 5 and 25 seconds.
const LETTER_PATIENCE: Duration = Duration::from_secs(1);
const LONGEST_LETTER_PATIENCE: Duration = Duration::from_secs(25);

/// A send without its caller. Owns all that its end needs.
pub(crate) struct DroppedSend {
    tenant: TenantId,
    strategy: StrategyName,
    message: Box<RawValue>,
    options: SendOptions,
    began: Duration,
    facts: TraceFacts,
}

impl DroppedSend {
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

    /// Completes the effects of the send's record, with patience: nobody else may have the message. Reports the end.
    pub(crate) async fn finish(self, engine: &Arc<Engine>, record: &ClaimRecord) -> Ended {
        let clock = CallClock::resume(&*engine.clock, self.began, DEFAULT_TIME);
        let trace = SendTrace::resume(self.facts.clone());
        let call = self.call(engine, &clock, &trace);
        let mut wait = LETTER_PATIENCE;
        let ended = loop {
            let ended = match call.identify(MessageRef::from(&self.message)) {
                Ok(send) => settled::finish(&send, record, None).await,
                Err(_) => Ended::store_unavailable(),
            };
            if !matches!(ended.how, How::LetterLost) || wait > LONGEST_LETTER_PATIENCE || !engine.pause(wait).await {
                break ended;
            }
            wait *= 5;
        };
        self.report(call, &ended);
        ended
    }

    /// Reports a delivery whose record could not be written (rule 26).
    pub(crate) fn not_recorded(self, engine: &Arc<Engine>, receipt: Option<&StoredReceipt>, attempts: u32) -> Ended {
        settled::warn_not_recorded(&self.tenant, &self.strategy, &self.options.client_message_id);
        let receipt = receipt.and_then(|receipt| engine.open_receipt(&self.key(), receipt)).unwrap_or_else(Receipt::unnumbered);
        let ended = Ended::new(How::Delivered { receipt, recorded: false }, attempts, Life::default());
        self.report_now(engine, &ended);
        ended
    }

    /// Reports a send whose end is not written: another owner has it, or the store does not answer.
    pub(crate) fn postponed(self, engine: &Arc<Engine>) {
        self.report_now(engine, &Ended::store_unavailable());
    }

    fn report_now(&self, engine: &Arc<Engine>, ended: &Ended) {
        let clock = CallClock::resume(&*engine.clock, self.began, DEFAULT_TIME);
        let trace = SendTrace::resume(self.facts.clone());
        self.report(self.call(engine, &clock, &trace), ended);
    }

    fn report(&self, call: HostCall<'_>, ended: &Ended) {
        report::report(call, &ended.clone().into_outcome(&self.key(), None));
    }

    fn key(&self) -> ClaimKey {
        ClaimKey::outbound(&self.tenant, &self.strategy, &self.options.client_message_id)
    }

    fn call<'a>(&'a self, engine: &'a Arc<Engine>, clock: &'a CallClock<'a>, trace: &'a SendTrace) -> HostCall<'a> {
        HostCall { engine, tenant: &self.tenant, strategy: self.strategy.as_str(), options: &self.options, clock, trace }
    }
}
