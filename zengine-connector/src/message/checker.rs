//! The checker: collects the violations of a message, with what is said of each check.

use std::ops::RangeInclusive;

use super::{Length, Mailbox};
use crate::error::{ErrorKind, Level, Violation};

/// Collects violations, so that a caller sees all of them at once. Strategies use it for their own limits.
///
/// [`rule`](Self::rule), [`hint`](Self::hint), [`kind`](Self::kind) and [`warning`](Self::warning) say more of the next check, and of that
/// one only.
///
/// ```
/// use zengine_connector::message::{Checker, Length};
///
/// let mut check = Checker::new();
/// check.rule("text.length").text("/content/body", "too long", 1, Length::chars(4));
/// let found = &check.finish().unwrap_err()[0];
/// assert_eq!(found.to_string(), "/content/body: too long, in characters (limit 4, actual 8)");
/// assert_eq!(found.rule.as_deref(), Some("text.length"));
/// ```
#[derive(Debug, Default)]
pub struct Checker {
    found: Vec<Violation>,
    next: Next,
}

/// The rule, level, advice and kind of the next check.
#[derive(Clone, Copy, Debug, Default)]
struct Next {
    rule: Option<&'static str>,
    hint: Option<&'static str>,
    kind: Option<ErrorKind>,
    level: Level,
}

/// Maximum violations of one check, errors before warnings. A further one is told, not kept.
const MAX_FOUND: usize = 256;

impl Checker {
    /// Creates a checker without violations.
    pub fn new() -> Self {
        Self::default()
    }

    /// Names the rule of the next check: a stable short name, such as `email.recipient_count`.
    pub fn rule(&mut self, rule: &'static str) -> &mut Self {
        self.next.rule = Some(rule);
        self
    }

    /// Gives advice with the next check.
    pub fn hint(&mut self, hint: &'static str) -> &mut Self {
        self.next.hint = Some(hint);
        self
    }

    /// Sets the kind of the error that the next check makes. Defaults to [`ErrorKind::MessageInvalid`].
    pub fn kind(&mut self, kind: ErrorKind) -> &mut Self {
        self.next.kind = Some(kind);
        self
    }

    /// Makes the next check one that only warns: the message is sent, and the violation reported.
    pub fn warning(&mut self) -> &mut Self {
        self.next.level = Level::Warning;
        self
    }

    /// Notes a violation.
    pub fn add(&mut self, pointer: impl Into<String>, message: &'static str) {
        self.push(Violation::new(pointer, message));
    }

    /// Notes a violation if `fine` is false.
    pub fn require(&mut self, fine: bool, pointer: impl Into<String>, message: &'static str) {
        if fine {
            self.next = Next::default();
        } else {
            self.add(pointer, message);
        }
    }

    /// Checks that a text has at least `min` and at most `max` units.
    pub fn text(&mut self, pointer: impl Into<String>, text: &str, min: u64, max: Length) {
        self.range(pointer, max.unit.count(text), min..=max.max, "too short", || format!("too long, in {}", max.unit.as_str()));
    }

    /// Checks that `actual` is at least `min` and at most `max`.
    pub fn count(&mut self, pointer: impl Into<String>, actual: usize, min: u64, max: u64) {
        self.range(pointer, actual as u64, min..=max, "too few", || "too many".to_owned());
    }

    /// Checks name and address of a mailbox, of a message or a configuration.
    ///
    /// ```
    /// use zengine_connector::message::{Checker, Mailbox};
    ///
    /// let mut check = Checker::new();
    /// check.mailbox("/from", &Mailbox::new("news@shop.example").with_name("Acme\r\nBcc: x@evil.example"));
    /// assert_eq!(check.finish().unwrap_err()[0].pointer, "/from/name");
    /// ```
    pub fn mailbox(&mut self, pointer: impl Into<String>, mailbox: &Mailbox) {
        let next = std::mem::take(&mut self.next);
        for found in mailbox.violations(pointer.into()) {
            self.next = next;
            self.push(found);
        }
    }

