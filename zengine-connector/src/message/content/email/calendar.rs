//! Invitations to a calendar.

use serde::{Deserialize, Serialize};

masked!(Calendar);

words! {
    /// The method of an iCalendar object (RFC 5546), in small letters: the answer that it asks its reader for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
    #[non_exhaustive]
    pub enum CalendarMethod {
        /// Tells of an event; no answer is expected.
        Publish = "publish",
        /// Invites to an event, or changes one.
        Request = "request",
        /// Answers an invitation.
        Reply = "reply",
        /// Adds dates to a recurring event.
        Add = "add",
        /// Cancels an event.
        Cancel = "cancel",
        /// Asks for the latest version of an event.
        Refresh = "refresh",
        /// Proposes a change of an event.
        Counter = "counter",
        /// Declines such a proposal.
        DeclineCounter = "declinecounter",
    }
}

/// An iCalendar object that is sent as an alternative to text and HTML, so that a mail program offers to accept or decline.
///
/// ```
/// use zengine_connector::message::{Calendar, CalendarMethod};
///
/// let ics = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
/// let invitation = Calendar::new(CalendarMethod::Request, ics);
/// assert_eq!(invitation.declared_method(), Some(CalendarMethod::Request));
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Calendar {
    /// The method; must equal the one in `ics`.
    pub method: CalendarMethod,
    /// The iCalendar object, from `BEGIN:VCALENDAR` to `END:VCALENDAR`: at most 1,048,576 bytes.
    pub ics: String,
}

impl Calendar {
    /// An iCalendar object and its method. Not checked here.
    pub fn new(method: CalendarMethod, ics: impl Into<String>) -> Self {
        Self { method, ics: ics.into() }
    }

    /// The method that the object itself names; `None` unless it names one known method once, before its first component. Lines are read
    /// unfolded (RFC 5545, 3.1).
    pub fn declared_method(&self) -> Option<CalendarMethod> {
        let ics = unfolded(&self.ics);
        let mut is_own = true;
        let mut methods = ics.lines().filter_map(|line| {
            let (head, value) = line.split_once(':')?;
            let name = head.split(';').next().unwrap_or(head).trim();
            is_own &= !name.eq_ignore_ascii_case("BEGIN") || value.trim().eq_ignore_ascii_case("VCALENDAR");
            name.eq_ignore_ascii_case("METHOD").then_some((is_own, value.trim()))
        });
        // A method within a component is against the RFC, but some programs read it.
        let (is_own, word) = methods.next().filter(|_| methods.next().is_none())?;
        CalendarMethod::ALL.iter().copied().find(|method| is_own && word.eq_ignore_ascii_case(method.as_str()))
    }

    /// Whether it is one iCalendar object by its first and last line.
    pub(in crate::message) fn is_framed(&self) -> bool {
        let ics = unfolded(&self.ics);
        let is = |line: Option<&str>, text: &str| line.is_some_and(|line| line.trim_end().eq_ignore_ascii_case(text));
        // With parameters too, as some programs read it.
        let begins = ics.lines().filter(|line| {
            let name = line.split([';', ':']).next().unwrap_or_default().trim();
            let value = line.rsplit_once(':').map_or("", |(_, value)| value.trim());
            name.eq_ignore_ascii_case("BEGIN") && value.eq_ignore_ascii_case("VCALENDAR")
        });
        let begins = begins.count();
        let mut lines = ics.trim_end_matches(['\r', '\n']).lines();
        is(lines.next(), "BEGIN:VCALENDAR") && is(lines.next_back(), "END:VCALENDAR") && begins == 1
    }
}

