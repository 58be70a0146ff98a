//! One attempt that did not end in a receipt.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{BoxError, Error, ErrorKind, Fault, ProviderDetails, Reach, Step};

words! {
    /// The scope of a throttling answer, and of a rate.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    #[non_exhaustive]
    pub enum Scope {
        /// The whole account at the provider.
        Account = "account",
        /// One sender: a phone number, an identity.
        Sender = "sender",
        /// Messages from this sender to this recipient.
        Recipient = "recipient",
        /// A key that tenants share, such as an account and region.
        Shared = "shared",
    }
}

/// The error of one attempt: the kind, the party at fault, and how far the request got.
///
/// Built in two steps, so that the reach cannot be forgotten: the kind first, the reach last.
///
/// ```
/// # use std::time::Duration;
/// use zengine_connector::{SendError, error::Scope};
///
/// let error = SendError::throttled("the number sends too fast")
///     .code("130429")
///     .scope(Scope::Sender)
///     .retry_after(Duration::from_secs(2))
///     .not_sent();
/// assert!(error.is_safe_to_resend());
/// ```
///
/// ```compile_fail
/// # use zengine_connector::SendError;
/// let error: SendError = SendError::provider("no answer");   // expected `SendError`, found `NeedsReach`
/// ```
#[derive(Debug)]
pub struct SendError {
    error: Error,
    reach: Reach,
    scope: Option<Scope>,
    longest_pause: Option<Duration>,
    steps: Vec<Step>,
}

/// A [`SendError`] that still needs its [`Reach`].
#[derive(Debug)]
#[must_use = "say how far the request got: .not_sent(), .maybe() or .processed()"]
pub struct NeedsReach {
    error: Error,
    scope: Option<Scope>,
    longest_pause: Option<Duration>,
    steps: Vec<Step>,
}

impl SendError {
    /// An error of a kind; the fault follows from it.
    pub fn of(kind: ErrorKind, message: &'static str) -> NeedsReach {
        NeedsReach { error: Error::new(kind, message), scope: None, longest_pause: None, steps: vec![] }
    }

    /// The provider or the link is at fault: `Unavailable`.
    pub fn provider(message: &'static str) -> NeedsReach {
        Self::of(ErrorKind::Unavailable, message)
    }

    /// The provider asks for less traffic: `RateLimited`.
    pub fn throttled(message: &'static str) -> NeedsReach {
        Self::of(ErrorKind::RateLimited, message)
    }

    /// The message is at fault: `InvalidContent`.
    pub fn domain(message: &'static str) -> NeedsReach {
        Self::of(ErrorKind::InvalidContent, message)
    }

    /// The credentials were refused: `Unauthorized`.
    pub fn auth(message: &'static str) -> NeedsReach {
        Self::of(ErrorKind::Unauthorized, message)
    }

    /// This side cannot send now: `Busy`.
    pub fn local(message: &'static str) -> NeedsReach {
        Self::of(ErrorKind::Busy, message)
    }

    /// The fine-grained class.
    pub fn kind(&self) -> ErrorKind {
        self.error.kind()
    }

    /// The party at fault.
    pub fn fault(&self) -> Fault {
        self.error.fault()
    }

    /// How far the request got.
    pub fn reach(&self) -> Reach {
        self.reach
    }

    /// The scope of a throttling answer.
    pub fn scope(&self) -> Option<Scope> {
        self.scope
    }

    /// The longest of the pauses that grow; see [`NeedsReach::growing`].
    pub fn longest_pause(&self) -> Option<Duration> {
        self.longest_pause
    }

    /// Lengthens the wait before a retry.
    pub(crate) fn lengthen(&mut self, wait: Duration) {
        if self.error.retry_after().is_none_or(|asked| asked < wait) {
            self.error = self.error.clone().with_retry_after(wait);
        }
    }

    /// The wait before a retry makes sense.
    pub fn retry_after(&self) -> Option<Duration> {
        self.error.retry_after()
    }

    /// The provider's own code.
    pub fn provider_code(&self) -> Option<&str> {
        self.error.provider_code()
    }

    /// The calls of the attempt, in order. Empty if it makes one only.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Whether the content of the message surely did not reach the provider, as the [steps](Self::steps) say: one carries content, and none
    /// of these was accepted or may have been. Then a redrive after [`Reach::Maybe`] needs no force (rule 71).
    pub fn is_content_not_sent(&self) -> bool {
        self.steps.iter().any(|step| step.content) && !self.steps.iter().any(Step::may_have_carried)
    }

    /// Whether repeating the request cannot make a second message.
    pub fn is_safe_to_resend(&self) -> bool {
        self.reach == Reach::NotSent
    }

    /// The same error, met by a message of management.
    pub(crate) fn met_by_management(self) -> Self {
        Self { error: self.error.met_by_management(), ..self }
    }

    /// The error without its reach.
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// The error without its reach.
    pub fn into_error(self) -> Error {
        self.error
    }
}

impl NeedsReach {
    fn map(self, change: impl FnOnce(Error) -> Error) -> Self {
        Self { error: change(self.error), ..self }
    }

    /// Adds the provider's own code.
    pub fn code(self, code: impl Into<String>) -> Self {
        self.map(|error| error.with_code(code))
    }

