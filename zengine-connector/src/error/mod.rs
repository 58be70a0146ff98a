//! Errors: the kind, the party at fault, and how far the request got.
//!
//! Every fallible call of this crate returns [`Error`]. [`SendError`] is one attempt that did not end in a
//! receipt; it always carries a [`Reach`], because whether the provider saw the request decides whether it is safe to
//! repeat it (rule 1). One table, [`ErrorKind::fault`], gives each kind its [`Fault`].
//!
//! ```
//! use zengine_connector::{ErrorKind, Fault, Reach, SendError};
//!
//! let error = SendError::of(ErrorKind::WindowClosed, "the service window is closed").code("131047").processed();
//! assert_eq!(error.fault(), Fault::Domain);
//! assert_eq!(error.reach(), Reach::Processed);
//! ```

mod details;
mod json;
mod kind;
mod reach;
mod send;
mod serialize;
mod setting;
mod step;
mod suggest;
mod summary;
mod violation;

use std::{borrow::Cow, convert::Infallible, fmt, sync::Arc, time::Duration};

pub use details::ProviderDetails;
pub(crate) use json::{described, json_fact};
pub use kind::{ErrorKind, Fault, Poison};
pub use reach::Reach;
pub use send::{NeedsReach, Scope, SendError};
pub(crate) use serialize::as_ms;
pub(crate) use setting::{require, require_time};
pub use step::{Step, StepReach};
pub(crate) use suggest::closest;
pub use summary::LastError;
pub(crate) use violation::known_kind;
pub use violation::{Level, Violation};

/// Any error, boxed.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The keys of an error's context. Recipients, bodies, headers and query strings are not among them.
pub const CONTEXT_KEYS: &[&str] = &[
    "strategy",
    "tenant",
    "operation",
    "http_status",
    "provider_code",
    "provider_request_id",
    "attempt",
    "attempts",
    "field",
    "limit",
    "actual",
    "unit",
    "expected",
    "known",
    "did_you_mean",
    "first",
    "second",
    "missing",
    "violations",
    "line",
    "column",
    "rule",
    "stage",
    "secret",
    "looked_in",
    "key_id",
    "failure_id",
    "version",
    "reason",
    "os_error",
    "host",
    "written",
];

/// Wait before a message is tried again whose record cannot be read.
const UNREADABLE_WAIT: Duration = Duration::from_secs(15 * 60);

/// The action for a queue message whose handling ended in an error (rule 86).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// The request itself is wrong, and a retry would meet the same error: take the message off the queue and report it.
    Reject,
    /// Not settled: keep the message and try again after this time.
    RetryAfter(Duration),
}

/// An error of this crate: a kind, a literal message, and a context that is safe to print.
///
/// `Display` is one line, and the JSON form has a member for each of its facts. Neither these nor `Debug` ever hold a secret, a
/// recipient or a body. A clone shares the cause.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: Cow<'static, str>,
    code: Option<String>,
    details: Option<Box<ProviderDetails>>,
    retry_after: Option<Duration>,
    context: Vec<(&'static str, String)>,
    violations: Vec<Violation>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
    /// An error of the tenant's set-up that a message of management met.
    management: bool,
}

impl Error {
    /// Creates an error of a kind. The message is a literal, so that it cannot hold a secret.
    pub fn new(kind: ErrorKind, message: &'static str) -> Self {
        Self::restored(kind, message)
    }

    /// An error whose message was a literal when it was made: a new one, or one read back from a record.
    pub(crate) fn restored(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        let message = message.into();
        Self(Box::new(Inner {
            kind,
            message,
            code: None,
            details: None,
            retry_after: None,
            context: vec![],
            violations: vec![],
            source: None,
            management: false,
        }))
    }

    /// The part of the error that its line and its JSON form print: what others wrote is cut, and cause and provider's words are left out.
    pub(crate) fn printed(&self) -> Self {
        let Inner { kind, message, code, retry_after, context, violations, management, .. } = &*self.0;
        Self(Box::new(Inner {
            kind: *kind,
            message: message.clone(),
            code: code.as_deref().map(|code| beginning(code).to_owned()),
            details: None,
            retry_after: *retry_after,
            context: context.iter().map(|(key, value)| (*key, beginning(value).to_owned())).collect(),
            violations: violations.clone(),
            source: None,
            management: *management,
        }))
    }

