//! Maps a hashed provider key to its send.

use super::time::{Kept, as_ms, is_reached};
use crate::{
    ids::{ClientMessageId, StrategyName, TenantId},
    store::cbor::{Unread, record},
};

record! {
    /// The send that a hashed provider key belongs to (`formats`: provider key).
    #[derive(Debug)]
    pub struct Reference version 1 {
        /// The tenant.
        2 required pub tenant: TenantId,
        /// The registered name of the strategy.
        3 required pub strategy: StrategyName,
        /// The caller's id.
        4 required pub client_message_id: ClientMessageId,
        /// Expiry of the reference, in seconds UTC.
        5 required pub expires_at_s: i64,
    }
}

impl Reference {
    /// A reference to a send.
    pub fn new(tenant: TenantId, strategy: StrategyName, client_message_id: ClientMessageId, expires_at_s: i64) -> Self {
        Self { v: Self::VERSION, tenant, strategy, client_message_id, expires_at_s, unread: Unread::default() }
    }

    /// Returns `true` if the reference is expired.
    pub const fn is_expired(&self, now_ms: i64) -> bool {
        is_reached(self.expires_at_s, now_ms)
    }
}

impl Kept for Reference {
    fn removable_at_ms(&self) -> i64 {
        as_ms(self.expires_at_s)
    }
}
