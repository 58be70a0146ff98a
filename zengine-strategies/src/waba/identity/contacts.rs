//! The contacts of a change.

use super::names::{Contact, Names};
use super::spelling::spelled;
use crate::waba::json::ValueRef;

/// The contacts of a change, found by id and never by position.
pub(crate) struct Contacts<'a> {
    all: Vec<Contact<'a>>,
    /// Places in the order of the ids of each [`Kind`], if there are more than `FEW` contacts.
    by_id: [Vec<usize>; 3],
}

/// The id by which a contact is looked up.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    User,
    Parent,
}

impl<'a> Contacts<'a> {
    /// Maximum number of contacts that are searched one by one.
    const FEW: usize = 8;

    pub(crate) fn read(elements: impl Iterator<Item = ValueRef<'a>>) -> Self {
        let all: Vec<_> = elements.filter_map(Contact::read).collect();
        let order = |kind| {
            let mut places: Vec<_> = (0..all.len()).filter(|&place| id_of(&all[place], kind).is_some()).collect();
            places.sort_by_key(|&place| id_of(&all[place], kind));
            places
        };
        let by_id = [Kind::Number, Kind::User, Kind::Parent].map(|kind| if all.len() > Self::FEW { order(kind) } else { vec![] });
        Self { all, by_id }
    }

    /// The contact that is the same person; the first if there are several. A single element and the only contact are one
    /// person unless scoped ids contradict: Meta says that `from` and `wa_id` need not match.
    pub(crate) fn of(&self, names: &Names<'_>, alone: bool) -> Option<&Contact<'a>> {
        if let ([only], true) = (self.all.as_slice(), alone) {
            return Some(only).filter(|contact| !names.contradicts(&contact.names));
        }
        let wanted =
            [(Kind::User, &names.user_id), (Kind::Number, &names.phone), (Kind::User, &names.phone), (Kind::Parent, &names.parent_user_id)];
        let places = wanted.into_iter().filter_map(|(kind, id)| self.place(kind, spelled(id.as_deref()?)));
        places.min().and_then(|place| self.all.get(place))
    }

    /// The place of the first contact with an id.
    fn place(&self, kind: Kind, id: (&str, &str)) -> Option<usize> {
        if self.all.len() <= Self::FEW {
            return self.all.iter().position(|contact| id_of(contact, kind) == Some(id));
        }
        let places = &self.by_id[kind as usize];
        let at = places.partition_point(|&place| id_of(&self.all[place], kind) < Some(id));
        places.get(at).copied().filter(|&place| id_of(&self.all[place], kind) == Some(id))
    }
}

/// The id of a contact in a form in which all spellings are equal. A contact may have only the user id of the parent.
fn id_of<'c>(contact: &'c Contact<'_>, kind: Kind) -> Option<(&'c str, &'c str)> {
    let Names { phone, user_id, parent_user_id, .. } = &contact.names;
    let id = match kind {
        Kind::Number => phone,
        Kind::User if user_id.is_some() => user_id,
        Kind::User | Kind::Parent => parent_user_id,
    };
    id.as_deref().map(spelled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::waba::json::Document;

    #[test]
    fn among_many_contacts_the_same_one_is_found_as_among_few() {
        let contact = |n: usize| format!(r#"{{"wa_id":"+1555{n}","user_id":"US.{}","profile":{{"name":"{n}"}}}}"#, n % 7);
        let text = format!("[{}]", (0..30).map(contact).collect::<Vec<_>>().join(","));
        let document = Document::read(&text).unwrap();
        let many = Contacts::read(document.root().elements().unwrap());
        let name = |names: Names<'_>| many.of(&names, false).and_then(|contact| contact.name.clone());
        let phone = |phone: &'static str| Names { phone: Some(phone.into()), ..Names::default() };
        assert_eq!(name(phone("155529")).as_deref(), Some("29"));
        assert_eq!(name(phone("+15550")).as_deref(), Some("0"));
        assert_eq!(name(phone("US.5")).as_deref(), Some("5"), "the first of several");
        assert_eq!(name(Names { user_id: Some("US.3".into()), ..phone("155529") }).as_deref(), Some("3"), "the first of either");
        assert!(name(phone("1555")).is_none() && name(Names::default()).is_none());
    }
}
