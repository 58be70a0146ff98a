//! What the strategy's `check` finds: a warning goes with the message, an error refuses it.

use super::prelude::*;
use crate::{ClientMessageId, error::Level, pipeline::Outcome};

/// A message of which the strategy only warns is sent once, and its warnings are in the receipt, also of a replay.
pub(crate) async fn a_warning_is_reported_and_sent(kit: &SharedKit) -> CaseResult {
    let message = kit.outbound().warned.clone().expect("the fixture has one");
    let host = TestHost::new(kit);
    let send = async |host: &TestHost| match host.send_json(0, &message, "warned-1", |options| options).await {
        Ok(Outcome::Delivered(end)) => end.receipt,
        other => panic!("a message with a warning must be sent: {other:?}"),
    };
    let receipt = send(&host).await;
    assert_eq!(host.wire.effects().len(), 1, "a message with a warning is sent once");
    assert!(!receipt.warnings.is_empty(), "the receipt holds no warning");
    for warning in &receipt.warnings {
        assert_eq!(warning.level, Level::Warning, "{warning}");
        assert!(warning.rule.is_some(), "a warning needs the name of its rule: {warning}");
    }
    let replayed = send(&host.restart()).await;
    assert_eq!(replayed.warnings, receipt.warnings, "a replay has other warnings");
    Ok(())
}

/// A message that the strategy refuses makes no call and no record: its id stays free.
pub(crate) async fn an_error_refuses_before_any_claim(kit: &SharedKit) -> CaseResult {
    let message = kit.outbound().refused.clone().expect("the fixture has one");
    let host = TestHost::new(kit);
    let (tenant, id) = (TestHost::id(0), ClientMessageId::new("refused-1").expect("an id"));
    match host.send_json(0, &message, "refused-1", |options| options).await {
        Err(error) => assert!(error.violations().iter().any(|found| found.level == Level::Error), "no violation says why: {error}"),
        Ok(outcome) => panic!("the message must be refused before it is claimed: {outcome:?}"),
    }
    assert_eq!(host.wire.calls(), 0, "a refused message made a call");
    let outcome = host.orchestrator.outcome(&tenant, kit.name.as_str(), &id).await.expect("a stored outcome");
    assert!(outcome.is_none() && host.stores.dead_letter_count() == 0, "a refused message left a record or a dead letter");
    Ok(())
}
