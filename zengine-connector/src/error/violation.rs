//! One violation of a message, a configuration or a registry.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Deserializer, Serialize};

use super::{ErrorKind, on_one_line};

/// A short text that is a literal where a violation is made, and owned where one is read back.
type Literal = Cow<'static, str>;

words! {
    /// The consequence of a violation. Exhaustive by design.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize)]
    pub enum Level {
        /// Nothing is sent.
        #[default]
        Error = "error",
        /// The message is sent, and the violation is reported in [`Receipt::warnings`](crate::Receipt::warnings).
        Warning = "warning",
    }
}

impl Level {
    /// Returns `true` for [`Error`](Self::Error).
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_error(&self) -> bool {
        *self == Self::Error
    }
}

/// A level that this build does not know reads as an error, the stricter one.
impl<'de> Deserialize<'de> for Level {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let word = Cow::<'_, str>::deserialize(from)?;
        Ok(Self::ALL.iter().copied().find(|level| level.as_str() == word).unwrap_or_default())
    }
}

/// One violation in a message or a configuration: the field, a description and the sizes. Never the content itself.
///
/// ```
/// use zengine_connector::error::{Level, Violation};
///
/// let cut = Violation::new("/content/label", "may be cut off").with_rule("form.label").warning();
/// assert_eq!((cut.level, cut.to_string().as_str()), (Level::Warning, "/content/label: warning: may be cut off"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Violation {
    /// JSON pointer to the field.
    pub pointer: String,
    /// A description of the violation.
    pub message: String,
    /// The stable short name of the rule, such as `text.length`, for programs. Absent if the rule has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Literal>,
    /// Whether nothing is sent. Absent in JSON for an error.
    #[serde(default, skip_serializing_if = "Level::is_error")]
    pub level: Level,
    /// Advice for the sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<Literal>,
    /// The class of the error. Absent in JSON for `message_invalid`; one that this build does not know reads as `unexpected`.
    #[serde(default = "usual", skip_serializing_if = "is_usual", deserialize_with = "known_kind")]
    pub kind: ErrorKind,
    /// The broken limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// The actual size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actual: Option<u64>,
}

