//! The protection against duplicates that a strategy states for a tenant, and what becomes of a send if it changes.

use zengine_connector::{
    FailureId, Orchestrator,
    message::Idempotency,
    pipeline::{DeferredReason, RedriveOptions},
    stage::Retry,
    store::{At, ClaimOp, ClaimRecord, ClaimStatus, Decision},
    testing::{NativeProvider, ProviderAnswer, ProviderKind, QueryableProvider, Recording},
};

use super::new_world;
use crate::support::{World, deferred, delivered, drop_after, key, ms, secs, send, unknown};

const HOUR: Idempotency = Idempotency::Native { window_ms: 3_600_000 };
const MINUTE: Idempotency = Idempotency::Native { window_ms: 60_000 };
const SOON: Idempotency = Idempotency::Queryable { visible_after_ms: 0 };

/// A process that is killed in the middle of a call that arrived, and its lease is over.
async fn crashed<P: ProviderKind>(world: &World, provider: &Recording<P>) {
    provider.answer(ProviderAnswer::AcceptThenHang);
    drop_after(world, &world.killed(provider), "1", ms(500)).await;
    world.pass(secs(120)).await;
}

async fn needs_force(process: &Orchestrator, failure: &FailureId) {
    let error = process.redrive(failure, RedriveOptions::new()).await.unwrap_err();
    assert_eq!(error.context("rule"), Some("71"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn rule_19_a_takeover_goes_by_what_the_claim_was_made_with_and_by_what_holds_now() {
    let stays = None;
    for (before, now, calls) in [
        (stays, stays, 2),
        (stays, Some(HOUR), 2),
        (Some(Idempotency::None), Some(HOUR), 1),
        (stays, Some(Idempotency::None), 1),
        (Some(SOON), Some(HOUR), 1),
        (stays, Some(MINUTE), 1),
        (Some(MINUTE), stays, 1),
    ] {
        let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
        provider.claim_idempotency(before);
        crashed(&world, &provider).await;
        provider.claim_idempotency(now);
        let outcome = send(&world.process(&provider), "1").await;
        assert_eq!(provider.calls().len(), calls, "{before:?} {now:?}: {outcome:?}");
        assert_eq!(outcome.is_delivered(), calls == 2, "{before:?} {now:?}");
        assert_eq!(provider.effects("1"), 1);
    }
}

/// The second takeover knows the owner before the first one too.
#[tokio::test(start_paused = true)]
async fn rule_19_the_weakest_of_all_owners_counts() {
    let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
    provider.claim_idempotency(Some(Idempotency::Native { window_ms: 600_000 }));
    crashed(&world, &provider).await;
    provider.claim_idempotency(None);
    crashed(&world, &provider).await;
    assert_eq!(provider.calls().len(), 2);
    let record = world.record("1").await.unwrap();
    assert_eq!(record.idempotency, Some(Idempotency::Native { window_ms: 600_000 }));
    world.pass(secs(500)).await;
    unknown(send(&world.process(&provider), "1").await);
    assert_eq!((provider.calls().len(), provider.effects("1")), (2, 1));
}

/// A record of an earlier release does not say what its claim was made with: what holds now counts, as it did there.
#[tokio::test(start_paused = true)]
async fn rule_19_an_older_record_is_taken_over_as_before() {
    let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
    crashed(&world, &provider).await;
    let record = world.record("1").await.unwrap();
    assert_eq!((record.status, record.idempotency), (ClaimStatus::Sending, Some(HOUR)));
    let mut json = serde_json::to_value(&record).unwrap();
    json.as_object_mut().unwrap().remove("idempotency");
    let older: ClaimRecord = serde_json::from_value(json).unwrap();
    assert_eq!(older.idempotency, None);
    let marked = ClaimOp::Mark { owner: older.owner, idempotency: None, ttl_s: 60 };
    let mut claimed = older.clone();
    claimed.status = ClaimStatus::Claimed;
    let at = At { now_ms: older.updated_at_ms, boot: None };
    let Decision::Write(marked) = marked.decide(Some(&claimed), at) else { panic!("its owner may mark it") };
    assert_eq!(marked.idempotency, None);
    delivered(send(&world.process(&provider), "1").await);
}

/// Rule 31: a dropped send is given back where the tenant's provider protects, and ends where it does not.
#[tokio::test(start_paused = true)]
async fn rule_31_a_dropped_send_ends_as_its_tenants_protection_says() {
    for (stated, status) in [(None, ClaimStatus::Released), (Some(Idempotency::None), ClaimStatus::Unknown)] {
        let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
        provider.claim_idempotency(stated);
        provider.answer(ProviderAnswer::AcceptThenHang);
        drop_after(&world, &world.process(&provider), "1", ms(500)).await;
        world.pass(secs(1)).await;
        assert_eq!(world.record("1").await.unwrap().status, status);
    }
}

/// Rule 34, in process.
#[tokio::test(start_paused = true)]
async fn rule_34_an_attempt_in_doubt_is_repeated_only_where_the_tenants_provider_protects() {
    for (stated, calls) in [(None, 2), (Some(Idempotency::None), 1)] {
        let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
        provider.claim_idempotency(stated);
        provider.answer(ProviderAnswer::accept_then_break());
        let outcome = send(&world.process(&provider), "1").await;
        assert_eq!((provider.calls().len(), outcome.is_delivered()), (calls, calls == 2), "{outcome:?}");
    }
}

/// The letter knows it where the record is gone.
#[tokio::test(start_paused = true)]
async fn rule_71_a_redrive_goes_by_what_the_attempt_was_made_with() {
    for gone in [false, true] {
        let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
        provider.claim_idempotency(Some(Idempotency::None));
        provider.answer(ProviderAnswer::accept_then_break());
        let process = world.process_with(&provider, |it| it.retry(Retry::none()));
        let failure = unknown(send(&process, "1").await).failure_id;
        assert_eq!(world.all_letters().await[0].idempotency, Some(Idempotency::None));
        if gone {
            world.clock.jump_ms(3 * 86_400_000);
        }
        provider.claim_idempotency(Some(Idempotency::Native { window_ms: u64::MAX }));
        needs_force(&process, &failure).await;
        assert_eq!((provider.calls().len(), provider.effects("1")), (1, 1), "gone: {gone}");
    }
}

/// Rule 19: a message is visible when the slower of the two says so.
#[tokio::test(start_paused = true)]
async fn rule_19_not_found_counts_after_the_later_visibility() {
    let (world, provider) = (new_world(), Recording::<QueryableProvider>::default());
    crashed(&world, &provider).await;
    // The lease and the skew end the attempt that may still have been under way.
    let lease_until_ms = world.record("1").await.unwrap().lease_until_ms;
    assert!(lease_until_ms > 0);
    provider.claim_idempotency(Some(SOON));
    delivered(send(&world.process(&provider), "1").await);
    assert_eq!((provider.calls().len(), provider.effects("1")), (1, 1));
    // One that broke just now is not shown yet, although the new configuration says that it would be.
    let (world, provider) = (new_world(), Recording::<QueryableProvider>::default());
    provider.answer(ProviderAnswer::accept_then_break());
    let once = world.process_with(&provider, |it| it.retry(Retry::none()));
    let first = send(&once, "2").await;
    assert!(!first.is_delivered(), "{first:?}");
    provider.claim_idempotency(Some(SOON));
    let failure = unknown(first).failure_id;
    let early = deferred(once.redrive(&failure, RedriveOptions::new()).await.unwrap());
    assert_eq!((early.reason, provider.effects("2")), (DeferredReason::LookupFailed, 1));
    world.pass(early.retry_after).await;
    delivered(once.redrive(&failure, RedriveOptions::new()).await.unwrap());
    assert_eq!((provider.calls().len(), provider.effects("2")), (1, 1));
    assert!(world.claims.get(&key("2")).await.unwrap().is_some());
}
