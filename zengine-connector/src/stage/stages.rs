//! The stages of each tenant and strategy.

use std::{sync::Arc, time::Duration};

use hashbrown::HashMap;

use super::{
    breaker::{Circuit, CircuitPorts},
    budget::Budget,
    calls::{CallTime, Calls},
    limiter::{Limiter, SharedScopes},
    settings::StrategySettings,
};
use crate::{
    error::{LastError, SendError},
    ids::{StrategyName, TenantId},
    sync::{Limit, Mutex, Permit, RwLock},
};

/// The stages that belong to one tenant and strategy.
#[derive(Clone, Debug)]
pub(crate) struct Stages {
    pub(crate) settings: Arc<StrategySettings>,
    pub(crate) circuit: Arc<Circuit>,
    /// The tokens of retries.
    pub(crate) budget: Arc<Budget>,
    /// Rates and pauses.
    pub(crate) limiter: Arc<Limiter>,
    /// The limit of concurrent calls.
    pub(crate) bulkhead: Arc<Limit>,
    calls: Arc<Calls>,
}

impl Stages {
    /// Returns `true` if new stages would behave the same.
    fn is_as_new(&self, now: Duration) -> bool {
        self.circuit.is_as_new(now) && self.budget.is_full(now) && self.limiter.is_idle(now)
    }

    /// Remembers the end of a call. `manages` if it was for management.
    pub(crate) fn called(&self, manages: bool, error: Option<&SendError>, time: CallTime) {
        self.calls.called(manages, error, time);
    }

    /// The error of the last call that failed.
    pub(crate) fn last_error(&self) -> Option<LastError> {
        self.calls.last_error()
    }

    /// The error of the last call that failed because of the tenant's set-up and only concerns management.
    pub(crate) fn last_management_error(&self) -> Option<LastError> {
        self.calls.last_management_error()
    }
}

/// A permit for one call.
pub(crate) type BulkheadPermit<'a> = Permit<&'a Limit>;

/// The settings of every strategy: the host's default, and those that it named.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) default: Arc<StrategySettings>,
    pub(crate) named: HashMap<StrategyName, Arc<StrategySettings>>,
}

impl Settings {
    fn of(&self, strategy: &StrategyName) -> &Arc<StrategySettings> {
        self.named.get(strategy).unwrap_or(&self.default)
    }
}

/// Number of stages at which the first idle ones are forgotten.
const FIRST_SWEEP: usize = 1024;

/// The stages of all tenants and strategies. Drops entries without a holder that equal new ones (rule 60).
#[derive(Debug)]
pub(crate) struct StageMap {
    settings: Settings,
    ports: CircuitPorts,
    known: RwLock<Known>,
    /// The scopes that tenants of a strategy share.
    shared: Mutex<HashMap<StrategyName, SharedScopes>>,
}

#[derive(Debug)]
struct Known {
    stages: HashMap<(StrategyName, TenantId), Stages>,
    /// Number at which the idle ones are looked for: twice what the last sweep left, so that a sweep costs little per entry.
    sweep_at: usize,
}

impl Known {
    fn sweep(&mut self, now: Duration) {
        if self.stages.len() < self.sweep_at {
            return;
        }
        // A clone of the stages shares its circuit, so the count covers every holder. New clones need this lock.
        self.stages.retain(|_, stages| Arc::strong_count(&stages.circuit) > 1 || !stages.is_as_new(now));
        self.sweep_at = FIRST_SWEEP.max(self.stages.len() * 2);
    }
}

impl StageMap {
    pub(crate) fn new(settings: Settings, ports: CircuitPorts) -> Self {
        Self { settings, ports, known: RwLock::new(Known { stages: HashMap::new(), sweep_at: FIRST_SWEEP }), shared: Mutex::default() }
    }

    /// The settings of a strategy.
    pub(crate) fn settings(&self, strategy: &StrategyName) -> &StrategySettings {
        self.settings.of(strategy)
    }

    /// The stages of a tenant and strategy, if calls made them.
    pub(crate) fn known(&self, tenant: &TenantId, strategy: &StrategyName) -> Option<Stages> {
        self.known.read().stages.get(&(strategy.clone(), tenant.clone())).cloned()
    }

