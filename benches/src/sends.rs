//! A whole send around a provider that does nothing, with memory stores, beside what others charge for a part of it.

use std::cell::Cell;

use serde_json::value::to_raw_value;
use tokio::runtime::Runtime;
use zengine_connector::{
    BoxError, ClientMessageId, Identity, Orchestrator, OutboundMessage, Outcome, Strategy, StrategyName, TenantId, message::MessageRef,
    store::Memory,
};

use crate::{
    harness::{Bound, Case, Counted, Row, Run, side_by_side},
    noop::{Accepting, Noop, Paced, Ping},
    peers::{self, PEERS, measured_async},
};

/// Sends in the store while the others are measured.
const LIVE: u32 = 64_000;

const fn counted(name: &'static str, make: fn() -> Case<'static>) -> Counted {
    Counted { name, make, allocations: None, ceiling: None, stretch: None }
}

/// Operations whose allocations and instructions are counted.
pub(crate) const COUNTED: &[Counted] = &[
    Counted { ceiling: Some(14.0), ..counted("pipeline/no-op", || fresh(1_000)) },
    Counted { allocations: Some(14.0), stretch: Some(6.0), ..counted("pipeline/text", || text(1_000)) },
    counted("pipeline/text-paced", || paced(1_000)),
    counted("pipeline/text-as-json", || text_as_json(1_000)),
    counted("pipeline/replay", replay),
    counted("pipeline/peer-native", PEERS[0].1),
    counted("pipeline/peer-async-trait", PEERS[1].1),
    counted("pipeline/peer-tower", PEERS[2].1),
    counted("pipeline/peer-tower-resilience", PEERS[3].1),
];

/// Times of sends, each beside all peers.
pub(crate) fn rows(run: &Run) -> Result<Vec<Row>, BoxError> {
    let live = if run.quick { LIVE / 16 } else { LIVE };
    let [send, native, boxed, tower, resilience, five, failsafe, recloser, backon] = side_by_side(
        run,
        [
            fresh(live),
            (PEERS[0].1)(),
            (PEERS[1].1)(),
            (PEERS[2].1)(),
            (PEERS[3].1)(),
            (PEERS[4].1)(),
            (PEERS[5].1)(),
            (PEERS[6].1)(),
            (PEERS[7].1)(),
        ],
    );
    let costs = [native, boxed, tower, resilience, five, failsafe, recloser, backon];
    let mut noop = Row::new("pipeline/no-op-64k-live", send.ns, "ns");
    for ((name, _), cost) in PEERS.iter().zip(costs) {
        noop = noop.peer(name, cost.ns);
    }

    let [with_text, with_rates, as_json, replayed] = side_by_side(run, [text(live), paced(live), text_as_json(live), replay()]);
    let beside = |name, ns| Row::new(name, ns, "ns").peer(peers::RESILIENCE, resilience.ns);
    Ok(vec![
        noop,
        beside("pipeline/text-with-fingerprint", with_text.ns).must(Bound::AtMost(3_500.0)).stretch(Bound::AtMost(1_700.0)),
        beside("pipeline/text-paced", with_rates.ns),
        beside("pipeline/text-as-json", as_json.ns),
        beside("pipeline/replay", replayed.ns),
    ])
}

/// An orchestrator with memory stores, a runtime to drive it, and ids that no send has had.
struct Host {
    runtime: Runtime,
    orchestrator: Orchestrator,
    tenant: TenantId,
    next: Cell<u64>,
}

#[allow(clippy::expect_used, reason = "made of constants")]
impl Host {
    fn new(provider: impl Strategy) -> Self {
        let (stores, tenant) = (Memory::new(), TenantId::new("acme").expect("an id"));
        for name in ["noop", "accepting", "paced"] {
            stores.put_tenant(&tenant, &StrategyName::new(name).expect("a name"), serde_json::json!({}));
        }
        let orchestrator = Orchestrator::builder().strategy(provider).stores(stores).build().expect("an orchestrator");
        Self { runtime: peers::runtime(), orchestrator, tenant, next: Cell::new(0) }
    }

    fn ids(&self, n: u32) -> Vec<ClientMessageId> {
        let first = self.next.replace(self.next.get() + u64::from(n));
        (first..first + u64::from(n)).map(|n| ClientMessageId::new(n.to_string()).expect("an id")).collect()
    }
}

/// Sends of new ids, with so many sends in the store already.
#[allow(clippy::expect_used, reason = "made of constants")]
fn fresh(live: u32) -> Case<'static> {
    sends_of("noop", Noop, Ping {}, live)
}

/// Sends of a text of about a hundred bytes, so that the fingerprint has something to read.
fn text(live: u32) -> Case<'static> {
    sends_of("accepting", Accepting, a_text(), live)
}

/// The same through the limiter, with three scopes.
fn paced(live: u32) -> Case<'static> {
    sends_of("paced", Paced, a_text(), live)
}

/// The same, handed in as JSON: parsed, and read strictly.
#[allow(clippy::expect_used, reason = "made of constants")]
fn text_as_json(live: u32) -> Case<'static> {
    sends_of("accepting", Accepting, to_raw_value(&a_text()).expect("JSON"), live)
}

#[allow(clippy::expect_used, reason = "made of constants")]
fn a_text() -> OutboundMessage {
    let text = "A text of about a hundred bytes, which is what most messages that people really send look like today.";
    OutboundMessage::text(Identity::phone("+15551230001").expect("a number"), text)
}

#[allow(clippy::expect_used, reason = "an id for each")]
fn sends_of<M: 'static>(strategy: &'static str, provider: impl Strategy, message: M, live: u32) -> Case<'static>
where
    for<'m> &'m M: Into<MessageRef<'m>>,
{
    let host = Host::new(provider);
    let send = move |n: u32| {
        let ids = std::cell::RefCell::new(host.ids(n));
        host.runtime.block_on(measured_async(n, async |_| {
            let id = ids.borrow_mut().pop().expect("an id for each");
            host.orchestrator.send(&host.tenant, strategy, id, &message).await.is_ok_and(|outcome| matches!(outcome, Outcome::Delivered(_)))
        }))
    };
    send(live);
    Case::many(send)
}

/// Sends of an id that has been delivered.
#[allow(clippy::expect_used, reason = "made of constants")]
fn replay() -> Case<'static> {
    let host = Host::new(Noop);
    let send = move |n: u32| {
        let id = ClientMessageId::new("the same").expect("an id");
        host.runtime.block_on(measured_async(n, async |_| host.orchestrator.send(&host.tenant, "noop", id.clone(), &Ping {}).await.is_ok()))
    };
    send(1);
    Case::many(send)
}
