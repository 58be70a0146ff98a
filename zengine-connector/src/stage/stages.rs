//! The stages of each tenant and strategy.

use std::sync::Arc;

use hashbrown::HashMap;

use super::{
    breaker::{Circuit, CircuitPorts},
    bulkhead::Bulkhead,
    settings::StrategySettings,
};
use crate::{
    ids::{StrategyName, TenantId},
    sync::RwLock,
};

/// The stages that belong to one tenant and strategy.
#[derive(Clone, Debug)]
pub(crate) struct Stages {
    pub(crate) settings: Arc<StrategySettings>,
    pub(crate) circuit: Arc<Circuit>,
    pub(crate) bulkhead: Bulkhead,
}

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

/// The stages of all tenants and strategies.
#[derive(Debug)]
pub(crate) struct StageMap {
    settings: Settings,
    ports: CircuitPorts,
    known: RwLock<HashMap<(StrategyName, TenantId), Stages>>,
}

impl StageMap {
    pub(crate) fn new(settings: Settings, ports: CircuitPorts) -> Self {
        Self { settings, ports, known: RwLock::new(HashMap::new()) }
    }

    /// The settings of a strategy.
    pub(crate) fn settings(&self, strategy: &StrategyName) -> &StrategySettings {
        self.settings.of(strategy)
    }

    /// The stages of a tenant and strategy. The same pair gives the same stages.
    pub(crate) fn of(&self, tenant: &TenantId, strategy: &StrategyName) -> Stages {
        let key = (strategy.clone(), tenant.clone());
        if let Some(stages) = self.known.read().get(&key) {
            return stages.clone();
        }
        let settings = self.settings.of(strategy);
        let new = || Stages {
            circuit: Circuit::new(self.ports.clone(), Arc::clone(settings), tenant, strategy),
            bulkhead: Bulkhead::new(settings.bulkhead),
            settings: Arc::clone(settings),
        };
        self.known.write().entry(key).or_insert_with(new).clone()
    }
}
