//! A dead letter as one JSON line: its stored record, without the content.

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, value::RawValue};
use zengine_connector::error::ProviderDetails;
use zengine_connector::store::{DeadLetter, DeadLetterStore, LetterDirection};
use zengine_connector::{ErrorKind, FailureId};

use super::store_failure;
use crate::cli::exit::{Exit, Failure};

/// The members of `zengine-connector/guide/formats.md` without the encrypted body; `message` or `event` only on request.
#[derive(Serialize)]
pub(super) struct DeadLetterLine {
    #[serde(flatten)]
    known: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<Box<RawValue>>,
}

impl DeadLetterLine {
    /// The letter without its content.
    pub(super) fn of(letter: &DeadLetter) -> Result<Self, Failure> {
        let mut known = serde_json::to_value(letter).map_err(std::io::Error::from)?;
        if let Some(members) = known.as_object_mut() {
            members.remove("body");
            members.remove("provider_details");
        }
        Ok(Self { known, message: None, event: None })
    }

    /// Adds the provider's own words about the last error: personal data.
    pub(super) fn with_details(mut self, details: &ProviderDetails) -> Result<Self, Failure> {
        self.known["provider_details"] = serde_json::to_value(details).map_err(std::io::Error::from)?;
        Ok(self)
    }

    /// Adds the outbound message or the inbound event: personal data.
    pub(super) fn with_content(mut self, direction: LetterDirection, content: &Bytes) -> Result<Self, Failure> {
        let unreadable = |_| Failure::new(Exit::Broken, "the stored message is not JSON");
        let content = serde_json::from_slice(content).map_err(unreadable)?;
        match direction {
            LetterDirection::Outbound => self.message = Some(content),
            LetterDirection::Inbound => self.event = Some(content),
        }
        Ok(self)
    }
}

/// The letter with this id.
pub(super) async fn find(letters: &dyn DeadLetterStore, id: &FailureId) -> Result<DeadLetter, Failure> {
    letters.get(id).await.map_err(store_failure)?.ok_or_else(|| Failure::invalid(format!("there is no dead letter {id}")))
}

/// Failure to open a letter. Never quotes its content.
pub(super) fn open_failure(error: &zengine_connector::Error) -> Failure {
    let exit = if error.kind() == ErrorKind::Corrupt { Exit::Broken } else { Exit::Invalid };
    Failure::new(exit, error.to_string())
}
