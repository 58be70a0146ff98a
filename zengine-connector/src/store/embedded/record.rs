//! Records as JSON with their version. An unknown version is an error (case 30).

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::store::{ClaimRecord, DeadLetter, InboundRecord, StoreError, StoreErrorKind};

/// A record that holds the version of its format.
pub(super) trait Record: Serialize + DeserializeOwned {
    const VERSION: u32;

    fn version(&self) -> u32;
}

macro_rules! records {
    ($($record:ident),*) => {$(
        impl Record for $record {
            const VERSION: u32 = $record::VERSION;

            fn version(&self) -> u32 {
                self.v
            }
        }
    )*};
}
records!(ClaimRecord, InboundRecord, DeadLetter);

/// Adds a version to a record without one.
#[derive(Serialize, Deserialize)]
pub(super) struct V1<T> {
    v: u32,
    #[serde(flatten)]
    pub(super) record: T,
}

impl<T> V1<T> {
    pub(super) fn new(record: T) -> Self {
        Self { v: 1, record }
    }
}

impl<T: Serialize + DeserializeOwned> Record for V1<T> {
    const VERSION: u32 = 1;

    fn version(&self) -> u32 {
        self.v
    }
}

pub(super) fn encode<R: Record>(record: &R) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(record).map_err(|_| StoreError::new(StoreErrorKind::Corrupt, "a record has no JSON form"))
}

/// Parses a record. Drops the parser's error, because it may quote the record.
pub(super) fn decode<R: Record>(json: &[u8]) -> Result<R, StoreError> {
    #[derive(Deserialize)]
    struct Version {
        v: u32,
    }
    match serde_json::from_slice::<R>(json) {
        Ok(record) if record.version() == R::VERSION => Ok(record),
        parsed => {
            let version = parsed.map(|record| record.version()).or_else(|_| serde_json::from_slice::<Version>(json).map(|head| head.v));
            Err(StoreError::new(
                StoreErrorKind::Corrupt,
                match version {
                    Ok(version) if version != R::VERSION => "a stored record has an unknown version: use the release that wrote it",
                    _ => "a stored record is damaged",
                },
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const INBOUND: &str = r#"{"v":1,"status":"claimed","owner":"0123456789abcdef0123456789abcdef","lease_until_ms":1,"expires_at_s":2}"#;

    #[test]
    fn case_30_a_record_of_another_version_is_a_typed_error() {
        assert!(decode::<InboundRecord>(INBOUND.as_bytes()).is_ok());
        let unknown = [INBOUND.replace("\"v\":1", "\"v\":2"), r#"{"v":2,"state":"of another form"}"#.to_owned()];
        for json in unknown {
            let error = decode::<InboundRecord>(json.as_bytes()).unwrap_err();
            assert_eq!(error.kind, StoreErrorKind::Corrupt);
            assert!(error.message.contains("unknown version"));
        }
        for json in ["", "{}", r#"{"v":1}"#, r#"{"v":"1"}"#] {
            let error = decode::<ClaimRecord>(json.as_bytes()).unwrap_err();
            assert_eq!((error.kind, error.message), (StoreErrorKind::Corrupt, "a stored record is damaged"));
        }
    }

    proptest! {
        #[test]
        fn case_30_damaged_records_are_errors_and_never_panics(at in 0..INBOUND.len(), byte in any::<u8>()) {
            let mut json = INBOUND.as_bytes().to_vec();
            json[at] = byte;
            let _ = decode::<InboundRecord>(&json);
            let _ = decode::<ClaimRecord>(&json[..at]);
        }
    }
}
