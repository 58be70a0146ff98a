//! A host that consumes a queue of JSON by strategy name, with nothing but the public interface.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may")]

use std::{collections::VecDeque, sync::Arc, time::Duration};

use serde::Deserialize;
use serde_json::value::RawValue;
use zengine_connector::{
    ClientMessageId, Deferred, Delivered, Error, ErrorKind, Failed, FailureId, Orchestrator, Outcome, Reach, Receipt, StrategyName,
    TenantId, Unknown,
    error::Disposition,
    pipeline::{DeferredReason, RedriveOptions},
    store::Memory,
    testing::{ProviderAnswer, Recording, SimClock},
};

/// A message in the queue.
#[derive(Deserialize)]
struct Job {
    tenant: TenantId,
    strategy: String,
    id: ClientMessageId,
    message: Box<RawValue>,
}

/// The consumer's answer to the queue.
#[derive(Debug, PartialEq)]
enum Verdict {
    Remove(&'static str),
    KeepFor(&'static str, Duration),
    Reject(ErrorKind),
}

fn verdict(result: Result<Outcome, Error>) -> Verdict {
    match result {
        Ok(Outcome::Deferred(later)) => Verdict::KeepFor(later.reason.as_str(), later.retry_after),
        Ok(outcome) => Verdict::Remove(outcome.as_str()),
        Err(error) => match error.disposition() {
            Disposition::RetryAfter(wait) => Verdict::KeepFor("error", wait),
            Disposition::Reject => Verdict::Reject(error.kind()),
        },
    }
}

struct Host {
    orchestrator: Orchestrator,
    stores: Memory,
    provider: Recording,
    clock: Arc<SimClock>,
}

impl Host {
    fn new() -> Self {
        let (stores, provider, clock) = (Memory::new(), Recording::new(), Arc::new(SimClock::new()));
        stores.put_tenant(&acme(), &StrategyName::new("recording").unwrap(), serde_json::json!({}));
        let orchestrator =
            Orchestrator::builder().strategy(provider.clone()).stores(stores.clone()).clock(Arc::clone(&clock) as _).build().unwrap();
        Self { orchestrator, stores, provider, clock }
    }

    async fn consume(&self, line: &str) -> Verdict {
        let Ok(job) = serde_json::from_str::<Job>(line) else { return Verdict::Reject(ErrorKind::MessageInvalid) };
        verdict(self.orchestrator.send(&job.tenant, &job.strategy, job.id, &job.message).await)
    }

    /// Consumes until nothing is left, waiting where the verdict says so.
    async fn drain(&self, lines: impl IntoIterator<Item = String>) -> Vec<Verdict> {
        let mut queue: VecDeque<String> = lines.into_iter().collect();
        let mut verdicts = vec![];
        while let Some(line) = queue.pop_front() {
            let verdict = self.consume(&line).await;
            if let Verdict::KeepFor(_, wait) = verdict {
                self.clock.advance(wait).await;
                queue.push_back(line);
            }
            verdicts.push(verdict);
        }
        verdicts
    }

    async fn outcome(&self, id: &str) -> Option<Outcome> {
        self.orchestrator.outcome(&acme(), "recording", &ClientMessageId::new(id).unwrap()).await.unwrap()
    }
}

fn acme() -> TenantId {
    TenantId::new("acme").unwrap()
}

fn job(id: &str, text: &str) -> String {
    format!(
        r#"{{"tenant":"acme","strategy":"recording","id":"{id}","message":{{"to":{{"ids":[{{"kind":"phone","value":"+15551230001"}}]}},"content":{{"type":"text","body":"{text}"}}}}}}"#
    )
}

fn failure_of(outcome: Option<Outcome>) -> FailureId {
    match outcome {
        Some(Outcome::Failed(failed)) => failed.failure_id,
        Some(Outcome::Unknown(unknown)) => unknown.failure_id,
        other => panic!("no failure: {other:?}"),
    }
}

#[test]
fn a_host_can_make_every_outcome_for_its_own_tests() {
    let error = || Error::new(ErrorKind::Template, "no such template");
    let failure = || FailureId::new("f-1").unwrap();
    let wait = Duration::from_secs(5);
    for (outcome, expected) in [
        (Outcome::Delivered(Delivered::new(Receipt::unnumbered())), Verdict::Remove("delivered")),
        (Outcome::Failed(Failed::new(error(), failure())), Verdict::Remove("failed")),
        (Outcome::Unknown(Unknown::new(error(), failure())), Verdict::Remove("unknown")),
        (Outcome::Deferred(Deferred::new(DeferredReason::Busy, wait).with_error(error())), Verdict::KeepFor("busy", wait)),
    ] {
        assert_eq!(verdict(Ok(outcome)), expected);
    }
    assert_eq!(verdict(Err(error())), Verdict::Reject(ErrorKind::Template));
}

#[tokio::test(start_paused = true)]
async fn a_deferred_message_stays_in_the_queue_and_is_sent_once_when_its_time_comes() {
    let host = Host::new();
    host.provider.answer(ProviderAnswer::throttle(Duration::from_secs(120)));
    let verdicts = host.drain([job("order-1", "hello")]).await;
    assert!(matches!(verdicts[0], Verdict::KeepFor("throttled", wait) if wait >= Duration::from_secs(120)), "{verdicts:?}");
    assert_eq!(verdicts[1..], [Verdict::Remove("delivered")]);
    assert_eq!(host.provider.effects("order-1"), 1);
}

#[tokio::test(start_paused = true)]
async fn an_outage_keeps_the_queue_and_loses_and_doubles_nothing() {
    let host = Host::new();
    for _ in 0..9 {
        host.provider.answer(ProviderAnswer::unreachable());
    }
    let verdicts = host.drain((0..6).map(|n| job(&format!("order-{n}"), "hello"))).await;
    let failed = verdicts.iter().filter(|verdict| **verdict == Verdict::Remove("failed")).count();
    let open = verdicts.iter().filter(|verdict| matches!(verdict, Verdict::KeepFor("breaker_open", _))).count();
    assert!(failed > 0 && open > 0, "{verdicts:?}");
    assert_eq!(host.stores.dead_letter_count(), failed);
    assert_eq!(host.provider.sent().len() + failed, 6);
}

#[tokio::test(start_paused = true)]
async fn requests_that_are_wrong_are_taken_off_the_queue() {
    let host = Host::new();
    let good = job("order-1", "hello");
    assert_eq!(host.consume(&good).await, Verdict::Remove("delivered"));
    for (line, kind) in [
        (job("order-1", "another text"), ErrorKind::Mismatch),
        (good.replace("acme", "nobody"), ErrorKind::UnknownTenant),
        (good.replace("recording", "recordin"), ErrorKind::UnknownStrategy),
        (good.replace("\"text\"", "\"smell\""), ErrorKind::MessageInvalid),
        (good.replace("order-1", "order-2").replace("+15551230001", "15551230001"), ErrorKind::MessageInvalid),
        (good.replace("order-1", ""), ErrorKind::MessageInvalid),
    ] {
        assert_eq!(host.consume(&line).await, Verdict::Reject(kind), "{line}");
    }
    assert_eq!(host.provider.calls().len(), 1);
    assert!(host.stores.dead_letter_count() == 0);
}

#[tokio::test(start_paused = true)]
async fn a_failed_message_is_read_and_redriven_from_its_dead_letter() {
    let host = Host::new();
    host.provider.answer(ProviderAnswer::error(ErrorKind::Unauthorized, Reach::Processed));
    assert_eq!(host.consume(&job("order-1", "hello")).await, Verdict::Remove("failed"));

    let outcome = host.outcome("order-1").await;
    assert!(outcome.as_ref().is_some_and(Outcome::is_replayed));
    let failure = failure_of(outcome);
    let letter = host.stores.dead_letters().get(&failure).await.unwrap().expect("a dead letter");
    assert!(letter.redrivable);
    let kept: serde_json::Value = serde_json::from_slice(&letter.open(&*host.stores.keys()).unwrap()).unwrap();
    assert_eq!(kept["content"]["body"], "hello");

    let again = host.orchestrator.redrive(&failure, RedriveOptions::new()).await.unwrap();
    assert!(matches!(again, Outcome::Delivered(_)), "{again:?}");
    assert!(matches!(host.outcome("order-1").await, Some(Outcome::Delivered(_))));
    // The queue delivers the old message once more.
    assert_eq!(host.consume(&job("order-1", "hello")).await, Verdict::Remove("delivered"));
    assert_eq!(host.provider.effects("order-1"), 1);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_message_is_redriven_by_force_only() {
    let host = Host::new();
    host.provider.answer(ProviderAnswer::accept_then_break());
    assert_eq!(host.consume(&job("order-1", "hello")).await, Verdict::Remove("unknown"));
    assert_eq!(host.consume(&job("order-1", "hello")).await, Verdict::Remove("unknown"));
    assert_eq!(host.provider.calls().len(), 1);

    let failure = failure_of(host.outcome("order-1").await);
    let refused = host.orchestrator.redrive(&failure, RedriveOptions::new()).await.unwrap_err();
    assert_eq!((refused.kind(), refused.disposition()), (ErrorKind::Unsupported, Disposition::Reject));
    let forced = host.orchestrator.redrive(&failure, RedriveOptions::new().force("the customer asked")).await.unwrap();
    assert!(matches!(forced, Outcome::Delivered(_)), "{forced:?}");
    assert_eq!(host.provider.effects("order-1"), 2); // as the operator was warned
}

#[tokio::test(start_paused = true)]
async fn a_host_that_shuts_down_gives_its_queue_back() {
    let host = Host::new();
    host.orchestrator.shutdown(Duration::from_secs(5)).await;
    let verdict = host.consume(&job("order-1", "hello")).await;
    assert!(matches!(verdict, Verdict::KeepFor(reason, _) if reason == DeferredReason::Cancelled.as_str()), "{verdict:?}");
    assert!(host.outcome("order-1").await.is_none());
    assert!(host.provider.calls().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_error_says_what_to_mend_and_not_what_stood_there() {
    let host = Host::new();
    for (canary, hint) in [
        (r#"{"to":{"ids":[{"kind":"phone","value":"1555canary"}]},"content":{"type":"text","body":"x"}}"#, "a phone number is + and"),
        (r#"{"to":"+1555","content":{"type":"text","canary":"x"}}"#, "/content/body: is required"),
        (r#"{"to":"+1555","content":{"type":"canary"}}"#, "/content/type: must be one of text"),
        (r#"{"to":"+1555","content":{"type":"text","body":"x"},"canary":"x"}"#, "/*: is not a known field (member 3 of 3); known: "),
        (r#"["canary"]"#, "must be of type object"),
        (r#"{"to":"+1555","content":{"type":"text","body":"x"},"reply_to":{"canary":1}}"#, "/reply_to: must be of type string"),
    ] {
        let message: Box<RawValue> = serde_json::from_str(canary).unwrap();
        let error = host.orchestrator.send(&acme(), "recording", "order-1", &message).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains(hint), "{text}");
        assert!(!format!("{text} {error:?}").contains("canary"), "{text}");
    }
}
