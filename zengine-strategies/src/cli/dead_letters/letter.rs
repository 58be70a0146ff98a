//! A dead letter as one JSON line: its stored record, without the content.

use std::time::UNIX_EPOCH;

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, value::RawValue};
use zengine_connector::error::ProviderDetails;
use zengine_connector::message::Idempotency;
use zengine_connector::runtime::{Clock as _, TokioClock};
use zengine_connector::stage::StrategySettings;
use zengine_connector::store::{DeadLetter, DeadLetterStore, LetterDirection};
use zengine_connector::{ErrorKind, FailureId};

use super::store_failure;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output;
use crate::cli::strategy::Strategies;

/// Letters per page.
const PAGE: usize = 100;

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

/// Whether the redrive of a letter is refused unless it is forced. Of a strategy that is not known here, its letter alone tells.
fn needs_force(letter: &DeadLetter, strategies: &Strategies) -> bool {
    let known = strategies.find(letter.strategy.as_str()).map(|strategy| strategy.descriptor.idempotency);
    letter.needs_force(known.ok().or(letter.idempotency).unwrap_or(Idempotency::None), attempt_end_ms())
}

/// The time at which an attempt that begins now ends at the latest.
fn attempt_end_ms() -> i64 {
    let settings = StrategySettings::default();
    let end = TokioClock::new().now() + settings.attempt_timeout + settings.dedup.clock_skew;
    i64::try_from(end.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()).unwrap_or(i64::MAX)
}

/// The letters of the next page, with a note of what cannot be read, and where the page after it begins.
pub(super) async fn page(
    letters: &dyn DeadLetterStore,
    after: Option<&FailureId>,
) -> Result<(Vec<DeadLetter>, Option<FailureId>), Failure> {
    let page = letters.list(after, PAGE).await.map_err(store_failure)?;
    for id in &page.unreadable {
        output::note(&format!("{id} cannot be read: `dead-letters show` says why"));
    }
    if page.without_id > 0 {
        output::note(&format!("{} entries have no id and cannot be read: the store is damaged", page.without_id));
    }
    Ok((page.letters, page.next))
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
