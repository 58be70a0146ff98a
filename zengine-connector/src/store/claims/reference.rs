//! The way back from a hashed provider key to its send.

use serde::{Deserialize, Serialize};

use crate::{
    ids::{ClientMessageId, StrategyName, TenantId},
    store::{
        StoreError,
        cbor::{self, Record, Unread, cbor_map},
    },
};

/// The send that a hashed provider key belongs to (`formats`: provider key).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Reference {
    /// Version of this format: 1.
    pub v: u32,
    /// The tenant.
    pub tenant: TenantId,
    /// The registered name of the strategy.
    pub strategy: StrategyName,
    /// The caller's id.
    pub client_message_id: ClientMessageId,
    /// Expiry of the reference, in seconds UTC.
    pub expires_at_s: i64,
    #[serde(skip)]
    unread: Unread,
}

cbor_map!(Reference {
    1 => v: required,
    2 => tenant: required,
    3 => strategy: required,
    4 => client_message_id: required,
    5 => expires_at_s: required,
});

impl Record for Reference {
    const VERSION: u32 = Self::VERSION;
}

impl Reference {
    /// Version of this format.
    pub const VERSION: u32 = 1;

    /// A reference to a send.
    pub fn new(tenant: TenantId, strategy: StrategyName, client_message_id: ClientMessageId, expires_at_s: i64) -> Self {
        Self { v: Self::VERSION, tenant, strategy, client_message_id, expires_at_s, unread: Unread::default() }
    }

    /// The reference in its stored form: a CBOR map with integer keys.
    pub fn to_cbor(&self) -> Vec<u8> {
        cbor::encode(self)
    }

    /// Reads a reference from its stored form.
    ///
    /// # Errors
    /// `Corrupt` if it is damaged or of another version.
    pub fn from_cbor(bytes: &[u8]) -> Result<Self, StoreError> {
        cbor::decode(bytes)
    }

    /// Returns `true` if the reference is expired.
    pub const fn is_expired(&self, now_ms: i64) -> bool {
        self.expires_at_s.saturating_mul(1000) <= now_ms
    }
}
