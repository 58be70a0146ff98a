//! `zengine sweep`.

use zengine_connector::{Memory, Orchestrator, pipeline::Swept, store::Stores};

use super::dead_letters::StoreArgument;
use super::exit::{Exit, Failure};
use super::output::Out;
use super::progress;

/// Records per page.
const PAGE: usize = 100;

/// End sends in doubt whose time is over, and publish what is pending
///
/// Sends nothing. Prints the counts as one JSON line; exits 1 if a send could not be completed. Needs exclusive access to the
/// store: a running host sweeps it by itself.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    store: StoreArgument,
}

pub(super) async fn run(arguments: &Arguments, out: &mut Out) -> Result<Exit, Failure> {
    let store = arguments.store.writing("A host sweeps its store by itself; to do it here, stop the host first")?;
    let secrets = Memory::new().secrets();
    let builder = Orchestrator::builder().stores(Stores::from(&store)).secrets(secrets);
    let orchestrator = builder.sweep_every(None).build()?;
    let swept = progress::during("sweeping", sweep_all(&orchestrator)).await?;
    let exit = if swept.failed > 0 { Exit::Broken } else { Exit::Done };
    out.result(&swept, exit)
}

async fn sweep_all(orchestrator: &Orchestrator) -> Result<Swept, Failure> {
    let mut swept = Swept::default();
    loop {
        let page = orchestrator.sweep(swept.next.as_deref(), PAGE).await;
        swept.add(page.map_err(|error| Failure::from(error).with_exit(Exit::Broken))?);
        if swept.next.is_none() {
            return Ok(swept);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use zengine_connector::store::{ClaimKey, ClaimOp, Fingerprint, Lease, OwnerToken};
    use zengine_connector::testing::SimClock;
    use zengine_connector::{ClientMessageId, StrategyName, TenantId};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn rule_29_a_store_is_swept_page_by_page_and_a_settled_record_left_alone_for_a_minute() {
        /// A day in 2020: whatever was left then is over.
        const LONG_AGO: i64 = 1_580_000_000_000;
        let stores = Stores::from(&Memory::new());
        let (tenant, strategy) = (TenantId::new("acme").unwrap(), StrategyName::new("sns-sms").unwrap());
        for n in 0..PAGE * 5 / 2 {
            let key = ClaimKey::outbound(&tenant, &strategy, &ClientMessageId::new(n.to_string()).unwrap());
            let owner = OwnerToken::named("o");
            let lease = Lease { owner, boot: None, until_ms: LONG_AGO + 60_000 };
            let claim = ClaimOp::Claim { lease, fingerprint: Fingerprint::new([1; 16], 1, "k"), skew_ms: 0, ttl_s: 86_400 };
            for operation in [claim, ClaimOp::Mark { owner, idempotency: None, ttl_s: 14 * 86_400 }] {
                assert!(stores.claims.apply(&key, &operation, None, LONG_AGO).await.unwrap().done);
            }
        }
        let builder = Orchestrator::builder().stores(stores).secrets(Memory::new().secrets()).clock(Arc::new(SimClock::new()));
        let orchestrator = builder.sweep_every(None).build().unwrap();
        for ended in [PAGE * 5 / 2, 0] {
            let swept = sweep_all(&orchestrator).await.unwrap();
            assert_eq!((swept.ended, swept.published, swept.failed), (ended, ended, 0));
        }
    }
}
