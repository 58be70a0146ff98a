//! Contact cards.

use serde::{Deserialize, Serialize};

masked!(Contacts, ContactCard, ContactName, LabelledValue, PostalAddress, Organization);

/// Contact cards.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Contacts {
    /// The cards.
    pub contacts: Vec<ContactCard>,
    /// The reason they were sent, in the provider's word (`contact_request`: asked for).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
}

impl Contacts {
    /// Cards without an origin.
    pub fn new(contacts: Vec<ContactCard>) -> Self {
        Self { contacts, origin: None }
    }
}

/// One contact card.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
#[non_exhaustive]
pub struct ContactCard {
    /// The name.
    pub name: ContactName,
    /// Phone numbers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub phones: Vec<LabelledValue>,
    /// E-mail addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub emails: Vec<LabelledValue>,
    /// Web addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<LabelledValue>,
    /// Postal addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<PostalAddress>,
    /// The person's employer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub org: Option<Organization>,
    /// The birthday, `YYYY-MM-DD`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub birthday: Option<String>,
    /// The card as the provider sent it, in vCard format.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vcard: Option<String>,
    /// The reason the card was sent, in the provider's word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
}

impl ContactCard {
    /// A card with a name only.
    pub fn named(formatted_name: impl Into<String>) -> Self {
        Self { name: ContactName { formatted_name: formatted_name.into(), ..ContactName::default() }, ..Self::default() }
    }

    /// Adds a phone number.
    #[must_use = "returns the changed value; the receiver is consumed"]
    pub fn with_phone(mut self, number: impl Into<String>) -> Self {
        self.phones.push(LabelledValue::new(number));
        self
    }

    /// The name to show: the whole name, else its parts, the `FN` of the vCard, the company or the first phone number. `None` if the
    /// card has none of them.
    ///
    /// ```
    /// # use zengine_connector::message::ContactCard;
    /// let mut card = ContactCard::default();
    /// assert_eq!(card.display_name(), None);
    /// (card.name.first_name, card.name.last_name) = (Some("Ana".to_owned()), Some("Lima".to_owned()));
    /// assert_eq!(card.display_name().as_deref(), Some("Ana Lima"));
    /// ```
    pub fn display_name(&self) -> Option<String> {
        let name = &self.name;
        let parts = [&name.prefix, &name.first_name, &name.middle_name, &name.last_name, &name.suffix];
        let parts: Vec<_> = parts.into_iter().flatten().map(String::as_str).collect();
        let whole = [name.formatted_name.clone(), parts.join(" "), self.vcard.as_deref().and_then(full_name).unwrap_or_default()];
        let org = self.org.as_ref().and_then(|org| org.company.clone());
        let phone = self.phones.first().map(|phone| phone.value.clone());
        whole.into_iter().chain(org).chain(phone).find(|name| !name.trim().is_empty())
    }
}

/// The `FN` of a vCard (RFC 6350), without its escapes. A folded line is cut at its first fold.
fn full_name(vcard: &str) -> Option<String> {
    let value = |line: &str| {
        let (name, value) = line.split_once(':')?;
        name.split(';').next()?.rsplit('.').next()?.eq_ignore_ascii_case("fn").then(|| value.trim().replace('\\', ""))
    };
    vcard.lines().find_map(value)
}

/// A name in parts.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
#[non_exhaustive]
pub struct ContactName {
    /// The whole name as it is shown; empty or absent if a card that arrived has none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub formatted_name: String,
    /// First name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    /// Last name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// Middle name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub middle_name: Option<String>,
    /// The part before the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// The part after the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suffix: Option<String>,
}

/// A phone number, address or page with a label such as `WORK`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct LabelledValue {
    /// The number, address or page.
    pub value: String,
    /// The label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// For a phone: its WhatsApp id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wa_id: Option<String>,
}

impl LabelledValue {
    /// A value without a label.
    pub fn new(value: impl Into<String>) -> Self {
        Self { value: value.into(), label: None, wa_id: None }
    }
}

/// A postal address.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
#[non_exhaustive]
pub struct PostalAddress {
    /// Street and number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub street: Option<String>,
    /// City.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// State or region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Postal code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zip: Option<String>,
    /// Country.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// Country, ISO 3166 two letters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country_code: Option<String>,
    /// A label such as `HOME`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// A person's employer.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
#[non_exhaustive]
pub struct Organization {
    /// The company.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
    /// The department.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub department: Option<String>,
    /// The position.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}
