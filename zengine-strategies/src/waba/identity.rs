//! People as a webhook names them: phone digits, business-scoped ids, a username, in `contacts` or beside a message.

use std::borrow::Cow;

use zengine_connector::{
    Identity,
    message::{IdentityKind, Party},
};

use super::{
    json::{Items, Obj, Raw},
    text::joined,
};

/// One element of `contacts`.
pub(crate) struct Contact<'a> {
    name: Option<Cow<'a, str>>,
    username: Option<Cow<'a, str>>,
    wa_id: Option<Cow<'a, str>>,
    user_id: Option<Cow<'a, str>>,
    parent_user_id: Option<Cow<'a, str>>,
    key_hash: Option<Cow<'a, str>>,
}

impl<'a> Contact<'a> {
    /// `None` if the element is not an object.
    pub(crate) fn read(raw: Raw<'a>) -> Option<Self> {
        let obj = Obj::read(raw)?;
        let profile = obj.obj("profile").unwrap_or_else(Obj::empty);
        Some(Self {
            name: profile.text("name"),
            username: profile.text("username").or_else(|| obj.text("username")),
            wa_id: obj.text("wa_id"),
            user_id: obj.text("user_id"),
            parent_user_id: obj.text("parent_user_id"),
            key_hash: obj.text("identity_key_hash"),
        })
    }

    fn id(&self, kind: Kind) -> Option<&str> {
        let id = if kind == Kind::Number { &self.wa_id } else { &self.user_id };
        id.as_deref().map(bare)
    }
}

/// The contacts of a change, found by id and never by position.
pub(crate) struct Contacts<'a> {
    all: Vec<Contact<'a>>,
    /// Places in the order of the number and of the user id, if there are more than `FEW` contacts.
    by_number: Vec<usize>,
    by_user: Vec<usize>,
}

/// The id by which a contact is looked up.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    User,
}

impl<'a> Contacts<'a> {
    /// Maximum number of contacts that are searched one by one.
    const FEW: usize = 8;

    pub(crate) fn read(items: Items<'a>) -> Self {
        let all: Vec<_> = items.filter_map(Contact::read).collect();
        let order = |kind| {
            let mut places: Vec<_> = (0..all.len()).filter(|&place| all[place].id(kind).is_some()).collect();
            places.sort_by_key(|&place| all[place].id(kind));
            places
        };
        let (by_number, by_user) = if all.len() > Self::FEW { (order(Kind::Number), order(Kind::User)) } else { (vec![], vec![]) };
        Self { all, by_number, by_user }
    }

    /// The contact that is the same person; the first if there are several. A single element that names no person belongs to
    /// the only contact.
    pub(crate) fn of(&self, names: &Names<'_>, alone: bool) -> Option<&Contact<'a>> {
        if names.is_empty() {
            return if alone && self.all.len() == 1 { self.all.first() } else { None };
        }
        let wanted = [(Kind::User, &names.user_id), (Kind::Number, &names.phone), (Kind::User, &names.phone)];
        let places = wanted.into_iter().filter_map(|(kind, id)| self.place(kind, bare(id.as_deref()?)));
        places.min().and_then(|place| self.all.get(place))
    }

    /// The place of the first contact with an id.
    fn place(&self, kind: Kind, id: &str) -> Option<usize> {
        if self.all.len() <= Self::FEW {
            return self.all.iter().position(|contact| contact.id(kind) == Some(id));
        }
        let places = if kind == Kind::Number { &self.by_number } else { &self.by_user };
        let at = places.partition_point(|&place| self.all[place].id(kind) < Some(id));
        places.get(at).copied().filter(|&place| self.all[place].id(kind) == Some(id))
    }
}

/// An id without the `+` that some spellings have.
fn bare(id: &str) -> &str {
    id.trim_start_matches('+')
}

/// How an element names a person.
#[derive(Default)]
pub(crate) struct Names<'a> {
    /// Phone digits; sometimes a business-scoped id in their place.
    pub(crate) phone: Option<Cow<'a, str>>,
    /// The business-scoped id.
    pub(crate) user_id: Option<Cow<'a, str>>,
    /// The id across linked portfolios.
    pub(crate) parent_user_id: Option<Cow<'a, str>>,
    /// The digest of the person's identity key, if the number has the identity check on.
    pub(crate) key_hash: Option<Cow<'a, str>>,
}

