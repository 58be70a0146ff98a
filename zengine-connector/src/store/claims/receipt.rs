//! The stored form of a receipt.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::store::cbor::cbor_newtype;

/// The receipt in a delivered send's record, encrypted. Empty if the receipt holds nothing. Base64 in JSON.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StoredReceipt(#[serde(with = "crate::message::base64_bytes")] Bytes);

cbor_newtype!(StoredReceipt);

impl StoredReceipt {
    /// A receipt that holds nothing, so that there is nothing to encrypt.
    pub const EMPTY: Self = Self(Bytes::new());

    /// An encrypted receipt.
    pub fn sealed(bytes: impl Into<Bytes>) -> Self {
        Self(bytes.into())
    }

    /// The place that a receipt is encrypted for: that of its record.
    pub(crate) const fn place(key: &str) -> [&str; 2] {
        ["receipt", key]
    }

    /// The encrypted receipt. Empty if the receipt holds nothing.
    pub const fn as_sealed(&self) -> &Bytes {
        &self.0
    }
}

debug_value!(StoredReceipt, |it| if it.0.is_empty() { "empty" } else { "sealed" });