    /// Creates an error for JSON that does not have the expected form. Keeps line and column, and the missing field or the expected
    /// form; never the input.
    pub fn from_json(kind: ErrorKind, message: &'static str, error: &serde_json::Error) -> Self {
        let reason = match error.classify() {
            serde_json::error::Category::Io => "io",
            serde_json::error::Category::Syntax => "syntax",
            serde_json::error::Category::Data => "data",
            serde_json::error::Category::Eof => "end of input",
        };
        let built = Self::new(kind, message)
            .with_context("reason", reason)
            .with_context("line", error.line())
            .with_context("column", error.column());
        match json_fact(error) {
            Some((key, value)) => built.with_context(key, value),
            None => built,
        }
    }

    /// Adds a context value. `key` is one of [`CONTEXT_KEYS`]; the value must be safe to log. A value under another key is
    /// dropped, so that nothing unforeseen is printed.
    #[must_use = "returns the error with the fact added"]
    pub fn with_context(mut self, key: &'static str, value: impl fmt::Display) -> Self {
        if CONTEXT_KEYS.contains(&key) {
            self.0.context.push((key, value.to_string()));
        }
        self
    }

    setters! {
        /// Adds every violation found in a message or a configuration.
        with_violations(violations: Vec<Violation>) => 0.violations = violations;
        /// Adds the cause. Its text is printed, so it must be free of secrets, recipients, bodies and URLs.
        with_source(source: impl Into<BoxError>) => 0.source = Some(Arc::from(source.into()));
        /// Adds the provider's own code, as the provider spells it.
        with_code(code: impl Into<String>) => 0.code = Some(code.into());
        /// Adds the provider's own words, each cut to [`ProviderDetails::MAX`] characters. They are never printed.
        with_provider_details(details: ProviderDetails) => 0.details = Some(Box::new(details.cut()));
        /// Adds the wait before a retry makes sense.
        with_retry_after(wait: Duration) => 0.retry_after = Some(wait);
    }

    /// The fine-grained class.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The party at fault; follows from the kind.
    pub fn fault(&self) -> Fault {
        self.0.kind.fault()
    }

    /// The scope in which a retry is useless until the cause is fixed: that of the kind. An error of the tenant's set-up that a message of
    /// [management](crate::message::Purpose::Management) met concerns that message alone.
    pub fn poison(&self) -> Poison {
        if self.is_of_management() { Poison::Message } else { self.kind().poison() }
    }

    /// Whether it is an error of the tenant's set-up that says nothing about sends, because a message of
    /// [management](crate::message::Purpose::Management) met it.
    pub fn is_of_management(&self) -> bool {
        self.0.management
    }

    /// The same error, met by a message of management.
    pub(crate) fn met_by_management(mut self) -> Self {
        self.0.management = self.fault() == Fault::Auth;
        self
    }

    /// The literal message.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The provider's own code.
    pub fn provider_code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// The HTTP status of the provider's answer.
    pub fn http_status(&self) -> Option<u16> {
        self.context("http_status")?.parse().ok()
    }

    /// The provider's id of the call, for its support. Not longer than 256 characters here.
    pub fn provider_request_id(&self) -> Option<&str> {
        self.context("provider_request_id").map(beginning)
    }

    /// The provider's own words: personal data, for people and not for logs. Absent for the stored outcome of an earlier send; its
    /// dead letter has them ([`DeadLetter::provider_details`](crate::store::DeadLetter::provider_details)).
    pub fn provider_details(&self) -> Option<&ProviderDetails> {
        self.0.details.as_deref()
    }

    /// The wait before a retry makes sense.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The context value of a key.
    pub fn context(&self, key: &str) -> Option<&str> {
        self.0.context.iter().find(|(k, _)| *k == key).map(|(_, v)| v.as_str())
    }

