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
/// assert_eq!(invitation.declared_method(), Some("REQUEST"));
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

    /// The method that the object itself names; `None` unless it names one, before its first component.
    pub fn declared_method(&self) -> Option<&str> {
        let mut methods = self.properties().filter(|(name, _)| name.eq_ignore_ascii_case("METHOD")).map(|(_, value)| value);
        methods.next().filter(|_| methods.next().is_none())
    }

    /// Whether it is one iCalendar object by its first and last line.
    pub(in crate::message) fn is_framed(&self) -> bool {
        let is = |line: Option<&str>, text: &str| line.is_some_and(|line| line.trim_end().eq_ignore_ascii_case(text));
        let begins = self.ics.lines().filter(|line| line.trim_end().eq_ignore_ascii_case("BEGIN:VCALENDAR")).count();
        let mut lines = self.ics.trim_end_matches(['\r', '\n']).lines();
        is(lines.next(), "BEGIN:VCALENDAR") && is(lines.next_back(), "END:VCALENDAR") && begins == 1
    }

    /// Names and values of the properties of the object itself. They stand before its first component.
    fn properties(&self) -> impl Iterator<Item = (&str, &str)> {
        let lines = self.ics.lines().skip(1).map(str::trim_end);
        let own = lines.take_while(|line| !line.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("BEGIN:")));
        own.filter_map(|line| {
            let (head, value) = line.split_once(':')?;
            Some((head.split(';').next().unwrap_or(head), value))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ics: &str) -> Calendar {
        Calendar::new(CalendarMethod::Request, ics)
    }

    #[test]
    fn an_object_is_known_by_its_frame_and_its_method() {
        let fine = of("begin:vcalendar\nMethod;X-A=1:request\nBEGIN:VEVENT\nMETHOD:CANCEL\nEND:VEVENT\nend:vcalendar\n\n");
        assert!(fine.is_framed());
        assert_eq!(fine.declared_method(), Some("request"));
        for odd in [
            "",
            "BEGIN:VCALENDAR",
            "\u{feff}BEGIN:VCALENDAR\nEND:VCALENDAR",
            "BEGIN:VEVENT\nEND:VEVENT",
            "BEGIN:VCALENDAR\nEND:VCALENDAR\nBEGIN:VCALENDAR\nEND:VCALENDAR",
        ] {
            assert!(!of(odd).is_framed(), "{odd}");
        }
        for odd in ["BEGIN:VCALENDAR\nBEGIN:VEVENT\nMETHOD:REQUEST", "BEGIN:VCALENDAR\nMETHOD:REQUEST\nMETHOD:CANCEL", "é"] {
            assert_eq!(of(odd).declared_method(), None, "{odd}");
        }
    }
}
