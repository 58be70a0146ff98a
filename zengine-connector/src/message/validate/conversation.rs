//! Checks of participants, of an opening, and of a notice about the conversation.

use crate::message::{
    Length, Opening, Participant, RawJson, Role, SessionEvent, Unit,
    checker::{Checker, Under},
};

/// Maximum length of a participant's id and name.
const NAME: Length = Length::chars(256);

/// Maximum length of a role.
const ROLE: Length = Length::chars(64);

/// Maximum length of all texts of an opening's history.
const HISTORY: Length = Length::bytes(65_536);

/// Maximum length of the JSON of a notice.
const DATA: Length = Length::bytes(16_384);

pub(super) fn participant(at: &str, participant: &Participant, check: &mut Checker) {
    for (member, text) in [("/id", &participant.id), ("/name", &participant.name)] {
        if let Some(text) = text {
            check.rule("participant.length").text(Under(at, member), text, 1, NAME);
        }
    }
    check.rule("participant.length").text(Under(at, "/role"), participant.role.as_str(), 1, ROLE);
}

pub(super) fn opening(it: &Opening, check: &mut Checker) {
    let Opening { display_name, attributes, queue, history, .. } = it;
    for (pointer, text) in [("/opening/display_name", display_name), ("/opening/queue", queue)] {
        if let Some(text) = text {
            check.rule("opening.length").text(pointer, text, 1, NAME);
        }
    }
    check.rule("opening.count").count("/opening/attributes", attributes.len(), 0, 256);
    // A key may name a person.
    for key in attributes.keys() {
        check.rule("opening.length").range("/opening/attributes/*", Unit::Chars.count(key), 1..=255, "the key is too short", || {
            "the key is too long, in characters".to_owned()
        });
    }
    let sizes = attributes.iter().map(|(key, value)| key.len() + value.len());
    check.rule("opening.size").total("/opening/attributes", sizes, 32_768);
    check.rule("opening.count").count("/opening/history", history.len(), 0, 100);
    for (n, past) in history.iter().enumerate() {
        participant(&format!("/opening/history/{n}/author"), &past.author, check);
        check.rule("opening.length").text(format!("/opening/history/{n}/text"), &past.text, 1, HISTORY);
    }
    check.rule("opening.size").total("/opening/history", history.iter().map(|past| past.text.len()), HISTORY.max);
}

pub(super) fn session(at: &str, event: &SessionEvent, check: &mut Checker) {
    for (member, person) in [("/participant", &event.participant), ("/previous", &event.previous)] {
        if let Some(person) = person {
            participant(&format!("{at}{member}"), person, check);
        }
    }
    if let Some(end) = &event.end {
        check.rule("session.length").optional(Under(at, "/end/by"), end.by.as_ref().map(Role::as_str), ROLE);
        check.rule("session.length").optional(Under(at, "/end/word"), end.word.as_deref(), NAME);
    }
    check.rule("session.length").optional(Under(at, "/data"), event.data.as_ref().map(RawJson::as_str), DATA);
}
