//! The members that name a person, by place.

use std::borrow::Cow;

use crate::waba::json::Object;

/// Maximum length of an id or a name, in bytes. One may be carried into every element of a body, so longer texts are neither.
const MAX_NAME: usize = 1_024;

/// A member that is an id or a name.
pub(crate) fn name<'a>(obj: &Object<'a>, member: &str) -> Option<Cow<'a, str>> {
    obj.text(member).filter(|name| name.len() <= MAX_NAME)
}

/// The members that name a person in one place of a webhook; the first spelling that is there counts.
pub(crate) struct Keys {
    pub(crate) phone: Members,
    pub(crate) user_id: Members,
    pub(crate) parent_user_id: Members,
    pub(crate) username: Members,
    pub(crate) key_hash: Members,
}

impl Keys {
    /// An object that is about the person: a contact, a group's applicant, a preference.
    pub(crate) const PERSON: Self = Self {
        key_hash: &["identity_key_hash"],
        ..Self::of(&["wa_id", "phone_number", "input"], &["user_id"], &["parent_user_id"], &["username"])
    };
    /// The author of a message or call.
    pub(crate) const FROM: Self = Self::of(&["from"], &["from_user_id"], &["from_parent_user_id"], &["from_username"]);
    /// The recipient of an echo, a call or a request that sends.
    pub(crate) const TO: Self = Self::of(&["to"], &["to_user_id", "recipient"], &["to_parent_user_id"], &["to_username"]);
    /// The recipient in a status.
    pub(crate) const RECIPIENT: Self = Self {
        parent_user_id: &["recipient_parent_user_id", "parent_recipient_user_id", "parent_user_id"],
        key_hash: &["recipient_identity_key_hash"],
        ..Self::of(&["recipient_id"], &["recipient_user_id"], &[], &["recipient_username"])
    };
    /// The member of a group in a status.
    pub(crate) const PARTICIPANT: Self = Self::of(
        &["recipient_participant_id", "participant_recipient_id"],
        &["recipient_participant_user_id"],
        &["recipient_participant_parent_user_id"],
        &["recipient_participant_username"],
    );
    /// The person of an older conversation.
    pub(crate) const THREAD: Self = Self::of(&["id"], &[], &[], &[]);
    /// The person after a change of ids.
    pub(crate) const CURRENT: Self = Self { phone: &["wa_id", "new_wa_id"], key_hash: &[], ..Self::PERSON };
    /// The person before a change of ids.
    pub(crate) const PREVIOUS: Self = Self::of(&[], &["previous_user_id"], &["previous_parent_user_id"], &["previous_username"]);

    const fn of(phone: Members, user_id: Members, parent_user_id: Members, username: Members) -> Self {
        Self { phone, user_id, parent_user_id, username, key_hash: &[] }
    }
}

type Members = &'static [&'static str];