/// The object with its long lines in one piece. A carriage return alone counts as a line break, as some programs read it.
fn unfolded(ics: &str) -> String {
    let mut text = String::with_capacity(ics.len());
    let mut rest = ics;
    while let Some(at) = rest.find(['\r', '\n']) {
        text.push_str(&rest[..at]);
        let after = &rest[at..];
        let after = after.strip_prefix("\r\n").unwrap_or(&after[1..]);
        rest = after.strip_prefix([' ', '\t']).unwrap_or_else(|| {
            text.push('\n');
            after
        });
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(ics: &str) -> Calendar {
        Calendar::new(CalendarMethod::Request, ics)
    }

    #[test]
    fn an_object_is_known_by_its_frame_and_its_method() {
        let fine = of("begin:vcalendar\nMethod;X-A=1:request\nBEGIN:VEVENT\nEND:VEVENT\nend:vcalendar\n\n");
        assert!(fine.is_framed());
        assert_eq!(fine.declared_method(), Some(CalendarMethod::Request));
        for odd in [
            "",
            "BEGIN:VCALENDAR",
            "\u{feff}BEGIN:VCALENDAR\nEND:VCALENDAR",
            "BEGIN:VEVENT\nEND:VEVENT",
            " BEGIN:VCALENDAR\nEND:VCALENDAR",
            "BEGIN:VCALENDAR\nEND:VCALENDAR\nBEGIN:VCALENDAR\nEND:VCALENDAR",
            "BEGIN:VCALENDAR\nEND:VCALENDAR\nBEGIN:VCAL\n\tENDAR\nEND:VCALENDAR",
            "BEGIN:VCALENDAR\nX:1\rEND:VCALENDAR\rBEGIN:VCALENDAR\nEND:VCALENDAR",
        ] {
            assert!(!of(odd).is_framed(), "{odd}");
        }
        for odd in [
            "BEGIN:VCALENDAR\nBEGIN:VEVENT\nMETHOD:REQUEST",
            "BEGIN:VCALENDAR\nMETHOD:REQUEST\nMETHOD:CANCEL",
            "BEGIN:VCALENDAR\nMETHOD:REQUEST\nMETH\r\n OD:CANCEL",
            "BEGIN:VCALENDAR\nMETHOD:REQUEST\rMETHOD:CANCEL",
            "BEGIN:VCALENDAR\nMETHOD:REQUEST\nBEGIN:VEVENT\nMETHOD:CANCEL\nEND:VEVENT\nEND:VCALENDAR",
            "BEGIN:VCALENDAR\nBEG\n IN:VEVENT\nEND:VEVENT\nMETHOD:REQUEST\nEND:VCALENDAR",
            "BEGIN:VCALENDAR\nX:a\n METHOD:REQUEST",
            "BEGIN:VCALENDAR\nMETHOD:X-INVITE",
            "é",
        ] {
            assert_eq!(of(odd).declared_method(), None, "{odd}");
        }
    }

    proptest! {
        #[test]
        fn a_fold_anywhere_changes_nothing(cuts in proptest::collection::vec(0..98_usize, 0..6), breaks in "(\r\n|\n)[ \t]") {
            let whole = "BEGIN:VCALENDAR\nPRODID:x\nMETHOD:CANCEL\nBEGIN:VEVENT\nSUMMARY:METHOD:REQUEST\nEND:VEVENT\nEND:VCALENDAR";
            let mut folded = String::new();
            for (at, c) in whole.chars().enumerate() {
                if cuts.contains(&at) && at > 0 {
                    folded.push_str(&breaks);
                }
                folded.push(c);
            }
            let read = of(&folded);
            prop_assert!(read.is_framed(), "{folded:?}");
            prop_assert_eq!(read.declared_method(), Some(CalendarMethod::Cancel));
        }

        #[test]
        fn any_text_is_read(text in "((BEGIN|END|METHOD|M)[:;]|VCALENDAR|CANCEL|[\r\n \t:;é]){0,24}") {
            let found = of(&text).declared_method();
            if !text.contains('\r') {
                prop_assert_eq!(of(&text.replace('\n', "\r\n \n")).declared_method(), found);
            }
        }
    }
}