    /// All violations in the message or configuration, with JSON pointers.
    pub fn violations(&self) -> &[Violation] {
        &self.0.violations
    }

    /// Whether the message or its recipient is at fault.
    pub fn is_domain(&self) -> bool {
        self.fault() == Fault::Domain
    }

    /// Whether the provider, the link or the tenant's set-up is at fault.
    pub fn is_integration(&self) -> bool {
        matches!(self.fault(), Fault::Provider | Fault::Throttled | Fault::Auth)
    }

    /// Whether the same call may succeed later without any change.
    pub fn is_temporary(&self) -> bool {
        self.0.kind.is_temporary()
    }

    /// The action for the queue message that led to this error (rule 86). A temporary error without a wait retries after 30 seconds.
    ///
    /// `Corrupt` retries after 15 minutes, though it is not temporary: the message is right, and the record or the letter is what
    /// cannot be read. A newer release may have written it, or a person can mend it; the message is the only copy until then.
    ///
    /// ```
    /// use std::time::Duration;
    /// use zengine_connector::{Error, ErrorKind, error::Disposition};
    ///
    /// assert_eq!(Error::new(ErrorKind::Mismatch, "another message has this id").disposition(), Disposition::Reject);
    /// assert!(matches!(Error::new(ErrorKind::DeadLetterFailed, "kept").disposition(), Disposition::RetryAfter(_)));
    /// ```
    pub fn disposition(&self) -> Disposition {
        let wait = match self.kind() {
            ErrorKind::Corrupt => UNREADABLE_WAIT,
            _ if self.is_temporary() => Duration::from_secs(30),
            _ => return Disposition::Reject,
        };
        Disposition::RetryAfter(self.0.retry_after.unwrap_or(wait))
    }
}

impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lasting = if self.is_temporary() { "temporary" } else { "permanent" };
        write!(f, "{} ({lasting}): {}", self.0.kind.as_str(), self.0.message)?;
        if let Some(code) = &self.0.code {
            write!(f, ", provider_code={}", escaped(code))?;
        }
        for (key, value) in &self.0.context {
            write!(f, ", {key}={}", escaped(value))?;
        }
        if let Some(wait) = self.0.retry_after {
            write!(f, ", retry_after_ms={}", wait.as_millis())?;
        }
        for violation in &self.0.violations {
            write!(f, "; {violation}")?;
        }
        Ok(())
    }
}

/// Whether a character changes how the text around it is read, or is read as nothing: a control, a zero width, a filler, a line separator, a
/// direction, a tag.
pub(crate) fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
        // Fillers of Hangul, the vowel separator of Mongolian, marks of annotations, further selectors of variants.
        || matches!(c, '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{3164}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0100}'..='\u{e01ef}')
}

/// Keeps a text on one line and in its direction, however others spell their codes, fields and names.
pub(crate) fn on_one_line(text: &str) -> String {
    text.chars().flat_map(|c| if is_invisible(c) { c.escape_default().collect::<Vec<_>>() } else { vec![c] }).collect()
}

/// The beginning of a text, on one line.
fn escaped(text: &str) -> String {
    on_one_line(beginning(text))
}

