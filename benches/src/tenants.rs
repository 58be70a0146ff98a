//! Memory of bound tenants, and how long finding one takes.

use std::{
    collections::HashMap,
    hint::black_box,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use zengine_connector::{
    BoxError, Orchestrator, StrategyName, TenantId,
    registry::Caching,
    store::{Memory, SecretScope},
};
use zengine_strategies::whatsapp_meta_cloud::WhatsAppMetaCloud;

use crate::{
    harness::{Bound, Case, Counted, Row, Run, allocated, side_by_side},
    inbound::strategy,
    peers::runtime,
};

/// Operations whose allocations and instructions are counted.
pub(crate) const COUNTED: &[Counted] =
    &[Counted { name: "tenants/lookup", make: lookup_of_a_thousand, allocations: Some(1.0), ceiling: None, stretch: None }];

const NAME: &str = "whatsapp-meta-cloud";

/// Two rows for each number of tenants: bytes of each, and the time to find one.
pub(crate) fn rows(run: &Run) -> Result<Vec<Row>, BoxError> {
    let mut rows = vec![];
    let thousand = Tenants::bound(1_000)?;
    rows.push(memory("tenants/memory-1k", &thousand));
    let [small, map] = side_by_side(run, [thousand.lookup(), plain_map(&thousand.ids)]);
    rows.push(Row::new("tenants/lookup-1k", small.ns, "ns").peer(MAP, map.ns));
    let mut many = vec![("tenants/memory-100k", "tenants/lookup-100k", 100_000)];
    if !run.quick {
        many.push(("tenants/memory-1m", "tenants/lookup-1m", 1_000_000));
    }
    for (name, lookup, count) in many {
        if !run.wants(name) && !run.wants(lookup) {
            continue;
        }
        let tenants = Tenants::bound(count)?;
        rows.push(memory(name, &tenants));
        let [large, map] = side_by_side(run, [tenants.lookup(), plain_map(&tenants.ids)]);
        let row = Row::new(lookup, large.ns, "ns").peer("the same among 1 k", small.ns).peer(MAP, map.ns);
        rows.push(if count == 1_000_000 { row.must(Bound::AtMost(1_000.0)) } else { row });
    }
    Ok(rows)
}

const MAP: &str = "HashMap and a cloned Arc";

fn memory(name: &'static str, tenants: &Tenants) -> Row {
    Row::new(name, tenants.bytes_each, "bytes").must(Bound::AtMost(2_048.0)).stretch(Bound::AtMost(1_024.0))
}

/// An orchestrator whose tenants are all bound.
struct Tenants {
    orchestrator: Orchestrator,
    ids: Vec<TenantId>,
    bytes_each: f64,
}

impl Tenants {
    #[allow(clippy::cast_precision_loss, reason = "bytes below 2^53")]
    fn bound(count: u32) -> Result<Self, BoxError> {
        let (stores, name) = (Memory::new(), StrategyName::new(NAME)?);
        let ids = (0..count).map(|n| TenantId::new(format!("tenant-{n:07}"))).collect::<Result<Vec<_>, _>>()?;
        for (n, id) in ids.iter().enumerate() {
            let scope = SecretScope::tenant(name.clone(), id.clone());
            stores.put_secret(&scope, "token", format!("EAAG{n:0>180}"));
            let config = serde_json::json!({
                "phone_number_id": format!("1065403522{n:06}"),
                "waba_id": format!("1022901293{n:06}"),
                "access_token": { "secret": "token" },
            });
            stores.put_tenant(id, &name, config);
        }
        let mut caching = Caching::default();
        // The map is bounded in shards, so that a full one forgets some early.
        (caching.max_bound, caching.config_ttl) = (2 * count as usize, Duration::from_secs(3_600));
        let orchestrator = Orchestrator::builder().strategy(strategy()).stores(stores).caching(caching).build()?;
        let runtime = runtime();
        // The first one grows what all share.
        runtime.block_on(orchestrator.bound::<WhatsAppMetaCloud>(&ids[0], NAME))?;
        let before = allocated().held;
        for id in &ids[1..] {
            runtime.block_on(orchestrator.bound::<WhatsAppMetaCloud>(id, NAME))?;
        }
        let bytes_each = (allocated().held - before) as f64 / f64::from(count - 1);
        Ok(Self { orchestrator, ids, bytes_each })
    }

    /// Finds tenants that are bound, in no order that a cache could know.
    fn lookup(&self) -> Case<'_> {
        let mut order = Order::over(self.ids.len());
        Case::new(move || {
            let found = std::pin::pin!(self.orchestrator.bound::<WhatsAppMetaCloud>(&self.ids[order.next()], NAME));
            match found.poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(found) => found.is_ok(),
                Poll::Pending => false,
            }
        })
    }
}

fn plain_map(ids: &[TenantId]) -> Case<'static> {
    let map: HashMap<TenantId, Arc<[u8; 512]>> = ids.iter().map(|id| (id.clone(), Arc::new([0; 512]))).collect();
    let (ids, mut order) = (ids.to_vec(), Order::over(ids.len()));
    Case::new(move || map.get(&ids[order.next()]).map(|found| black_box(Arc::clone(found))[0]))
}

#[allow(clippy::expect_used, reason = "made of constants")]
fn lookup_of_a_thousand() -> Case<'static> {
    let tenants: &'static Tenants = Box::leak(Box::new(Tenants::bound(1_000).expect("tenants")));
    tenants.lookup()
}

/// Places in an order that is always the same and looks like chance.
#[derive(Debug)]
struct Order {
    at: usize,
    len: usize,
}

impl Order {
    fn over(len: usize) -> Self {
        Self { at: 0, len }
    }

    fn next(&mut self) -> usize {
        // A step that shares no factor with powers of two and of ten visits every place.
        self.at = (self.at + 7_919 * 61_909) % self.len;
        self.at
    }
}