    /// Has the pause of a throttled scope grow: each pause that follows another without an accepted call between them is twice as long,
    /// up to this. The first is `retry_after`. For a limit whose end the provider does not tell, such as a daily quota (rule 45).
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use zengine_connector::{SendError, error::Scope};
    /// let minutes = |n: u64| Duration::from_secs(60 * n);
    /// let spent = SendError::throttled("the daily quota is used up");
    /// let error = spent.scope(Scope::Shared).retry_after(minutes(10)).growing(minutes(60)).not_sent();
    /// assert_eq!(error.longest_pause(), Some(minutes(60)));
    /// ```
    pub fn growing(mut self, longest: Duration) -> Self {
        self.longest_pause = Some(longest);
        self
    }

    /// Sets the scope of a throttling answer, whose calls are paused. Without one only this send waits.
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = Some(scope);
        self
    }

    /// Adds the provider's own words; see [`Error::with_provider_details`].
    pub fn details(self, details: ProviderDetails) -> Self {
        self.map(|error| error.with_provider_details(details))
    }

    /// Adds the provider's wait before a retry. A message that is refused with one and was not sent, such as an edit that is not due yet, can
    /// be redriven, whatever the kind.
    pub fn retry_after(self, wait: Duration) -> Self {
        self.map(|error| error.with_retry_after(wait))
    }

    /// Adds a context value; see [`Error::with_context`].
    pub fn context(self, key: &'static str, value: impl fmt::Display) -> Self {
        self.map(|error| error.with_context(key, value))
    }

    /// Adds the cause; see [`Error::with_source`].
    pub fn source(self, source: impl Into<BoxError>) -> Self {
        self.map(|error| error.with_source(source))
    }

    /// Adds every violation that was found in the message; see [`Error::with_violations`].
    pub fn violations(self, violations: Vec<crate::error::Violation>) -> Self {
        self.map(|error| error.with_violations(violations))
    }

    /// Adds the next call of an attempt that makes several. You must list every call, those that were not made too: whether the content
    /// was sent is decided by them.
    pub fn step(mut self, step: Step) -> Self {
        Step::push(&mut self.steps, step);
        self
    }

    /// The request was not sent, or was refused before processing.
    pub fn not_sent(self) -> SendError {
        self.reach(Reach::NotSent)
    }

    /// The provider may have acted on the request.
    pub fn maybe(self) -> SendError {
        self.reach(Reach::Maybe)
    }

    /// The provider processed the request and refused.
    pub fn processed(self) -> SendError {
        self.reach(Reach::Processed)
    }

    /// The reach as a value, for classifiers that look it up. A step that may have been made makes it [`Reach::Maybe`], and so does content
    /// that was accepted in an earlier step.
    pub fn reach(self, reach: Reach) -> SendError {
        let Self { error, scope, longest_pause, steps } = self;
        let reach = steps.iter().fold(reach, |reach, step| step.at_least(reach));
        SendError { error, reach, scope, longest_pause, steps }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reach = match self.reach {
            Reach::NotSent => "not sent",
            Reach::Maybe => "may have been sent",
            Reach::Processed => "processed and refused",
        };
        write!(f, "{} [{reach}]", self.error)
    }
}

impl std::error::Error for SendError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::StepReach;

    #[test]
    fn rule_71_the_steps_say_whether_the_content_was_sent() {
        use StepReach::{Accepted, Maybe, NotSent, Refused};
        let of = |open, texts: &[StepReach], reach| {
            let error = SendError::provider("broke").step(Step::preparing("open", open));
            let error = texts.iter().fold(error, |error, text| error.step(Step::carrying("text", *text))).reach(reach);
            (error.reach(), error.is_content_not_sent())
        };
        assert_eq!(of(Maybe, &[NotSent], Reach::Maybe), (Reach::Maybe, true));
        assert_eq!(of(Maybe, &[NotSent], Reach::NotSent), (Reach::Maybe, true), "an opening in doubt is no certainty");
        assert_eq!(of(Maybe, &[Refused], Reach::Processed), (Reach::Maybe, true));
        assert_eq!(of(Accepted, &[NotSent], Reach::NotSent), (Reach::NotSent, true), "a conversation that stands may be used again");
        assert_eq!(of(Accepted, &[Maybe], Reach::Maybe), (Reach::Maybe, false));
        assert_eq!(of(Accepted, &[Accepted, NotSent], Reach::NotSent), (Reach::Maybe, false), "half of it went out");
        assert_eq!(of(Accepted, &[Accepted, Refused], Reach::Processed), (Reach::Maybe, false));
        assert_eq!(of(Maybe, &[], Reach::Maybe), (Reach::Maybe, false), "no step says what became of the content");
        assert!(!SendError::provider("broke").maybe().is_content_not_sent());
    }

    #[test]
    fn of_many_steps_the_first_and_the_latest_are_kept_and_one_that_was_sent_counts() {
        let many = (0..100).fold(SendError::provider("broke"), |error, n| {
            error.step(Step::carrying("text", if n == 50 { StepReach::Maybe } else { StepReach::NotSent }).with_id(n.to_string()))
        });
        let error = many.not_sent();
        let ids: Vec<_> = error.steps().iter().filter_map(|step| step.id.as_deref()).collect();
        assert_eq!((ids.len(), ids[0], ids[7], ids[8], ids[9], ids[15]), (16, "0", "7", "50", "93", "99"));
        assert_eq!((error.reach(), error.is_content_not_sent()), (Reach::Maybe, false));
    }

    #[test]
    fn rule_01_an_attempt_yields_fault_reach_and_hint() {
        let error = SendError::throttled("slow down").retry_after(Duration::from_secs(3)).not_sent();
        assert_eq!((error.fault(), error.reach(), error.retry_after()), (Fault::Throttled, Reach::NotSent, Some(Duration::from_secs(3))));
    }
}
