//! The parts that every binding needs.

use std::sync::Arc;

use super::super::Caching;
use crate::{keyring::Key, store::Ports, strategy::SessionPorts};

/// The parts that every binding needs.
pub(super) struct Binder {
    pub(super) sessions: Arc<SessionPorts>,
    pub(super) caching: Caching,
    pub(super) local_refs: bool,
    /// Key of the digests by which secrets are compared, so that only the strategy keeps the secrets.
    pub(super) digest: Key,
}

impl Binder {
    pub(super) fn stores(&self) -> &Ports {
        &self.sessions.stores
    }
}
