//! A dead letter as one JSON line: its stored record, without the content.

use std::time::UNIX_EPOCH;

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, value::RawValue};
use zengine_connector::error::ProviderDetails;
use zengine_connector::message::Idempotency;
use zengine_connector::runtime::{Clock as _, TokioClock};
use zengine_connector::store::{DeadLetter, DeadLetterStore, LetterDirection};
use zengine_connector::{ErrorKind, FailureId};

use super::store_failure;
use crate::cli::exit::{Exit, Failure};
use crate::cli::strategy::Strategies;

/// Redrives after which a message stays parked, also with force (rule 72).
const MAX_REDRIVES: u32 = 3;

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
    /// The letter without its content, and whether a redrive needs force.
    pub(super) fn of(letter: &DeadLetter, strategies: &Strategies) -> Result<Self, Failure> {
        let mut known = serde_json::to_value(letter).map_err(std::io::Error::from)?;
        if let Some(members) = known.as_object_mut() {
            members.remove("body");
            members.remove("provider_details");
            if needs_force(letter, strategies) {
                members.insert("needs_force".to_owned(), true.into());
            }
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

/// Whether the redrive of a letter is refused unless it is forced: its message was refused for good, or may have arrived at a provider that
/// does not protect against duplicates, or no longer (rule 71). `false` also if its strategy is not known here.
fn needs_force(letter: &DeadLetter, strategies: &Strategies) -> bool {
    if letter.direction != LetterDirection::Outbound || letter.generation >= MAX_REDRIVES {
        return false;
    }
    let may_have_arrived = (letter.outcome == "unknown" && !letter.content_not_sent) || letter.redrive_count > letter.generation;
    let is_unprotected = |idempotency| match idempotency {
        Idempotency::None => true,
        Idempotency::Queryable { .. } => false,
        Idempotency::Native { window_ms } => letter.first_sent_at_ms.is_some_and(|sent| now_ms() > sent.saturating_add_unsigned(window_ms)),
    };
    let strategy = strategies.find(letter.strategy.as_str());
    !letter.redrivable
        || (may_have_arrived && strategy.is_ok_and(|strategy| is_unprotected(idempotency(letter, strategy.descriptor.idempotency))))
}

/// The protection that held for the send and holds now (rule 4).
fn idempotency(letter: &DeadLetter, now: Idempotency) -> Idempotency {
    letter.idempotency.map_or(now, |before| before.weaker(now))
}

fn now_ms() -> i64 {
    let now = TokioClock::new().now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
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
