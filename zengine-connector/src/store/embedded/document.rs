//! Documents as JSON with their version: rows of the directory, and events. An unknown version is an error (case 30).

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::store::{StoreError, StoreErrorKind};

/// Version of every document.
const VERSION: u32 = 1;

/// A document with its version.
#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    v: u32,
    #[serde(flatten)]
    document: T,
}

pub(super) fn encode<T: Serialize>(document: &T) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(&Versioned { v: VERSION, document })
        .map_err(|_| StoreError::new(StoreErrorKind::Corrupt, "a document has no JSON form"))
}

/// Parses a document. Drops the parser's error, because it may quote the document.
pub(super) fn decode<T: DeserializeOwned>(json: &[u8]) -> Result<T, StoreError> {
    #[derive(Deserialize)]
    struct Version {
        v: u32,
    }
    let message = match serde_json::from_slice(json) {
        Ok(Version { v: VERSION }) => match serde_json::from_slice::<Versioned<T>>(json) {
            Ok(stored) => return Ok(stored.document),
            Err(_) => "a stored document is damaged",
        },
        Ok(_) => "a stored document has an unknown version: use the release that wrote it",
        Err(_) => "a stored document is damaged",
    };
    Err(StoreError::new(StoreErrorKind::Corrupt, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(json: &str) -> StoreError {
        decode::<serde_json::Map<String, serde_json::Value>>(json.as_bytes()).unwrap_err()
    }

    #[test]
    fn case_30_a_document_of_another_version_is_a_typed_error() {
        let document = serde_json::json!({ "sender": "ACME" });
        let json = encode(&document).unwrap();
        assert_eq!(decode::<serde_json::Value>(&json).unwrap(), document);
        for newer in [r#"{"v":2,"sender":"ACME"}"#, r#"{"v":2}"#] {
            assert!(refusal(newer).kind == StoreErrorKind::Corrupt && refusal(newer).message.contains("unknown version"));
        }
        for damaged in ["", "{}", r#"{"v":"1"}"#, r#"{"v":1"#] {
            assert_eq!((refusal(damaged).kind, refusal(damaged).message), (StoreErrorKind::Corrupt, "a stored document is damaged"));
        }
    }
}
