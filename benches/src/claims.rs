//! The memory store's claims: how many a second, and what each one holds.

use std::cell::RefCell;

use zengine_connector::{
    BoxError, ClientMessageId, StrategyName, TenantId,
    store::{ClaimKey, ClaimOp, ClaimStore as _, Fingerprint, Lease, Memory},
};

use crate::{
    harness::{Bound, Row, Run, allocated, measured_ns},
    peers::{measured_async, runtime},
};

pub(crate) fn rows(run: &Run) -> Result<Vec<Row>, BoxError> {
    let million: u32 = if run.quick { 64_000 } else { 1_000_000 };
    let (tenant, strategy) = (TenantId::new("acme")?, StrategyName::new("noop")?);
    let key = |n: u32| Ok::<_, BoxError>(ClaimKey::outbound(&tenant, &strategy, &ClientMessageId::new(n.to_string())?));
    let (claims, runtime) = (Memory::new().claims(), runtime());
    let claim = ClaimOp::Claim {
        lease: Lease { owner: "0123456789abcdef0123456789abcdef".parse()?, boot: None, until_ms: 1_760_000_600_000 },
        fingerprint: Fingerprint::new("00112233445566778899aabbccddeeff", 1, "k1"),
        skew_ms: 5_000,
        ttl_s: 86_400,
    };
    let take = |keys: Vec<ClaimKey>| {
        let (n, keys) = (u32::try_from(keys.len()).unwrap_or(0), RefCell::new(keys));
        runtime.block_on(measured_async(n, async |_| {
            let Some(key) = keys.borrow_mut().pop() else { return false };
            claims.apply(&key, &claim, 1_760_000_000_000).await.is_ok_and(|applied| applied.done)
        }))
    };
    // What is held: the keys are gone when the claims are taken, so only what the store keeps remains.
    let before = allocated().held;
    for n in 0..million.div_ceil(1_000) {
        take((n * 1_000..(n + 1) * 1_000).map(key).collect::<Result<Vec<_>, _>>()?);
    }
    let bytes = allocated().held - before;
    let mut fastest = f64::INFINITY;
    for round in 0..5 {
        let keys = (0..50_000).map(|n| key(million + round * 50_000 + n)).collect::<Result<Vec<_>, _>>()?;
        fastest = fastest.min(measured_ns(take(keys), 50_000));
    }
    #[allow(clippy::cast_precision_loss, reason = "bytes below 2^53")]
    let each = bytes as f64 / f64::from(million);
    Ok(vec![
        Row::new("claims/at-1m-keys", 1e9 / fastest, "claims/s").must(Bound::AtLeast(2.5e6)),
        Row::new("claims/bytes-per-key", each, "bytes").must(Bound::AtMost(70.0)).stretch(Bound::AtMost(45.0)),
    ])
}