/// The first 256 characters of a text that others wrote.
pub(crate) fn beginning(text: &str) -> &str {
    text.char_indices().nth(256).map_or(text, |(at, _)| &text[..at])
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("code", &self.0.code.as_deref().map(beginning))
            .field("retry_after", &self.0.retry_after)
            .field("context", &self.0.context.iter().map(|(key, value)| (key, beginning(value))).collect::<Vec<_>>())
            .field("violations", &self.0.violations)
            .field("source", &self.0.source)
            .finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|source| &**source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_errors_keep_the_place_and_drop_the_content() {
        let json = serde_json::from_str::<u32>("\"canary\"").unwrap_err();
        let error = Error::from_json(ErrorKind::MessageInvalid, "does not parse", &json);
        let printed = format!("{error} {error:?}");
        assert!(!printed.contains("canary"), "{printed}");
        assert_eq!(error.context("line"), Some("1"));
    }

    #[test]
    fn an_error_is_one_pointer_and_one_line() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
        let error = Error::new(ErrorKind::Unavailable, "no answer").with_code("a\nb").with_retry_after(Duration::from_secs(2));
        assert_eq!(error.to_string(), "unavailable (temporary): no answer, provider_code=a\\nb, retry_after_ms=2000");
    }

    #[test]
    fn a_code_cannot_turn_or_hide_the_text_around_it() {
        let error = Error::new(ErrorKind::Unavailable, "no answer").with_code("a\u{202e}b\u{200b}\u{2028}\u{feff}\u{e0041}");
        assert_eq!(error.to_string(), r"unavailable (temporary): no answer, provider_code=a\u{202e}b\u{200b}\u{2028}\u{feff}\u{e0041}");
    }

    #[test]
    fn what_a_provider_spells_is_cut_wherever_it_is_printed() {
        let long = "é".repeat(1_000_000);
        let error = Error::new(ErrorKind::Unavailable, "no answer").with_code(&*long).with_context("provider_request_id", &long);
        assert!(error.to_string().len() < 2_000 && format!("{error:?}").len() < 2_000);
        assert_eq!(error.context("provider_request_id").map(str::len), Some(long.len()), "it is all there to be asked for");
    }

    #[test]
    fn the_providers_words_are_given_to_who_asks_and_printed_nowhere() {
        let words = ProviderDetails { details: Some("canary".repeat(1_000)), ..ProviderDetails::default() };
        let error = Error::new(ErrorKind::Template, "refused").with_provider_details(words);
        assert_eq!(error.provider_details().unwrap().details.as_ref().unwrap().len(), ProviderDetails::MAX);
        assert!(!format!("{error} {error:?} {:?}", error.provider_details()).contains("canary"));
    }

    #[test]
    fn a_clone_says_the_same() {
        let first = Error::new(ErrorKind::Store, "down").with_context("strategy", "x").with_source("no route");
        let second = first.clone();
        assert_eq!((second.to_string(), format!("{second:?}")), (first.to_string(), format!("{first:?}")));
        assert_eq!(std::error::Error::source(&second).unwrap().to_string(), "no route");
    }

    #[test]
    fn only_facts_of_the_list_are_kept() {
        let error = Error::new(ErrorKind::Unexpected, "x").with_context("recipient", "canary").with_context("attempt", 2);
        assert!(!format!("{error} {error:?}").contains("canary"));
        assert_eq!(error.context("attempt"), Some("2"));
    }

    #[test]
    fn every_key_that_the_code_uses_is_on_the_list() {
        let mut used = vec![];
        let mut folders = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|kind| kind == "rs") {
                    let text = std::fs::read_to_string(path).unwrap();
                    for call in [".with_context(\"", ".context(\""] {
                        used.extend(text.split(call).skip(1).filter_map(|rest| rest.split_once('"')).map(|(key, _)| key.to_owned()));
                    }
                }
            }
        }
        let unlisted: Vec<_> = used.iter().filter(|key| !CONTEXT_KEYS.contains(&key.as_str()) && *key != "recipient").collect();
        assert!(unlisted.is_empty(), "{unlisted:?}");
    }

    #[test]
    fn rule_86_disposition_rejects_what_requeueing_would_loop() {
        for kind in [ErrorKind::MessageInvalid, ErrorKind::Mismatch, ErrorKind::UnknownStrategy, ErrorKind::Unsupported] {
            assert_eq!(Error::new(kind, "x").disposition(), Disposition::Reject, "{kind:?}");
        }
        let kept = Error::new(ErrorKind::DeadLetterFailed, "x").with_retry_after(Duration::from_secs(7));
        assert_eq!(kept.disposition(), Disposition::RetryAfter(Duration::from_secs(7)));
    }

    #[test]
    fn rule_86_a_record_that_cannot_be_read_costs_no_message() {
        let corrupt = Error::new(ErrorKind::Corrupt, "x");
        assert_eq!((corrupt.is_temporary(), corrupt.disposition()), (false, Disposition::RetryAfter(Duration::from_secs(900))));
    }
}
