//! Contact cards.

use zengine_connector::message::{ContactCard, ContactName, Contacts, LabelledValue, Organization, PostalAddress};

use crate::waba::json::{Object, ValueRef};

/// The cards of a message; `None` if there is no list of them.
pub(super) fn read(message: &Object<'_>) -> Option<Contacts> {
    let cards = message.get("contacts")?.elements()?;
    let mut contacts = Contacts::new(cards.filter_map(ValueRef::object).map(|card| self::card(&card)).collect());
    // Newer webhooks say it in each card, older ones once.
    contacts.origin = message.owned_text("origin").or_else(|| contacts.contacts.iter().find_map(|card| card.origin.clone()));
    Some(contacts)
}

fn card(obj: &Object<'_>) -> ContactCard {
    let mut card = ContactCard::default();
    card.name = name(&obj.object("name").unwrap_or_default());
    card.phones = values(obj, "phones", "phone");
    card.emails = values(obj, "emails", "email");
    card.urls = values(obj, "urls", "url");
    card.addresses = obj.elements("addresses").filter_map(ValueRef::object).map(|item| address(&item)).collect();
    card.org = obj.object("org").map(|org| {
        let mut organization = Organization::default();
        members!(organization, org.owned_text: company, department, title);
        organization
    });
    members!(card, obj.owned_text: birthday, vcard, origin);
    card.name.formatted_name = card.display_name().unwrap_or_default();
    card
}

fn name(obj: &Object<'_>) -> ContactName {
    let mut name = ContactName::default();
    name.formatted_name = obj.owned_text("formatted_name").unwrap_or_default();
    members!(name, obj.owned_text: first_name, last_name, middle_name, prefix, suffix);
    name
}

/// A phone may have only its WhatsApp id.
fn values(card: &Object<'_>, list: &str, key: &str) -> Vec<LabelledValue> {
    let read = |item: Object<'_>| {
        let wa_id = item.owned_text("wa_id");
        let mut value = LabelledValue::new(item.owned_text(key).or_else(|| wa_id.clone())?);
        value.label = item.owned_text("type");
        value.wa_id = wa_id;
        Some(value)
    };
    card.elements(list).filter_map(ValueRef::object).filter_map(read).collect()
}

fn address(obj: &Object<'_>) -> PostalAddress {
    let mut address = PostalAddress::default();
    members!(address, obj.owned_text: street, city, state, zip, country, country_code);
    address.label = obj.owned_text("type");
    address
}
