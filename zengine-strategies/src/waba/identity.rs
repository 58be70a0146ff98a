//! People as a webhook names them: phone digits, business-scoped ids, a username, in `contacts` or beside a message.

use std::borrow::Cow;

use zengine_connector::{Identity, IdentityKind, Party};

use super::json::{Obj, Raw};

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
    /// `None` where the element is not an object.
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
}

/// How an element names a person.
#[derive(Default)]
pub(crate) struct Names<'a> {
    /// Phone digits; sometimes a business-scoped id stands in their place.
    pub(crate) phone: Option<Cow<'a, str>>,
    /// The business-scoped id.
    pub(crate) user_id: Option<Cow<'a, str>>,
    /// The id across linked portfolios.
    pub(crate) parent_user_id: Option<Cow<'a, str>>,
    /// The digest of the person's identity key, where the number has the identity check on.
    pub(crate) key_hash: Option<Cow<'a, str>>,
}

impl<'a> Names<'a> {
    /// Whether nobody is named.
    pub(crate) fn is_empty(&self) -> bool {
        self.phone.is_none() && self.user_id.is_none() && self.parent_user_id.is_none()
    }

    /// The contact that is the same person: by id, never by position. An element that stands alone and names nobody is
    /// the only contact's.
    pub(crate) fn contact<'c>(&self, contacts: &'c [Contact<'a>], alone: bool) -> Option<&'c Contact<'a>> {
        if self.is_empty() {
            return if alone && contacts.len() == 1 { contacts.first() } else { None };
        }
        let same = |a: &Option<Cow<'_, str>>, b: &Option<Cow<'_, str>>| match (a, b) {
            (Some(a), Some(b)) => a.trim_start_matches('+') == b.trim_start_matches('+'),
            _ => false,
        };
        contacts.iter().find(|contact| {
            same(&contact.user_id, &self.user_id) || same(&contact.wa_id, &self.phone) || same(&contact.user_id, &self.phone)
        })
    }

    /// The person, with what the contact adds.
    pub(crate) fn party(&self, contact: Option<&Contact<'_>>) -> Party {
        let mut party = Party::of_all(self.identities(contact));
        party.name = contact.and_then(|contact| contact.name.as_deref()).map(str::to_owned);
        party
    }

    /// The person's names: the number first, because that is where an answer goes.
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

/// A number as a webhook spells it, digits without `+`; a business-scoped id where one stands in its place.
pub(crate) fn address(text: &str) -> Option<Identity> {
    if is_number(text) {
        let digits = text.trim_start_matches('+');
        return Identity::phone(&format!("+{digits}")).or_else(|_| Identity::new(IdentityKind::WaId, digits)).ok();
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

/// The digest of somebody's identity key, which a send can demand.
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
}