    /// Checks the bytes of several texts together.
    pub(super) fn total(&mut self, pointer: &str, sizes: impl Iterator<Item = usize>, max: u64) {
        self.range(pointer, sizes.sum::<usize>() as u64, 0..=max, "", || "too long, in bytes".to_owned());
    }

    pub(super) fn range(
        &mut self,
        pointer: impl Into<String>,
        actual: u64,
        fine: RangeInclusive<u64>,
        less: &str,
        more: impl FnOnce() -> String,
    ) {
        if actual < *fine.start() {
            self.push(Violation::new(pointer, less).with_sizes(*fine.start(), actual));
        } else if actual > *fine.end() {
            self.push(Violation::new(pointer, more()).with_sizes(*fine.end(), actual));
        } else {
            self.next = Next::default();
        }
    }

    /// Checks that ids or labels differ from one another.
    pub fn unique<'a>(&mut self, pointer: impl Into<String>, values: impl IntoIterator<Item = &'a str>, message: &'static str) {
        let mut values: Vec<_> = values.into_iter().collect();
        values.sort_unstable();
        self.require(values.windows(2).all(|pair| pair[0] != pair[1]), pointer, message);
    }

    pub(super) fn push(&mut self, found: Violation) {
        let Next { rule, hint, kind, level } = std::mem::take(&mut self.next);
        let kind = kind.unwrap_or(found.kind);
        let (rule, hint) = (rule.map(Into::into).or(found.rule), hint.map(Into::into).or(found.hint));
        let found = Violation { rule, level, hint, kind, ..found };
        if self.found.len() < MAX_FOUND {
            return self.found.push(found);
        }
        // An error says more than a warning.
        let warning = self.found.iter().take(MAX_FOUND).rposition(|kept| !kept.is_error()).filter(|_| level == Level::Error);
        match warning {
            Some(place) => {
                let warning = self.found.remove(place);
                self.found.insert(MAX_FOUND - 1, found);
                self.summarize(warning.kind, warning.level);
            }
            None => self.summarize(kind, level),
        }
    }

    /// Tells a violation that is not kept. The kind of the whole stays what it would be with all of them.
    fn summarize(&mut self, kind: ErrorKind, level: Level) {
        if self.found.len() == MAX_FOUND {
            self.found.push(Violation { level: Level::Warning, ..Violation::new("", "there are more violations") });
        }
        let Some(more) = self.found.last_mut().filter(|_| level == Level::Error) else { return };
        if !more.is_error() || (more.kind.is_temporary() && !kind.is_temporary()) {
            more.kind = kind;
        }
        more.level = Level::Error;
    }

    /// Drops the warnings, for code that is about to send: a warning does not stop it.
    #[must_use = "returns the checker without its warnings"]
    pub fn without_warnings(mut self) -> Self {
        self.found.retain(Violation::is_error);
        self
    }

    /// Ends the check.
    ///
    /// # Errors
    /// The violations, if there are any, warnings included.
    pub fn finish(self) -> Result<(), Vec<Violation>> {
        if self.found.is_empty() { Ok(()) } else { Err(self.found) }
    }

    /// Checks that a text that may be absent has at most `max` units.
    pub(super) fn optional(&mut self, pointer: impl Into<String>, text: Option<&str>, max: Length) {
        match text {
            Some(text) => self.text(pointer, text, 0, max),
            None => self.next = Next::default(),
        }
    }
}

/// A pointer that is built only for a violation.
#[derive(Clone, Copy)]
pub(super) struct Under<'a>(pub(super) &'a str, pub(super) &'static str);

