//! Sweeps of a store whose cursors repeat.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use zengine_connector::{
    async_trait, delegate_claims,
    store::{ClaimStore, DuePage, Memory, StoreError, StoreErrorKind},
    testing::Recording,
};

use crate::{
    log::Log,
    support::{World, delivered, secs, send},
};

/// A store of one process whose third page of due records is followed by its first.
#[derive(Debug)]
struct Circling {
    claims: Arc<dyn ClaimStore>,
    pages: AtomicUsize,
}

#[async_trait]
impl ClaimStore for Circling {
    delegate_claims!(claims: apply, get, apply_inbound, put_reference, reference);

    fn boot(&self) -> Option<&str> {
        Some("circling")
    }

    async fn due(&self, _: i64, after: Option<&str>, _: usize) -> Result<DuePage, StoreError> {
        self.pages.fetch_add(1, Ordering::SeqCst);
        let next = match after {
            Some("1") => "2",
            Some("2") => "3",
            None | Some("3") => "1",
            _ => return Err(StoreError::new(StoreErrorKind::Corrupt, "no such page")),
        };
        Ok(DuePage::new(vec![], Some(next.to_owned())))
    }
}

#[tokio::test(start_paused = true)]
async fn a_sweep_whose_cursors_repeat_ends_and_the_next_one_comes_in_its_time() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let (world, provider) = (World::in_memory(), Recording::<zengine_connector::testing::PlainProvider>::new());
    let claims = Arc::new(Circling { claims: Memory::new().claims(), pages: AtomicUsize::new(0) });
    let process = world.process_with(&provider, |it| it.claims(Arc::clone(&claims) as Arc<dyn ClaimStore>).sweep_every(secs(60)));
    world.pass(secs(90)).await;
    let pages = claims.pages.load(Ordering::SeqCst);
    assert!((4..=9).contains(&pages), "{pages} pages in one sweep");
    let failed = log.lines("sweep.failed");
    assert!(failed.len() == 1 && failed[0].contains("cursors of due records repeat"), "{failed:?}");
    world.pass(secs(60)).await;
    assert_eq!((claims.pages.load(Ordering::SeqCst), log.lines("sweep.failed").len()), (2 * pages, 2));
    delivered(send(&process, "1").await);
}
