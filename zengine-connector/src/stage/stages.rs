//! The stages of each tenant and strategy.

use std::sync::Arc;

use hashbrown::HashMap;

use super::{
    breaker::{Circuit, CircuitPorts, Circuits},
    bulkhead::{Bulkhead, Bulkheads},
    settings::StrategySettings,
};
use crate::ids::{StrategyName, TenantId};

/// The stages that belong to one tenant and strategy.
#[derive(Debug)]
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
    circuits: Circuits,
    bulkheads: Bulkheads,
}

impl StageMap {
    pub(crate) fn new(settings: Settings, ports: CircuitPorts) -> Self {
        Self { settings, circuits: Circuits::new(ports), bulkheads: Bulkheads::default() }
    }

    /// The settings of a strategy.
    pub(crate) fn settings(&self, strategy: &StrategyName) -> &StrategySettings {
        self.settings.of(strategy)
    }

    /// The stages of a tenant and strategy: the same ones for the same two.
    pub(crate) fn of(&self, tenant: &TenantId, strategy: &StrategyName) -> Stages {
        let settings = self.settings.of(strategy);
        Stages {
            circuit: self.circuits.of(tenant, strategy, settings),
            bulkhead: self.bulkheads.of(tenant, strategy, settings.bulkhead),
            settings: Arc::clone(settings),
        }
    }
}
