//! The steps of a send of several calls.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize};

use super::Reach;

words! {
    /// How far a step of a send got. Exhaustive by design.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
    pub enum StepReach {
        /// The call was not made, not sent, or refused before processing.
        NotSent = "not_sent",
        /// Unknown: the provider may have acted on the call.
        Maybe = "maybe",
        /// The provider accepted the call.
        Accepted = "accepted",
        /// The provider processed the call and refused.
        Refused = "refused",
    }
}

/// A word that this build does not know reads as `maybe`, the careful one.
impl<'de> Deserialize<'de> for StepReach {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let word = Cow::<'_, str>::deserialize(from)?;
        Ok(Self::ALL.iter().copied().find(|reach| reach.as_str() == word).unwrap_or(Self::Maybe))
    }
}

/// One call of a send that makes several, such as the opening of a conversation before the text.
///
/// ```
/// use zengine_connector::{Reach, SendError, error::{Step, StepReach}};
///
/// let error = SendError::provider("the connection broke while the conversation was opened")
///     .step(Step::preparing("open", StepReach::Maybe))
///     .step(Step::carrying("text", StepReach::NotSent))
///     .maybe();
/// assert!(error.reach() == Reach::Maybe && error.is_content_not_sent());
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Step {
    /// A short literal in snake case, such as `open`, `text` or `attachment`.
    pub what: Cow<'static, str>,
    /// How far the call got.
    pub reach: StepReach,
    /// Whether the call carries content of the message: what the recipient would notice twice.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub content: bool,
    /// The provider's id of what the call made. It may name a person, so it is not printed, and stored only encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

debug_fields!(Step { what, reach, content });

impl Step {
    /// Maximum number of steps that are kept.
    pub const MAX: usize = 16;
    /// Maximum length of an id, in characters; the rest is cut off.
    const MAX_ID: usize = 256;

    /// A call without content, such as the opening of a conversation.
    pub fn preparing(what: &'static str, reach: StepReach) -> Self {
        Self { what: what.into(), reach, content: false, id: None }
    }

    /// A call that carries content of the message. You must list each of them, those that were not made too.
    pub fn carrying(what: &'static str, reach: StepReach) -> Self {
        Self { content: true, ..Self::preparing(what, reach) }
    }

    /// Adds the provider's id of what the call made.
    #[must_use = "returns the step with the id"]
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        let mut id = id.into();
        if let Some((at, _)) = id.char_indices().nth(Self::MAX_ID) {
            id.truncate(at);
        }
        self.id = Some(id);
        self
    }

    /// The same without its id, which may name a person.
    pub(crate) fn without_id(&self) -> Self {
        Self { id: None, ..self.clone() }
    }

    /// Adds a step to others. Of many, the first and the latest are kept, and those that decide how far the send got.
    pub(crate) fn push(steps: &mut Vec<Self>, step: Self) {
        const FIRST: usize = Step::MAX / 2;
        if steps.len() >= Self::MAX {
            let is_plain = |step: &Self| !step.content && step.reach != StepReach::Maybe;
            let later = || steps.iter().skip(FIRST);
            let decides_little = later().position(|step| is_plain(step) || matches!(step.reach, StepReach::NotSent | StepReach::Refused));
            let decides_less = decides_little.or_else(|| later().position(|step| !step.may_have_carried()));
            steps.remove(FIRST + decides_less.unwrap_or_default());
        }
        steps.push(step);
    }

    /// Whether the content may have reached the provider in this step.
    pub(crate) const fn may_have_carried(&self) -> bool {
        self.content && matches!(self.reach, StepReach::Maybe | StepReach::Accepted)
    }

    /// The reach of a send with this step. A call that may have been made, and content that was, say more than the reach of a later call.
    pub(crate) fn at_least(&self, reach: Reach) -> Reach {
        if self.may_have_carried() || self.reach == StepReach::Maybe { Reach::Maybe } else { reach }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_printed_nowhere_and_cut() {
        let step = Step::preparing("open", StepReach::Accepted).with_id("canary".repeat(100));
        assert_eq!(format!("{step:?}"), r#"Step { what: "open", reach: Accepted, content: false, .. }"#);
        assert_eq!(step.id.map(|id| id.len()), Some(Step::MAX_ID));
    }

    #[test]
    fn a_step_of_a_newer_release_is_read_as_one_that_may_have_been_made() {
        let step: Step = serde_json::from_str(r#"{"what":"text","reach":"new","content":true}"#).unwrap();
        assert_eq!(step.reach, StepReach::Maybe);
    }
}
