//! Hosts whose session store fails on demand.

use std::sync::Arc;

use super::{host::TestHost, kit::SharedKit};
use crate::{
    orchestrator::OrchestratorBuilder,
    store::{Memory, SessionStore},
    testing::Faults,
};

/// Gives a host a session store of its own, with these faults.
pub(crate) fn faulty(builder: OrchestratorBuilder, faults: &Faults) -> OrchestratorBuilder {
    let memory = Memory::new();
    builder.sessions(faults.sessions(memory.sessions()) as Arc<dyn SessionStore>).keys(memory.keys())
}

/// The number of calls to the session store so far.
pub(crate) fn calls(faults: &Faults) -> u32 {
    faults.calls().len().try_into().unwrap_or(u32::MAX)
}

impl TestHost {
    /// Creates a host whose session store can fail.
    pub(crate) fn with_sessions(kit: &SharedKit) -> (Self, Faults) {
        let faults = Faults::new();
        (Self::with(kit, |builder| faulty(builder, &faults)), faults)
    }
}
