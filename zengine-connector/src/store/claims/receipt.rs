//! The stored form of a receipt.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{ids::ProviderMessageId, message::Receipt};

/// The receipt in a delivered send's record: encrypted if records leave the process, else open.
///
/// Serializing an open receipt is an error, so that a store cannot persist one by mistake.
#[derive(Clone, PartialEq)]
pub struct StoredReceipt(Form);

#[derive(Clone, PartialEq)]
enum Form {
    /// Encrypted, base64.
    Sealed(Box<str>),
    /// Open and empty.
    Empty,
    /// Open, with one provider id only.
    Id(ProviderMessageId),
    /// Open and complete.
    Whole(Arc<Receipt>),
}

impl StoredReceipt {
    /// An encrypted receipt, in base64.
    pub fn sealed(text: impl Into<Box<str>>) -> Self {
        Self(Form::Sealed(text.into()))
    }

    /// An open receipt, for records that never leave the process.
    pub fn open(receipt: &Receipt) -> Self {
        Self(match receipt.provider_id() {
            _ if !receipt.is_plain() => Form::Whole(Arc::new(receipt.clone())),
            Some(id) => Form::Id(id.clone()),
            None => Form::Empty,
        })
    }

    /// The encrypted receipt in base64, if it is encrypted.
    pub fn as_sealed(&self) -> Option<&str> {
        match &self.0 {
            Form::Sealed(text) => Some(text),
            _ => None,
        }
    }

    /// The receipt, if it is open.
    pub fn as_open(&self) -> Option<Receipt> {
        match &self.0 {
            Form::Sealed(_) => None,
            Form::Empty => Some(Receipt::unnumbered()),
            Form::Id(id) => Some(Receipt::accepted(id.clone())),
            Form::Whole(receipt) => Some((**receipt).clone()),
        }
    }
}

impl StoredReceipt {
    /// Returns `true` if it is open and empty.
    pub(crate) const fn is_empty(&self) -> bool {
        matches!(self.0, Form::Empty)
    }

    /// An open and empty receipt.
    pub(crate) const fn empty() -> Self {
        Self(Form::Empty)
    }
}

impl fmt::Debug for StoredReceipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.as_sealed().is_some() { "StoredReceipt(sealed)" } else { "StoredReceipt(open)" })
    }
}

impl Serialize for StoredReceipt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let sealed = self.as_sealed().ok_or_else(|| serde::ser::Error::custom("an open receipt does not leave its process"))?;
        serializer.serialize_str(sealed)
    }
}

impl<'de> Deserialize<'de> for StoredReceipt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<str>::deserialize(deserializer).map(Self::sealed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_receipt_comes_back_whole_and_is_never_written_down() {
        let id = || ProviderMessageId::new("wamid.1").unwrap();
        for receipt in [
            Receipt::unnumbered(),
            Receipt::accepted(id()),
            Receipt::accepted(id()).with_note("held"),
            Receipt::unnumbered().with_next(Some("2".into())),
        ] {
            let stored = StoredReceipt::open(&receipt);
            assert_eq!(stored.as_open(), Some(receipt));
            assert!(serde_json::to_string(&stored).is_err());
        }
        assert_eq!(serde_json::to_string(&StoredReceipt::sealed("AQ==")).unwrap(), r#""AQ==""#);
        assert_eq!(StoredReceipt::sealed("AQ==").as_open(), None);
    }
}