const fn usual() -> ErrorKind {
    ErrorKind::MessageInvalid
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_usual(kind: &ErrorKind) -> bool {
    *kind == usual()
}

/// Reads a kind; the word of a newer release is [`ErrorKind::Unexpected`].
pub(crate) fn known_kind<'de, D: Deserializer<'de>>(from: D) -> Result<ErrorKind, D::Error> {
    let word = Cow::<'_, str>::deserialize(from)?;
    Ok(ErrorKind::ALL.iter().copied().find(|kind| kind.as_str() == word).unwrap_or(ErrorKind::Unexpected))
}

impl Violation {
    /// A violation in a field, at level [`Level::Error`] and of kind [`ErrorKind::MessageInvalid`]. `message` must not repeat the field's
    /// content.
    pub fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            message: message.into(),
            rule: None,
            level: Level::Error,
            hint: None,
            kind: usual(),
            limit: None,
            actual: None,
        }
    }

    setters! {
        /// Adds the short name of the rule. It must stay the same from release to release.
        with_rule(rule: &'static str) => rule = Some(Cow::Borrowed(rule));
        /// Adds advice.
        with_hint(hint: &'static str) => hint = Some(Cow::Borrowed(hint));
        /// Sets the class of the error.
        with_kind(kind: ErrorKind) => kind = kind;
        /// Makes the violation a warning: the message is sent all the same.
        warning() => level = Level::Warning;
    }

    /// Adds the broken limit and the actual size.
    #[must_use = "returns the violation with the sizes"]
    pub fn with_sizes(mut self, limit: u64, actual: u64) -> Self {
        (self.limit, self.actual) = (Some(limit), Some(actual));
        self
    }

    /// Whether the message is not sent.
    pub fn is_error(&self) -> bool {
        self.level.is_error()
    }

    /// The kind of an error for these violations: that of the first one that no later retry can mend, else of the first. Warnings do not
    /// count. `None` if there are only warnings.
    pub(crate) fn kind_of(found: &[Self]) -> Option<ErrorKind> {
        let kinds = || found.iter().filter(|violation| violation.is_error()).map(|violation| violation.kind);
        kinds().find(|kind| !kind.is_temporary()).or_else(|| kinds().next())
    }

    /// The same with each text cut, for a record.
    pub(crate) fn cut(mut self) -> Self {
        const MAX: usize = 256;
        let end = |text: &str| text.char_indices().nth(MAX).map(|(at, _)| at);
        for text in [&mut self.pointer, &mut self.message] {
            if let Some(at) = end(text) {
                text.truncate(at);
            }
        }
        for text in [&mut self.rule, &mut self.hint].into_iter().flatten() {
            if let Some(at) = end(text) {
                text.to_mut().truncate(at);
            }
        }
        self
    }
}

/// `pointer: message (limit l, actual a): hint`, with `warning: ` before the message of a warning.
impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Members of a foreign document may have any name.
        let pointer = if self.pointer.is_empty() { "/" } else { &*on_one_line(&self.pointer) };
        let level = if self.is_error() { "" } else { "warning: " };
        write!(f, "{pointer}: {level}{}", on_one_line(&self.message))?;
        if let (Some(limit), Some(actual)) = (self.limit, self.actual) {
            write!(f, " (limit {limit}, actual {actual})")?;
        }
        match &self.hint {
            Some(hint) => write!(f, ": {}", on_one_line(hint)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json, to_value};

    use super::*;

    #[test]
    fn a_foreign_name_in_a_pointer_forges_no_line_and_turns_none() {
        let violation = Violation::new("/a\nerror: b\u{1b}[31m\u{202e}", "is not known");
        assert_eq!(violation.to_string(), r"/a\nerror: b\u{1b}[31m\u{202e}: is not known");
    }

    #[test]
    fn a_stored_violation_of_an_older_release_is_an_error_about_the_message() {
        let old = json!({ "pointer": "/a", "message": "too long", "limit": 1, "actual": 2 });
        let read: Violation = from_value(old.clone()).unwrap();
        assert_eq!(read, Violation::new("/a", "too long").with_sizes(1, 2));
        assert_eq!(to_value(read).unwrap(), old);
    }

    #[test]
    fn a_level_or_kind_of_a_newer_release_is_read() {
        let read: Violation = from_value(json!({ "pointer": "", "message": "x", "level": "remark", "kind": "new" })).unwrap();
        assert_eq!((read.level, read.kind), (Level::Error, ErrorKind::Unexpected));
        let full = Violation::new("/to", "x").with_rule("to.known").with_hint("ask").with_kind(ErrorKind::InvalidRecipient).warning();
        let form = json!({
            "pointer": "/to", "message": "x", "rule": "to.known", "level": "warning", "hint": "ask", "kind": "invalid_recipient",
        });
        assert_eq!((to_value(&full).unwrap(), from_value::<Violation>(form.clone()).unwrap()), (form, full.clone()));
        assert_eq!(full.to_string(), "/to: warning: x: ask");
    }

    #[test]
    fn the_kind_of_several_is_the_first_that_does_not_pass_with_time() {
        use ErrorKind::{Busy, MessageInvalid, RateLimited, Template};
        let of = |kinds: &[ErrorKind]| {
            let found: Vec<_> = kinds.iter().map(|kind| Violation::new("", "x").with_kind(*kind)).collect();
            Violation::kind_of(&found)
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[RateLimited, Template, MessageInvalid]), Some(Template));
        assert_eq!(of(&[RateLimited, Busy]), Some(RateLimited));
        assert_eq!(Violation::kind_of(&[Violation::new("", "x").warning()]), None);
    }

    #[test]
    fn a_violation_for_a_record_is_cut() {
        let long = "é".repeat(300);
        let cut = Violation { hint: Some(long.clone().into()), ..Violation::new(long.clone(), long) }.cut();
        assert_eq!([&cut.pointer, &cut.message, &*cut.hint.unwrap()].map(|text| text.chars().count()), [256; 3]);
    }
}