impl Names<'_> {
    /// Whether no person is named.
    pub(crate) fn is_empty(&self) -> bool {
        self.phone.is_none() && self.user_id.is_none() && self.parent_user_id.is_none()
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
        let wa_id = contact.and_then(|contact| contact.wa_id.as_deref());
        match (self.phone.as_deref(), wa_id) {
            (Some(phone), Some(wa_id)) if is_number(phone) => {
                add(address(phone));
                // Some countries' numbers have two spellings; the contact's is then the account's own.
                if phone.trim_start_matches('+') != wa_id.trim_start_matches('+') {
                    add(Identity::new(IdentityKind::WaId, wa_id).ok());
                }
            }
            (phone, wa_id) => {
                add(wa_id.and_then(address));
                add(phone.and_then(address));
            }
        }
        add(self.user_id.as_deref().and_then(|id| user(id, "user_id")));
        add(contact.and_then(|c| c.user_id.as_deref()).and_then(|id| user(id, "user_id")));
        add(self.parent_user_id.as_deref().and_then(|id| user(id, "parent_user_id")));
        add(contact.and_then(|c| c.parent_user_id.as_deref()).and_then(|id| user(id, "parent_user_id")));
        add(contact.and_then(|c| c.username.as_deref()).and_then(|name| Identity::new(IdentityKind::Username, name).ok()));
        let key_hash = self.key_hash.as_deref().or_else(|| contact.and_then(|c| c.key_hash.as_deref()));
        add(key_hash.and_then(identity_key));
        ids
    }
}

/// A number as a webhook spells it, digits without `+`, or a business-scoped id in its place.
pub(crate) fn address(text: &str) -> Option<Identity> {
    if is_number(text) {
        let digits = text.trim_start_matches('+');
        return joined(&["+", digits], Identity::phone).or_else(|_| Identity::new(IdentityKind::WaId, digits)).ok();
    }
    user(text, "whatsapp")
}

/// A business-scoped id; anything else is a name in the namespace `ns`.
pub(crate) fn user(text: &str, ns: &'static str) -> Option<Identity> {
    if looks_scoped(text)
        && let Ok(id) = Identity::guess(text)
        && id.kind() != IdentityKind::Opaque
    {
        return Some(id);
    }
    Identity::opaque(ns, text).ok()
}

/// The digest of a person's identity key, which a send can demand.
pub(crate) fn identity_key(hash: &str) -> Option<Identity> {
    Identity::opaque("identity_key_hash", hash).ok()
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

fn looks_scoped(text: &str) -> bool {
    matches!(text.as_bytes(), [a, b, b'.', ..] if a.is_ascii_uppercase() && b.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::waba::json::Document;

    #[test]
    fn a_number_or_an_id_in_its_place_gets_the_right_kind() {
        let kind = |text| address(text).unwrap().kind();
        assert_eq!(kind("15551230001"), IdentityKind::Phone);
        assert_eq!(kind("+15551230001"), IdentityKind::Phone);
        assert_eq!(kind("0123456789012345678"), IdentityKind::WaId);
        assert_eq!(kind("US.13500000000000000001"), IdentityKind::Bsuid);
        assert_eq!(kind("US.ENT.118"), IdentityKind::ParentBsuid);
        assert_eq!(kind("somebody"), IdentityKind::Opaque);
        assert_eq!(kind("US.a b"), IdentityKind::Opaque);
        assert!(address("").is_none());
    }

    #[test]
    fn another_spelling_of_the_number_is_kept_beside_it() {
        let document = Document::read(r#"{"wa_id":"551187654321","user_id":"BR.1"}"#).unwrap();
        let contact = Contact::read(document.root()).unwrap();
        let names = Names { phone: Some("5511987654321".into()), user_id: Some("BR.1".into()), ..Names::default() };
        let ids: Vec<String> = names.identities(Some(&contact)).iter().map(ToString::to_string).collect();
        assert_eq!(ids, ["phone:+5511987654321", "wa_id:551187654321", "bsuid:BR.1"]);
    }

    #[test]
    fn among_many_contacts_the_same_one_is_found_as_among_few() {
        let contact = |n: usize| format!(r#"{{"wa_id":"+1555{n}","user_id":"US.{}","profile":{{"name":"{n}"}}}}"#, n % 7);
        let text = format!("[{}]", (0..30).map(contact).collect::<Vec<_>>().join(","));
        let document = Document::read(&text).unwrap();
        let many = Contacts::read(crate::waba::json::items(document.root()).unwrap());
        let name = |names: Names<'_>| many.of(&names, false).and_then(|contact| contact.name.clone());
        let phone = |phone: &'static str| Names { phone: Some(phone.into()), ..Names::default() };
        assert_eq!(name(phone("155529")).as_deref(), Some("29"));
        assert_eq!(name(phone("+15550")).as_deref(), Some("0"));
        assert_eq!(name(phone("US.5")).as_deref(), Some("5"), "the first of several");
        assert_eq!(name(Names { user_id: Some("US.3".into()), ..phone("155529") }).as_deref(), Some("3"), "the first of either");
        assert!(name(phone("1555")).is_none() && name(Names::default()).is_none());
    }
}