impl From<Under<'_>> for String {
    fn from(Under(at, rest): Under<'_>) -> Self {
        format!("{at}{rest}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOUR: Length = Length::chars(4);

    fn announced() -> Checker {
        let mut check = Checker::new();
        check.rule("a.rule").hint("advice").kind(ErrorKind::Quota).warning();
        check
    }

    #[test]
    fn of_many_violations_the_first_are_kept_and_an_error_among_the_others_still_counts() {
        let mut check = Checker::new();
        for _ in 0..1_000 {
            check.warning().add("/a", "odd");
        }
        assert_eq!((check.found.len(), check.found.iter().any(Violation::is_error)), (MAX_FOUND + 1, false));
        // One among warnings is kept, a further one among errors counts.
        for n in 0..=MAX_FOUND {
            check.add(format!("/b/{n}"), "wrong");
            let more = check.found.last().unwrap();
            assert_eq!((check.found.len(), &*more.message, more.is_error()), (MAX_FOUND + 1, "there are more violations", n == MAX_FOUND));
            assert_eq!(check.found.iter().filter(|found| found.is_error()).count(), n + 1, "{n}");
        }
        assert_eq!((&*check.found[0].pointer, &*check.found[MAX_FOUND - 1].pointer), ("/b/0", "/b/255"));
    }

    #[test]
    fn the_kind_of_what_was_cut_is_kept() {
        let of = |cut: &[ErrorKind]| {
            let mut check = Checker::new();
            for _ in 0..MAX_FOUND {
                check.kind(ErrorKind::Busy).add("/a", "odd");
            }
            for kind in cut {
                check.kind(*kind).add("/b", "wrong");
            }
            Violation::kind_of(&check.finish().unwrap_err())
        };
        assert_eq!(of(&[ErrorKind::Quota]), Some(ErrorKind::Busy), "both pass with time");
        assert_eq!(of(&[ErrorKind::Quota, ErrorKind::Media, ErrorKind::Template, ErrorKind::Busy]), Some(ErrorKind::Media));
    }

    #[test]
    fn what_is_said_of_a_check_is_used_up_by_a_fine_one() {
        let fine: [fn(&mut Checker); 8] = [
            |check| check.require(true, "/a", "wrong"),
            |check| check.text("/a", "four", 1, FOUR),
            |check| check.count("/a", 1, 1, 1),
            |check| check.mailbox("/a", &Mailbox::new("ana@example.org")),
            |check| check.total("/a", [1, 2].into_iter(), 3),
            |check| check.unique("/a", ["b", "c"], "must differ"),
            |check| check.optional("/a", Some("four"), FOUR),
            |check| check.optional("/a", None, FOUR),
        ];
        for (n, fine) in fine.into_iter().enumerate() {
            let mut check = announced();
            fine(&mut check);
            check.add("/b", "wrong");
            assert_eq!(check.finish().unwrap_err(), [Violation::new("/b", "wrong")], "{n}");
        }
    }

    #[test]
    fn what_is_said_of_a_check_is_used_up_by_one_that_finds_something() {
        let wrong: [fn(&mut Checker); 7] = [
            |check| check.add("/a", "wrong"),
            |check| check.require(false, "/a", "wrong"),
            |check| check.text("/a", "fives", 1, FOUR),
            |check| check.count("/a", 0, 1, 1),
            |check| check.mailbox("/a", &Mailbox::new("nobody").with_name("a\nb")),
            |check| check.total("/a", [1, 3].into_iter(), 3),
            |check| check.unique("/a", ["b", "b"], "must differ"),
        ];
        for (n, wrong) in wrong.into_iter().enumerate() {
            let mut check = announced();
            wrong(&mut check);
            check.add("/b", "wrong");
            let mut found = check.finish().unwrap_err();
            assert_eq!(found.pop(), Some(Violation::new("/b", "wrong")), "{n}");
            assert_eq!(found.len(), if n == 4 { 2 } else { 1 }, "{n}");
            for found in found {
                assert_eq!(
                    (found.rule.as_deref(), found.hint.as_deref(), found.kind, found.level),
                    (Some("a.rule"), Some("advice"), ErrorKind::Quota, Level::Warning),
                    "{n}"
                );
            }
        }
    }
}
