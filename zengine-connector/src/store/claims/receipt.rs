//! The stored form of a receipt.

use std::{borrow::Cow, fmt};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use minicbor::{Decoder, Encoder, decode};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::store::cbor::Cbor;

/// The receipt in a delivered send's record, encrypted. Empty if the receipt holds nothing. Base64 in JSON.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredReceipt(Bytes);

impl StoredReceipt {
    /// A receipt that holds nothing, so that there is nothing to encrypt.
    pub const EMPTY: Self = Self(Bytes::new());

    /// An encrypted receipt.
    pub fn sealed(bytes: impl Into<Bytes>) -> Self {
        Self(bytes.into())
    }

    /// The encrypted receipt. Empty if the receipt holds nothing.
    pub const fn as_sealed(&self) -> &Bytes {
        &self.0
    }
}

impl fmt::Debug for StoredReceipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "StoredReceipt(empty)" } else { "StoredReceipt(sealed)" })
    }
}

impl Serialize for StoredReceipt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for StoredReceipt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        STANDARD.decode(&*text).map(Self::sealed).map_err(|_| serde::de::Error::custom("a receipt is base64"))
    }
}

impl Cbor for StoredReceipt {
    fn write(&self, to: &mut Encoder<Vec<u8>>) {
        self.0.write(to);
    }

    fn read(from: &mut Decoder<'_>) -> Result<Self, decode::Error> {
        Cbor::read(from).map(Self)
    }
}
