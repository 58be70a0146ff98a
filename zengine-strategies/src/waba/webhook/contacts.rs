//! Contact cards.

use zengine_connector::message::{ContactCard, ContactName, Contacts, LabelledValue, Organization, PostalAddress};

use crate::waba::json::{self, Obj};

/// The cards of a message; `None` if there is no list of them.
pub(super) fn read(message: &Obj<'_>) -> Option<Contacts> {
    let cards = json::items(message.get("contacts")?)?;
    let mut contacts = Contacts::new(cards.filter_map(Obj::read).map(|card| self::card(&card)).collect());
    // Newer webhooks say it in each card, older ones once.
    contacts.origin = message.owned("origin").or_else(|| contacts.contacts.iter().find_map(|card| card.origin.clone()));
    Some(contacts)
}

fn card(obj: &Obj<'_>) -> ContactCard {
    let mut card = ContactCard::default();
    card.name = name(&obj.obj("name").unwrap_or_else(Obj::empty));
    card.phones = values(obj, "phones", "phone");
    card.emails = values(obj, "emails", "email");
    card.urls = values(obj, "urls", "url");
    card.addresses = obj.items("addresses").filter_map(Obj::read).map(|item| address(&item)).collect();
    card.org = obj.obj("org").map(|org| {
        let mut organization = Organization::default();
        organization.company = org.owned("company");
        organization.department = org.owned("department");
        organization.title = org.owned("title");
        organization
    });
    card.birthday = obj.owned("birthday");
    card.vcard = obj.owned("vcard");
    card.name.formatted_name = card.display_name().unwrap_or_default();
    card.origin = obj.owned("origin");
    card
}

fn name(obj: &Obj<'_>) -> ContactName {
    let mut name = ContactName::default();
    name.formatted_name = obj.owned("formatted_name").unwrap_or_default();
    name.first_name = obj.owned("first_name");
    name.last_name = obj.owned("last_name");
    name.middle_name = obj.owned("middle_name");
    name.prefix = obj.owned("prefix");
    name.suffix = obj.owned("suffix");
    name
}

/// A phone may have only its WhatsApp id.
fn values(card: &Obj<'_>, list: &str, key: &str) -> Vec<LabelledValue> {
    let read = |item: Obj<'_>| {
        let wa_id = item.owned("wa_id");
        let mut value = LabelledValue::new(item.owned(key).or_else(|| wa_id.clone())?);
        value.label = item.owned("type");
        value.wa_id = wa_id;
        Some(value)
    };
    card.items(list).filter_map(Obj::read).filter_map(read).collect()
}

fn address(obj: &Obj<'_>) -> PostalAddress {
    let mut address = PostalAddress::default();
    address.street = obj.owned("street");
    address.city = obj.owned("city");
    address.state = obj.owned("state");
    address.zip = obj.owned("zip");
    address.country = obj.owned("country");
    address.country_code = obj.owned("country_code");
    address.label = obj.owned("type");
    address
}
