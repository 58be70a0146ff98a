//! Changes made by another process: a tenant set up, a secret rewritten.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::join_all;
use serde_json::json;
use zengine_connector::{
    Configure, ConfigureContext, Content, Error, Event, HandlerContext, HandlerError, Identity, InboundContext, InboundEvent,
    InboundStrategy, Memory, Orchestrator, OutboundMessage, Secret, StrategyName, TenantId,
    ids::RouteKey,
    message::ElementError,
    registry::Caching,
    runtime::{Clock as _, TokioSpawner},
    schemars,
    store::{SecretScope, StoreError, TenantConfig, TenantDirectory, TenantRow},
    strategy::{InboundRequest, RawPayload, RoutedEvent, Verified, VerifyError},
    testing::{Recording, SimClock},
};

use crate::host::id;

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct CentreConfig {
    token: Secret<String>,
}

/// A strategy whose tenants share one endpoint.
#[derive(zengine_connector::Strategy)]
#[strategy(name = "centre", channel = WhatsApp, config = CentreConfig, inbound)]
struct Centre;

impl Configure<CentreConfig> for Centre {
    type Tenant = ();

    async fn configure(&self, config: CentreConfig, _: &ConfigureContext) -> Result<(), Error> {
        drop(config.token);
        Ok(())
    }
}

impl InboundStrategy<CentreConfig> for Centre {
    async fn verify(&self, request: &InboundRequest, _: &InboundContext<()>) -> Result<Verified, VerifyError> {
        Ok(Verified::shared(request.body().clone()))
    }

    fn normalize(&self, payload: &RawPayload) -> Vec<Result<RoutedEvent, ElementError>> {
        let text = String::from_utf8(payload.body().to_vec()).unwrap();
        let event = |text: &str| {
            let mut event = RoutedEvent::new(Event::message(Content::text(text)), text.to_owned(), payload.body().clone());
            event.routes = vec![RouteKey::new("number", "17")];
            // `three@5`: what happened at a time.
            event.occurred_at_ms = text.split_once('@').map(|(_, at)| at.parse().unwrap());
            Ok(event)
        };
        text.split(',').map(event).collect()
    }
}

/// A directory that takes a moment, and counts its reads of configurations.
#[derive(Debug)]
struct Counting(Arc<dyn TenantDirectory>, Arc<AtomicUsize>);

async fn moment() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[async_trait]
impl TenantDirectory for Counting {
    async fn config(&self, tenant: &TenantId, strategy: &StrategyName) -> Result<Option<TenantConfig>, StoreError> {
        self.1.fetch_add(1, SeqCst);
        moment().await;
        self.0.config(tenant, strategy).await
    }

    async fn route(&self, strategy: &StrategyName, key: &RouteKey) -> Result<Vec<TenantId>, StoreError> {
        moment().await;
        self.0.route(strategy, key).await
    }

    async fn tenants(&self, strategy: &StrategyName, after: Option<&TenantId>, limit: usize) -> Result<Vec<TenantId>, StoreError> {
        self.0.tenants(strategy, after, limit).await
    }
}

struct Process {
    memory: Memory,
    clock: Arc<SimClock>,
    handled: Arc<AtomicUsize>,
    reads: Arc<AtomicUsize>,
    orchestrator: Orchestrator,
}

impl Process {
    fn new() -> Self {
        let (memory, clock, handled, reads) = (Memory::new(), Arc::new(SimClock::new()), Arc::<AtomicUsize>::default(), Arc::default());
        let count = Arc::clone(&handled);
        let orchestrator = Orchestrator::builder()
            .strategy(Centre)
            .strategy(Recording::new())
            .stores(&memory)
            .directory(Arc::new(Counting(memory.directory(), Arc::clone(&reads))))
            .caching(Caching { secret_ttl: Duration::from_secs(5), ..Caching::default() })
            .clock(Arc::clone(&clock) as _)
            .spawner(Arc::new(TokioSpawner))
            .on_inbound(move |_event: InboundEvent, _cx: HandlerContext| {
                let count = Arc::clone(&count);
                async move {
                    count.fetch_add(1, SeqCst);
                    Ok::<(), HandlerError>(())
                }
            })
            .build()
            .unwrap();
        Self { memory, clock, handled, reads, orchestrator }
    }