    /// The stages of a tenant and strategy. The same pair gives the same stages while at least one handle lives.
    pub(crate) fn of(&self, tenant: &TenantId, strategy: &StrategyName) -> Stages {
        let key = (strategy.clone(), tenant.clone());
        if let Some(stages) = self.known.read().stages.get(&key) {
            return stages.clone();
        }
        let settings = self.settings.of(strategy);
        let shared = self.shared.lock().entry(strategy.clone()).or_insert_with(|| SharedScopes::new(&settings.limits)).clone();
        let new = || Stages {
            circuit: Circuit::new(self.ports.clone(), Arc::clone(settings), tenant, strategy),
            budget: Arc::new(Budget::new(settings.retry.budget)),
            limiter: Arc::new(Limiter::new(&settings.limits, shared)),
            bulkhead: Arc::new(Limit::new(settings.bulkhead.map_or(usize::MAX, |calls| usize::try_from(calls).unwrap_or(usize::MAX)))),
            calls: Arc::default(),
            settings: Arc::clone(settings),
        };
        let mut known = self.known.write();
        known.sweep(self.ports.clock.monotonic());
        known.stages.entry(key).or_insert_with(new).clone()
    }
}

#[cfg(all(test, feature = "testing", feature = "tokio"))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may")]

    use super::*;
    use crate::{
        runtime::{Clock as _, SystemRng, TokioSpawner},
        stage::breaker::{Admission, State, Verdict},
        store::{Memory, Ports},
        telemetry::Observers,
        testing::SimClock,
    };

    struct World {
        clock: Arc<SimClock>,
        map: StageMap,
        strategy: StrategyName,
    }

    impl World {
        fn new() -> Self {
            let (clock, memory) = (Arc::new(SimClock::new()), Memory::new());
            let ports = CircuitPorts {
                stores: Arc::new(Ports::new(memory.clone().into(), memory.directory(), memory.secrets(), Arc::clone(&clock) as _)),
                clock: Arc::clone(&clock) as _,
                rng: Arc::new(SystemRng),
                spawner: Arc::new(TokioSpawner),
                observers: Observers::default(),
                writer: "this process".into(),
            };
            let settings = Settings { default: Arc::default(), named: HashMap::new() };
            Self { clock, map: StageMap::new(settings, ports), strategy: StrategyName::new("s").unwrap() }
        }

        fn stages(&self, tenant: &str) -> Stages {
            self.map.of(&TenantId::new(tenant).unwrap(), &self.strategy)
        }

        fn known(&self) -> usize {
            self.map.known.read().stages.len()
        }

        /// Calls of a tenant that fail.
        fn fail(&self, tenant: &str, times: u32) {
            for _ in 0..times {
                let (stages, now) = (self.stages(tenant), self.clock.monotonic());
                let Admission::Pass(permit) = stages.circuit.enter(now) else { panic!("it is closed") };
                permit.settle(Verdict::Failure, now);
            }
        }

        async fn pass(&self, seconds: u64) {
            self.clock.advance(Duration::from_secs(seconds)).await;
        }
    }

    /// Adds stages until the next new ones cause a sweep.
    fn fill(world: &World) {
        let (known, sweep_at) = (world.known(), world.map.known.read().sweep_at);
        for n in known..sweep_at {
            let _ = world.stages(&format!("{n} of {sweep_at}"));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn rule_60_only_closed_clean_idle_stages_are_forgotten() {
        let world = World::new();
        let held = world.stages("held");
        world.fail("idle", 1);
        world.fail("open", 5);
        world.fail("recovered", 5);
        fill(&world);
        world.pass(61).await;
        let (recovered, now) = (world.stages("recovered"), world.clock.monotonic());
        let Admission::Probe(probe) = recovered.circuit.enter(now) else { panic!("its open time is over") };
        probe.settle(Verdict::Success, now);
        drop(recovered);
        world.fail("failed", 1);

        let _ = world.stages("last");
        let mut left: Vec<_> = world.map.known.read().stages.keys().map(|(_, tenant)| tenant.to_string()).collect();
        left.sort();
        assert_eq!(left, ["failed", "held", "last", "open", "recovered"]);
        assert!(Arc::ptr_eq(&held.circuit, &world.stages("held").circuit), "the same key gives the same one");
        assert_eq!(world.stages("open").circuit.state().0, State::Open);
        world.fail("failed", 4);
        assert_eq!(world.stages("failed").circuit.state().0, State::Open, "its first failure counted");

        // Ten closed minutes later the trip is forgotten, and with it the breaker.
        fill(&world);
        world.pass(601).await;
        let _ = world.stages("new");
        assert!(world.map.known.read().stages.keys().all(|(_, tenant)| tenant.as_str() != "recovered"));
        assert_eq!(world.stages("open").circuit.state().0, State::Open);
    }

    #[tokio::test(start_paused = true)]
    async fn rule_60_stages_in_use_do_not_cost_a_sweep_each() {
        let world = World::new();
        let all: Vec<_> = (0..3 * FIRST_SWEEP).map(|n| world.stages(&n.to_string())).collect();
        assert_eq!((world.known(), world.map.known.read().sweep_at), (all.len(), 4 * FIRST_SWEEP));
    }
}
