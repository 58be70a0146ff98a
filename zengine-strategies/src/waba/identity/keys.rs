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
    pub(crate) phone: &'static [&'static str],
    pub(crate) user_id: &'static [&'static str],
    pub(crate) parent_user_id: &'static [&'static str],
    pub(crate) username: &'static [&'static str],
    pub(crate) key_hash: &'static [&'static str],
}

impl Keys {
    /// An object that is about the person: a contact, a group's applicant, a preference.
    pub(crate) const PERSON: Self = Self {
        phone: &["wa_id", "phone_number", "input"],
        user_id: &["user_id"],
        parent_user_id: &["parent_user_id"],
        username: &["username"],
        key_hash: &["identity_key_hash"],
    };
    /// The author of a message or call.
    pub(crate) const FROM: Self = Self {
        phone: &["from"],
        user_id: &["from_user_id"],
        parent_user_id: &["from_parent_user_id"],
        username: &["from_username"],
        key_hash: &[],
    };
    /// The recipient of an echo, a call or a request that sends.
    pub(crate) const TO: Self = Self {
        phone: &["to"],
        user_id: &["to_user_id", "recipient"],
        parent_user_id: &["to_parent_user_id"],
        username: &["to_username"],
        key_hash: &[],
    };
    /// The recipient in a status.
    pub(crate) const RECIPIENT: Self = Self {
        phone: &["recipient_id"],
        user_id: &["recipient_user_id"],
        parent_user_id: &["recipient_parent_user_id", "parent_recipient_user_id", "parent_user_id"],
        username: &["recipient_username"],
        key_hash: &["recipient_identity_key_hash"],
    };
    /// The member of a group in a status.
    pub(crate) const PARTICIPANT: Self = Self {
        phone: &["recipient_participant_id", "participant_recipient_id"],
        user_id: &["recipient_participant_user_id"],
        parent_user_id: &["recipient_participant_parent_user_id"],
        username: &["recipient_participant_username"],
        key_hash: &[],
    };
    /// The person of an older conversation.
    pub(crate) const THREAD: Self = Self { phone: &["id"], user_id: &[], parent_user_id: &[], username: &[], key_hash: &[] };
    /// The person after a change of ids.
    pub(crate) const CURRENT: Self = Self { phone: &["wa_id", "new_wa_id"], key_hash: &[], ..Self::PERSON };
    /// The person before a change of ids.
    pub(crate) const PREVIOUS: Self = Self {
        phone: &[],
        user_id: &["previous_user_id"],
        parent_user_id: &["previous_parent_user_id"],
        username: &["previous_username"],
        key_hash: &[],
    };
}