    fn now_ms(&self) -> i64 {
        let now = self.clock.now().duration_since(std::time::UNIX_EPOCH).unwrap();
        i64::try_from(now.as_millis()).unwrap()
    }

    /// Writes a tenant as a set-up in another process does.
    fn set_up(&self) {
        let row = TenantRow::new(json!({ "token": { "secret": "token" } })).with_routes([RouteKey::new("number", "17")]);
        self.memory.put_tenant(&id("acme"), &centre(), row);
        self.secret("t");
    }

    fn secret(&self, value: &str) {
        self.memory.put_secret(&SecretScope::tenant(centre(), id("acme")), "token", value);
    }

    /// The status of the answer to one event.
    async fn deliver(&self, event: &'static str) -> u16 {
        self.orchestrator
            .serve("centre", http::Request::post("/").body(Bytes::from_static(event.as_bytes())).unwrap())
            .await
            .status()
            .as_u16()
    }

    /// The answer to one event, and the number of letters.
    async fn outcome(&self, event: &'static str) -> (u16, usize) {
        (self.deliver(event).await, self.letters().await)
    }

    async fn letters(&self) -> usize {
        self.memory.dead_letters().list(None, 100).await.unwrap().letters.len()
    }
}

fn centre() -> StrategyName {
    StrategyName::new("centre").unwrap()
}

fn hi() -> OutboundMessage {
    OutboundMessage::text(Identity::phone("+15551230001").unwrap(), "hi")
}

#[tokio::test(start_paused = true)]
async fn rule_84_events_of_a_tenant_that_was_just_set_up_elsewhere_are_handled() {
    let process = Process::new();
    assert!(process.orchestrator.status("acme", "centre").await.unwrap().not_bound.is_some());
    process.set_up();
    assert_eq!(tokio::join!(process.deliver("one"), process.deliver("two,three,four")), (200, 200));
    assert_eq!((process.handled.load(SeqCst), process.letters().await), (4, 0));
}

