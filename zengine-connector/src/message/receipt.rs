//! A provider's answers.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::RawJson;
use crate::{
    error::{Error, ErrorKind, Step, Violation},
    ids::{ConversationId, ProviderMessageId},
};

/// A part of an accepted message that the provider will not send, such as a recipient on its suppression list.
///
/// Not a [`Loss`](super::Loss), which this side left out before it sent; nor a warning, whose message was sent whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Dropped {
    /// The part: a JSON pointer into the message (`/content/cc/0`), or a short name of what the message does not name. Never content.
    pub what: String,
    /// The reason in snake case: `suppressed`, `sandbox`, `unsupported_file` or the provider's own word.
    pub reason: String,
}

impl Dropped {
    /// A part that will not be sent. Both texts are cut to 128 characters, and must not hold content or a recipient.
    pub fn new(what: impl Into<String>, reason: impl Into<String>) -> Self {
        let cut = |mut text: String| {
            if let Some((at, _)) = text.char_indices().nth(128) {
                text.truncate(at);
            }
            text
        };
        Self { what: cut(what.into()), reason: cut(reason.into()) }
    }
}

/// A provider's answer when it accepts a message. (The platform's name for it is `SendResult`.)
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[must_use = "a receipt holds the provider's ids of the message"]
#[non_exhaustive]
pub struct Receipt {
    /// The provider's ids of the message, if it gives any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub provider_ids: Vec<ProviderMessageId>,
    /// The conversation of the message, if the provider has conversations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<ConversationId>,
    /// The provider's remark about the further treatment (`held_for_quality_assessment`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The cursor of the next page, if the result has pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// The warnings about a message that was sent, of the checks before the send and of the provider, [`MAX_WARNINGS`](Self::MAX_WARNINGS) at
    /// most. Never the message's content. Absent for a delivery that only a webhook told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Violation>,
    /// The calls of a send that makes several, in order, [`Step::MAX`] at most. Empty if it makes one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// The parts that the provider accepted and will not send, [`MAX_DROPPED`](Self::MAX_DROPPED) at most. The send counts as delivered all the same:
    /// the provider accepted it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<Dropped>,
    /// Whether it was larger than a record may hold, and was cut (rule 29 of the cases).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub trimmed: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data: Option<RawJson>,
}

impl Receipt {
    /// Maximum number of warnings.
    pub const MAX_WARNINGS: usize = 16;
    /// Maximum number of dropped parts.
    pub const MAX_DROPPED: usize = 64;

    /// A receipt with an id.
    pub fn accepted(id: ProviderMessageId) -> Self {
        Self { provider_ids: vec![id], ..Self::default() }
    }

    /// A receipt of a provider that gives no id.
    pub fn unnumbered() -> Self {
        Self::default()
    }

    /// Adds the result of a command.
    ///
    /// # Errors
    /// `Protocol` if it has no JSON form.
    pub fn with_data<T: Serialize>(mut self, data: &T) -> Result<Self, Error> {
        self.data = Some(
            RawJson::from_value(data).map_err(|error| Error::new(ErrorKind::Protocol, "a result has no JSON form").with_source(error))?,
        );
        Ok(self)
    }

    setters! {
        /// Adds the cursor of the next page.
        with_next(cursor: Option<String>) => next = cursor;
        /// Adds the provider's remark.
        with_note(note: impl Into<String>) => note = Some(note.into());
        /// Adds the conversation of the message.
        with_conversation(conversation: ConversationId) => conversation = Some(conversation);
    }

    /// Adds warnings of the provider. The pipeline adds those of the checks before the send.
    pub fn with_warnings(mut self, warnings: impl IntoIterator<Item = Violation>) -> Self {
        let left = Self::MAX_WARNINGS.saturating_sub(self.warnings.len());
        self.warnings.extend(warnings.into_iter().take(left).map(|warning| warning.cut().warning()));
        self
    }

    /// Adds the next call of a send that makes several.
    pub fn with_step(mut self, step: Step) -> Self {
        Step::push(&mut self.steps, step);
        self
    }

    /// Adds a part that the provider will not send. Beyond [`MAX_DROPPED`](Self::MAX_DROPPED), the last one says only that there are more.
    pub fn with_dropped(mut self, part: Dropped) -> Self {
        match self.dropped.len() {
            0..Self::MAX_DROPPED => self.dropped.push(part),
            _ => self.dropped[Self::MAX_DROPPED - 1] = Dropped::new("", "and_more"),
        }
        self
    }

    /// The provider's first id of the message.
    pub fn provider_id(&self) -> Option<&ProviderMessageId> {
        self.provider_ids.first()
    }

    /// The result of a command.
    ///
    /// # Errors
    /// `MessageInvalid` if it is of another type.
    pub fn data<T: DeserializeOwned>(&self) -> Option<Result<T, Error>> {
        self.data.as_ref().map(RawJson::parse)
    }

    /// The same without its data, for records that are too small for it.
    pub(crate) fn trimmed(mut self) -> Self {
        (self.data, self.next, self.trimmed) = (None, None, true);
        self.provider_ids.truncate(8);
        self
    }

    /// The trimmed receipt without what it says beside the ids, for records that are too small for that too.
    pub(crate) fn with_ids_only(mut self) -> Self {
        (self.warnings, self.note, self.dropped) = (vec![], None, vec![]);
        self.steps = self.steps.iter().map(Step::without_id).collect();
        self.trimmed()
    }
}
