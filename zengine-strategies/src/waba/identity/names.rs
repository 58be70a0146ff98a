//! One person in one place of a webhook, and the contact of the same person.

use std::borrow::Cow;

use zengine_connector::Identity;
use zengine_connector::message::{IdentityKind, Party};

use super::keys::{Keys, name};
use super::spelling::{address, bare, identity_key, is_number, looks_scoped, parent, spelled, user};
use crate::waba::json::{Object, ValueRef};

/// How one place of a webhook names a person.
#[derive(Clone, Default)]
pub(crate) struct Names<'a> {
    /// Phone digits; sometimes a business-scoped id in their place.
    pub(crate) phone: Option<Cow<'a, str>>,
    /// The business-scoped id.
    pub(crate) user_id: Option<Cow<'a, str>>,
    /// The id across linked portfolios.
    pub(crate) parent_user_id: Option<Cow<'a, str>>,
    /// The name that the person chose.
    pub(crate) username: Option<Cow<'a, str>>,
    /// The digest of the person's identity key, if the number has the identity check on.
    pub(crate) key_hash: Option<Cow<'a, str>>,
}

impl<'a> Names<'a> {
    /// All names that an object gives under these members. The only reader of people: what one place names, all do.
    pub(crate) fn read(obj: &Object<'a>, keys: &Keys) -> Self {
        let first = |members: &[&str]| members.iter().find_map(|member| name(obj, member));
        Self {
            phone: first(keys.phone),
            user_id: first(keys.user_id),
            parent_user_id: first(keys.parent_user_id),
            username: first(keys.username),
            key_hash: first(keys.key_hash),
        }
    }

    /// Whether no person is named; a username alone is no address.
    pub(crate) fn is_empty(&self) -> bool {
        self.phone.is_none() && self.user_id.is_none() && self.parent_user_id.is_none()
    }

    /// Adds what another place says of the same person.
    pub(crate) fn or(self, other: &Self) -> Self {
        let or = |one: Option<Cow<'a, str>>, other: &Option<Cow<'a, str>>| one.or_else(|| other.clone());
        Self {
            phone: or(self.phone, &other.phone),
            user_id: or(self.user_id, &other.user_id),
            parent_user_id: or(self.parent_user_id, &other.parent_user_id),
            username: or(self.username, &other.username),
            key_hash: or(self.key_hash, &other.key_hash),
        }
    }

    /// Whether a number or a business-scoped id says that this is the same person, in any spelling.
    pub(crate) fn is_same(&self, other: &Names<'_>) -> bool {
        let same = |one: Option<&str>, other: Option<&str>| one.zip(other).is_some_and(|(one, other)| spelled(one) == spelled(other));
        same(self.phone.as_deref(), other.phone.as_deref()) || same(self.user(), other.user())
    }

    /// Whether both have the same number, in any spelling; `None` if one of them has none. A scoped id is no number.
    pub(crate) fn is_same_number(&self, other: &Names<'_>) -> Option<bool> {
        let phone = self.number().zip(other.number());
        phone.map(|(one, other)| spelled(one) == spelled(other))
    }

    /// The number, unless a scoped id or a group stands in its place.
    pub(crate) fn number(&self) -> Option<&str> {
        self.phone.as_deref().filter(|phone| is_number(phone))
    }

    /// Whether scoped ids say that it is another person.
    pub(super) fn contradicts(&self, other: &Names<'_>) -> bool {
        let differ = |one: Option<&str>, other: Option<&str>| one.zip(other).is_some_and(|(one, other)| one != other);
        differ(self.user(), other.user()) || differ(self.parent_user_id.as_deref(), other.parent_user_id.as_deref())
    }

    /// The business-scoped id, which may stand in the place of the number.
    fn user(&self) -> Option<&str> {
        self.user_id.as_deref().or_else(|| self.phone.as_deref().filter(|phone| looks_scoped(phone)))
    }

    /// The person, with the details of the contact.
    pub(crate) fn party(&self, contact: Option<&Contact<'_>>) -> Party {
        let mut party = Party::of_all(self.identities(contact));
        party.name = contact.and_then(|contact| contact.name.as_deref()).map(str::to_owned);
        party
    }

    /// The person's identities: the number first, because answers go to it.
    pub(crate) fn identities(&self, contact: Option<&Contact<'_>>) -> Vec<Identity> {
        let mut ids = Vec::with_capacity(3);
        let mut add = |id: Option<Identity>| {
            if let Some(id) = id
                && !ids.contains(&id)
            {
                ids.push(id);
            }
        };
        let nothing = Names::default();
        let other = contact.map_or(&nothing, |contact| &contact.names);
        match (self.phone.as_deref(), other.phone.as_deref()) {
            (Some(phone), Some(wa_id)) if is_number(phone) => {
                add(address(phone));
                // Some countries' numbers have two spellings; the contact's is then the account's own.
                if bare(phone) != bare(wa_id) {
                    add(Identity::new(IdentityKind::WaId, wa_id).ok());
                }
            }
            (phone, wa_id) => {
                add(wa_id.and_then(address));
                add(phone.and_then(address));
            }
        }
        for id in [&self.user_id, &other.user_id].into_iter().flatten() {
            add(user(id, "user_id"));
        }
        for id in [&self.parent_user_id, &other.parent_user_id].into_iter().flatten() {
            add(parent(id));
        }
        for name in [&self.username, &other.username].into_iter().flatten() {
            add(Identity::new(IdentityKind::Username, name).ok());
        }
        add(self.key_hash.as_deref().or(other.key_hash.as_deref()).and_then(identity_key));
        ids
    }
}

/// One element of `contacts`.
pub(crate) struct Contact<'a> {
    pub(super) name: Option<Cow<'a, str>>,
    pub(super) names: Names<'a>,
}

impl<'a> Contact<'a> {
    /// `None` if the element is not an object.
    pub(crate) fn read(raw: ValueRef<'a>) -> Option<Self> {
        let obj = raw.object()?;
        let profile = obj.object("profile").unwrap_or_default();
        let mut names = Names::read(&obj, &Keys::PERSON);
        names.username = name(&profile, "username").or(names.username);
        Some(Self { name: name(&profile, "name"), names })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::waba::json::Document;

    #[test]
    fn another_spelling_of_the_number_is_kept_beside_it() {
        let document = Document::read(r#"{"wa_id":"551187654321","user_id":"BR.1"}"#).unwrap();
        let contact = Contact::read(document.root()).unwrap();
        let names = Names { phone: Some("5511987654321".into()), user_id: Some("BR.1".into()), ..Names::default() };
        assert!(names.is_same(&contact.names));
        let ids: Vec<String> = names.identities(Some(&contact)).iter().map(ToString::to_string).collect();
        assert_eq!(ids, ["phone:+5511987654321", "wa_id:551187654321", "bsuid:BR.1"]);
    }
}