#[tokio::test(start_paused = true)]
async fn rule_84_events_of_a_route_that_was_just_written_elsewhere_are_handled() {
    let process = Process::new();
    assert_eq!(process.outcome("zero").await, (200, 1));
    process.clock.advance(Duration::from_millis(1)).await;
    process.set_up();
    assert_eq!(tokio::join!(process.deliver("one"), process.deliver("two")), (200, 200));
    assert_eq!((process.handled.load(SeqCst), process.letters().await), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn rule_85_sends_of_a_tenant_that_was_just_set_up_elsewhere_are_made() {
    let (process, message) = (Process::new(), hi());
    let send = async |id: &'static str| process.orchestrator.send("acme", "recording", id, &message).await;
    send("1").await.unwrap_err();
    process.memory.put_tenant(&id("acme"), &StrategyName::new("recording").unwrap(), json!({}));
    let (one, two) = tokio::join!(send("1"), send("2"));
    assert_eq!((one.unwrap().as_str(), two.unwrap().as_str()), ("delivered", "delivered"));
}

#[test]
fn rule_85_of_sends_on_several_threads_none_takes_a_refusal_that_another_asks_past() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    let memory = Memory::new();

    let orchestrator = Orchestrator::builder().strategy(Recording::new()).stores(&memory).build().unwrap();
    for round in 0..500 {
        let tenant = format!("tenant-{round}");
        let send = |n: usize| {
            let (orchestrator, tenant) = (orchestrator.clone(), tenant.clone());
            async move { orchestrator.send(tenant, "recording", format!("{n}"), &hi()).await }
        };
        runtime.block_on(send(0)).unwrap_err();
        memory.put_tenant(&id(&tenant), &StrategyName::new("recording").unwrap(), json!({}));
        let sends: Vec<_> = (1..5).map(|n| runtime.spawn(send(n))).collect();
        for sent in runtime.block_on(join_all(sends)) {
            assert_eq!(sent.unwrap().unwrap().as_str(), "delivered", "round {round}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rule_85_a_flood_of_sends_of_no_tenant_asks_the_directory_twice_a_second_at_most() {
    let (process, message) = (Process::new(), hi());
    let send = async |n: usize| process.orchestrator.send("nobody", "recording", format!("{n}"), &message).await.unwrap_err();
    for n in 0..50 {
        send(n).await;
    }
    join_all((50..100).map(send)).await;
    assert_eq!(process.reads.load(SeqCst), 2);
}

/// A process that handled one event, and whose secrets are due again.
async fn handled_once() -> Process {
    let process = Process::new();
    process.set_up();
    assert_eq!(process.outcome("one").await, (200, 0));
    process.clock.advance(Duration::from_secs(6)).await;
    process
}

#[tokio::test(start_paused = true)]
async fn rule_84_events_come_again_while_a_secret_is_rewritten_in_place() {
    let process = handled_once().await;
    process.secret("");
    assert_eq!(process.outcome("two").await, (503, 0));
    process.secret("t");
    assert_eq!(process.outcome("two").await, (200, 0));
    // The next time has a minute of its own.
    process.clock.advance(Duration::from_secs(600)).await;
    process.secret("");
    assert_eq!(process.outcome("three").await, (503, 0));
    assert_eq!(process.handled.load(SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn rule_84_a_rewritten_secret_has_its_minute_in_a_new_process_too() {
    let process = Process::new();
    process.set_up();
    process.secret("");
    let event: &str = format!("one@{}", process.now_ms()).leak();
    assert_eq!(process.outcome(event).await, (503, 0));
    process.secret("t");
    assert_eq!(process.outcome(event).await, (200, 0));
}

#[tokio::test(start_paused = true)]
async fn rule_84_a_new_process_does_not_hold_up_an_old_event_of_a_tenant_without_its_secret() {
    for (age_ms, outcome) in [(59_000, (503, 0)), (60_000, (200, 1))] {
        let process = Process::new();
        process.set_up();
        process.secret("");
        let at = process.now_ms() - age_ms;
        assert_eq!(process.outcome(format!("one@{at}").leak()).await, outcome, "{age_ms} ms old");
    }
    let process = Process::new();
    process.set_up();
    process.secret("");
    assert_eq!(process.outcome("one").await, (200, 1), "without a time");
    // One that had the secret waits for it, however long the provider took to deliver.
    let process = handled_once().await;
    process.secret("");
    let at = process.now_ms() - 3_600_000;
    assert_eq!(process.outcome(format!("two@{at}").leak()).await, (503, 0));
}

#[tokio::test(start_paused = true)]
async fn rule_84_a_tenant_that_left_the_cache_keeps_the_minute_of_its_secrets_and_gets_no_second_one() {
    let process = handled_once().await;
    process.secret("");
    assert_eq!(process.outcome("two").await, (503, 0));
    process.orchestrator.invalidate("acme").await.unwrap();
    process.clock.advance(Duration::from_secs(59)).await;
    assert_eq!(process.outcome("two").await, (503, 0));
    process.orchestrator.invalidate("acme").await.unwrap();
    process.clock.advance(Duration::from_secs(2)).await;
    assert_eq!(process.outcome("two").await, (200, 1));
    // Also after it was idle: the load of another tenant sweeps it out.
    process.clock.advance(Duration::from_secs(3 * 3600)).await;
    assert!(process.orchestrator.status("other", "centre").await.unwrap().not_bound.is_some());
    assert_eq!(process.outcome("three").await, (200, 2));
}

#[tokio::test(start_paused = true)]
async fn rule_84_a_secret_that_stays_wrong_does_not_hold_the_shared_endpoint_up() {
    let process = handled_once().await;
    process.secret("");
    assert_eq!(process.outcome("two").await, (503, 0));
    process.clock.advance(Duration::from_secs(61)).await;
    assert_eq!(process.outcome("two").await, (200, 1));
    // Not anew for every event.
    process.clock.advance(Duration::from_secs(2)).await;
    assert_eq!(process.outcome("three").await, (200, 2));
    assert!(process.memory.secrets().get(&SecretScope::tenant(centre(), id("acme")), "token").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn rule_84_a_tenant_that_is_wrong_by_itself_does_not_hold_the_shared_endpoint_up() {
    let process = handled_once().await;
    process.memory.tenant_writer().set_enabled(&id("acme"), &centre(), false).await.unwrap();
    process.clock.advance(Duration::from_secs(40)).await;
    assert_eq!(process.outcome("two").await, (200, 1), "it is disabled");

    let process = handled_once().await;
    let row = TenantRow::new(json!({ "token": 1 })).with_routes([RouteKey::new("number", "17")]);
    process.memory.put_tenant(&id("acme"), &centre(), row);
    process.clock.advance(Duration::from_secs(40)).await;
    assert_eq!(process.outcome("two").await, (200, 1), "its new configuration is invalid");
}
