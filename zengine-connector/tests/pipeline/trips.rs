//! The calls to a claim store that compares and sets.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use zengine_connector::{
    async_trait, delegate_claims,
    pipeline::DeferredReason,
    store::{Applied, ClaimKey, ClaimOp, ClaimRecord, ClaimStore, StoreError},
    testing::{CasStore, ProviderAnswer, Recording, Trips},
};

use crate::support::{World, deferred, delivered, ms, secs, send};

/// Both kinds of store: one whose refused writes return the record, and one whose do not.
fn kinds() -> [(Arc<CasStore>, u64); 2] {
    [(Arc::new(CasStore::new()), 0), (Arc::new(CasStore::without_found()), 1)]
}

/// Reads, conditional writes, and refused ones.
fn counted(trips: Trips) -> (u64, u64, u64) {
    (trips.reads, trips.writes, trips.refused)
}

#[tokio::test(start_paused = true)]
async fn a_delivered_send_costs_three_conditional_writes_and_no_read() {
    for (claims, _) in kinds() {
        let (world, provider) = (World::on_cas(Arc::clone(&claims)), Recording::new());
        delivered(send(&world.process(&provider), "1").await);
        assert_eq!(counted(claims.trips()), (0, 3, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_settled_duplicate_elsewhere_costs_one_refused_write_and_at_most_one_read() {
    for (claims, reads) in kinds() {
        let (world, provider) = (World::on_cas(Arc::clone(&claims)), Recording::new());
        delivered(send(&world.process(&provider), "1").await);
        let other = world.process(&provider);
        claims.reset_trips();
        assert!(delivered(send(&other, "1").await).replayed);
        assert_eq!(counted(claims.trips()), (reads, 1, 1));
        assert!(delivered(send(&other, "1").await).replayed);
        assert_eq!(counted(claims.trips()), (reads, 1, 1), "the process knows the outcome");
        assert_eq!(provider.calls().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn rule_24_waiters_elsewhere_only_read_until_the_owner_ends() {
    for (claims, _) in kinds() {
        let (world, provider) = (World::on_cas(Arc::clone(&claims)), Recording::new());
        provider.answer(ProviderAnswer::Slow(secs(3)));
        let owner = world.process(&provider);
        let waiters: Vec<_> = (0..100).map(|_| world.process(&provider)).collect();
        let (first, others, ()) = futures_util::future::join3(
            send(&owner, "1"),
            async {
                world.pass(ms(10)).await;
                claims.reset_trips();
                futures_util::future::join_all(waiters.iter().map(|waiter| send(waiter, "1"))).await
            },
            async {
                // Once every waiter has met the owner, and again just before the owner ends.
                world.pass(ms(20)).await;
                let met = claims.trips();
                assert_eq!((met.writes, met.refused), (100, 100));
                world.pass(ms(2_900)).await;
                let waited = claims.trips();
                assert_eq!((waited.writes, waited.refused), (100, 100), "waiters only read");
                assert!(waited.reads > met.reads);
            },
        )
        .await;
        let first = delivered(first);
        assert!(others.into_iter().map(delivered).all(|end| end.replayed && end.receipt == first.receipt));
        assert_eq!(provider.calls().len(), 1);
        let all = claims.trips();
        assert_eq!((all.writes, all.refused), (101, 100), "one more write: the owner's end");
    }
}

/// A store that refuses claims of records which the rules call free: its conditions are other than those of `decide`.
#[derive(Debug)]
struct Stubborn {
    claims: Arc<dyn ClaimStore>,
    asked: AtomicUsize,
}

#[async_trait]
impl ClaimStore for Stubborn {
    delegate_claims!(claims: get, apply_inbound, put_reference, reference);

    async fn apply(
        &self,
        key: &ClaimKey,
        operation: &ClaimOp,
        current: Option<&ClaimRecord>,
        now_ms: i64,
    ) -> Result<Applied<ClaimRecord>, StoreError> {
        if !matches!(operation, ClaimOp::Claim { .. }) {
            return self.claims.apply(key, operation, current, now_ms).await;
        }
        self.asked.fetch_add(1, Ordering::SeqCst);
        Ok(Applied::refused(self.claims.get(key).await?))
    }
}

#[tokio::test(start_paused = true)]
async fn rule_24_a_store_whose_conditions_differ_is_not_asked_in_a_hot_loop() {
    let (world, provider) = (World::in_memory(), Recording::<zengine_connector::testing::PlainProvider>::new());
    provider.answer(ProviderAnswer::throttle(secs(60)));
    deferred(send(&world.process(&provider), "1").await);
    let stubborn = Arc::new(Stubborn { claims: Arc::clone(&world.claims), asked: AtomicUsize::new(0) });
    let process = world.process_with(&provider, |it| it.claims(Arc::clone(&stubborn) as _));
    assert_eq!(deferred(send(&process, "1").await).reason, DeferredReason::InProgress);
    let asked = stubborn.asked.load(Ordering::SeqCst);
    assert!((2..=100).contains(&asked), "{asked}");
}
