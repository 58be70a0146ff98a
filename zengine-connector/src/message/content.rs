//! What a message says, whichever way it goes.

use serde::{Deserialize, Serialize};

use super::{Interactive, Media, ProviderError, RawJson, Template};

super::masked!(
    Text,
    Location,
    Contacts,
    ContactCard,
    ContactName,
    LabelledValue,
    PostalAddress,
    Organization,
    InteractiveReply,
    Reaction,
    Order,
    OrderItem,
    FlowReply,
    System,
    Email,
    EmailAttachment
);

/// What a message says. In JSON the kind stands in `type`.
///
/// ```
/// use zengine_connector::Content;
///
/// let content: Content = serde_json::from_str(r#"{"type":"text","body":"Hello"}"#)?;
/// assert_eq!(content.kind(), "text");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Content {
    /// Words.
    Text(Text),
    /// A file.
    Media(Media),
    /// A place.
    Location(Location),
    /// Contact cards.
    Contacts(Contacts),
    /// Something to choose from or tap on.
    Interactive(Interactive),
    /// What somebody chose or tapped.
    InteractiveReply(InteractiveReply),
    /// A text the provider holds, with parameters.
    Template(Template),
    /// A reaction to a message, or its removal.
    Reaction(Reaction),
    /// An order from a catalogue.
    Order(Order),
    /// A form filled in.
    FlowReply(FlowReply),
    /// Something the provider says about the other side.
    System(System),
    /// An e-mail.
    Email(Email),
    /// Somebody types. Out: shown until the answer goes out.
    Typing {
        /// The inbound message that is being answered, where the channel wants it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<String>,
    },
    /// Out: marks a message as read.
    ReadMark {
        /// The inbound message.
        target: String,
    },
    /// The provider's own JSON, for what the model does not have. One channel only, unchecked.
    Native {
        /// The JSON.
        value: RawJson,
    },
    /// Several contents in one message.
    Compound {
        /// The parts, in order.
        parts: Vec<Content>,
    },
    /// The provider says that it cannot show us this message.
    Unsupported(Unsupported),
    /// A type we do not know; the event's raw JSON holds it.
    Unknown {
        /// The provider's word for the type.
        provider_type: String,
    },
}

impl Content {
    /// Plain text.
    pub fn text(body: impl Into<String>) -> Self {
        Self::Text(Text::new(body))
    }

    /// The kind, as it stands in `type`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Media(_) => "media",
            Self::Location(_) => "location",
            Self::Contacts(_) => "contacts",
            Self::Interactive(_) => "interactive",
            Self::InteractiveReply(_) => "interactive_reply",
            Self::Template(_) => "template",
            Self::Reaction(_) => "reaction",
            Self::Order(_) => "order",
            Self::FlowReply(_) => "flow_reply",
            Self::System(_) => "system",
            Self::Email(_) => "email",
            Self::Typing { .. } => "typing",
            Self::ReadMark { .. } => "read_mark",
            Self::Native { .. } => "native",
            Self::Compound { .. } => "compound",
            Self::Unsupported(_) => "unsupported",
            Self::Unknown { .. } => "unknown",
        }
    }
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Content({})", self.kind())
    }
}

/// How a text is marked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TextFormat {
    /// Not at all.
    #[default]
    Plain,
    /// Markdown.
    Markdown,
    /// HTML.
    Html,
}

impl TextFormat {
    #[allow(clippy::trivially_copy_pass_by_ref)] // serde asks with a reference to the field
    fn is_plain(&self) -> bool {
        *self == Self::Plain
    }
}

/// Words.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Text {
    /// The words.
    pub body: String,
    /// How they are marked up.
    #[serde(default, skip_serializing_if = "TextFormat::is_plain")]
    pub format: TextFormat,
    /// Whether the channel shows a preview of the first link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview_url: Option<bool>,
}

impl Text {
    /// Plain text.
    pub fn new(body: impl Into<String>) -> Self {
        Self { body: body.into(), format: TextFormat::Plain, preview_url: None }
    }
}

/// A place on a map.
#[derive(Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Location {
    /// Degrees north, −90 to 90.
    pub latitude: f64,
    /// Degrees east, −180 to 180.
    pub longitude: f64,
    /// How exact it is, in metres.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy_m: Option<f64>,
    /// The place's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The place's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// A page about the place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl Location {
    /// A place in degrees.
    pub fn new(latitude: f64, longitude: f64) -> Self {
        Self { latitude, longitude, accuracy_m: None, name: None, address: None, url: None }
    }
}

/// Contact cards.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Contacts {
    /// The cards.
    pub contacts: Vec<ContactCard>,
    /// Why they were sent, in the provider's word (`contact_request`: asked for).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
}

impl Contacts {
    /// Cards nobody asked for.
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
    /// Where the person works.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub org: Option<Organization>,
    /// `YYYY-MM-DD`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub birthday: Option<String>,
    /// The card as the provider sent it, in vCard format.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vcard: Option<String>,
    /// Why the card was sent, in the provider's word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
}

impl ContactCard {
    /// A card with a name only.
    pub fn named(formatted_name: impl Into<String>) -> Self {
        Self { name: ContactName { formatted_name: formatted_name.into(), ..ContactName::default() }, ..Self::default() }
    }
}

/// A name in parts.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
#[non_exhaustive]
pub struct ContactName {
    /// The whole name as it is shown.
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
    /// What stands before the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// What stands after the name.
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

/// Where somebody works.
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

/// Where an [`InteractiveReply`] came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ReplySource {
    /// A reply button of a message.
    Button,
    /// A row of a list.
    List,
    /// A quick-reply button of a template.
    Quick,
    /// A form.
    Flow,
}

/// What somebody chose or tapped.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct InteractiveReply {
    /// The id that the sender gave the choice.
    pub id: String,
    /// The label the person saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The description the person saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What was tapped.
    pub source: ReplySource,
}

impl InteractiveReply {
    /// A choice by its id.
    pub fn new(id: impl Into<String>, source: ReplySource) -> Self {
        Self { id: id.into(), title: None, description: None, source }
    }

    /// Adds the label the person saw.
    #[must_use = "returns the reply with the title"]
    pub fn with_title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }
}

/// A reaction to a message.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Reaction {
    /// The message reacted to.
    pub target: String,
    /// The emoji; absent: the reaction was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emoji: Option<String>,
}

impl Reaction {
    /// A reaction, or its removal where `emoji` is `None`.
    pub fn new(target: impl Into<String>, emoji: Option<String>) -> Self {
        Self { target: target.into(), emoji }
    }
}

/// An amount of money: minor units beside the provider's own text, because decimals do not survive as floats.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Money {
    /// In the currency's smallest unit; absent where the provider's text does not fit it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minor: Option<i64>,
    /// ISO 4217; absent where the provider names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// The amount as the provider spells it.
    pub text: String,
}

impl Money {
    /// Reads a decimal amount in a currency.
    ///
    /// ```
    /// use zengine_connector::Money;
    ///
    /// assert_eq!(Money::parse("12.5", Some("USD")).minor, Some(1250));
    /// assert_eq!(Money::parse("12", Some("JPY")).minor, Some(12));
    /// assert_eq!(Money::parse("12.345", Some("USD")).minor, None); // not a whole number of cents
    /// ```
    pub fn parse(text: &str, currency: Option<&str>) -> Self {
        let minor = currency.and_then(|currency| minor_units(text, decimals(currency)));
        Self { minor, currency: currency.map(str::to_owned), text: text.to_owned() }
    }
}

/// Decimal places of a currency (ISO 4217, the exceptions from two).
fn decimals(currency: &str) -> usize {
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

fn minor_units(text: &str, decimals: usize) -> Option<i64> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let fraction = fraction.trim_end_matches('0');
    if whole.is_empty() || fraction.len() > decimals || !(whole.bytes().chain(fraction.bytes())).all(|b| b.is_ascii_digit()) {
        return None;
    }
    let minor: i64 = format!("{whole}{fraction:0<decimals$}").parse().ok()?;
    Some(if negative { -minor } else { minor })
}

/// One position of an order.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct OrderItem {
    /// The seller's article number.
    pub sku: String,
    /// How many, as the provider spells it where it is not a whole number.
    pub quantity: u32,
    /// The price of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit_price: Option<Money>,
}

impl OrderItem {
    /// A position.
    pub fn new(sku: impl Into<String>, quantity: u32, unit_price: Option<Money>) -> Self {
        Self { sku: sku.into(), quantity, unit_price }
    }
}

/// An order from a catalogue.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Order {
    /// The catalogue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalog: Option<String>,
    /// What is ordered.
    #[serde(default)]
    pub items: Vec<OrderItem>,
    /// What the buyer wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// A form filled in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct FlowReply {
    /// Which form, in the provider's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The sender's own token for this form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The answers, where the provider's text is JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<RawJson>,
    /// The provider's text, always.
    pub text: String,
    /// What the person's own chat shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

impl FlowReply {
    /// A form's answers as the provider's text; read as JSON where it is JSON.
    pub fn new(name: Option<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        let data = RawJson::from_text(&text).ok();
        let token = data.as_ref().and_then(|data| {
            let value = data.parse::<serde_json::Value>().ok()?;
            value.get("flow_token").and_then(|token| token.as_str()).map(str::to_owned)
        });
        Self { name, token, data, text, body: None }
    }
}

/// Something the provider says about the other side.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct System {
    /// What happened, in the provider's word (`user_changed_number`).
    pub kind: String,
    /// The provider's sentence about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Names that are no longer right.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub previous: Vec<super::Identity>,
    /// Names that take their place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub current: Vec<super::Identity>,
}

impl System {
    /// A notice of a kind.
    pub fn new(kind: impl Into<String>) -> Self {
        Self { kind: kind.into(), body: None, previous: vec![], current: vec![] }
    }
}

/// An e-mail.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
#[non_exhaustive]
pub struct Email {
    /// The subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The plain text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The HTML.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// A template of the tenant, in place of subject, text and HTML.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// What the template is filled with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<RawJson>,
    /// Further recipients, open to all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cc: Vec<String>,
    /// Further recipients, hidden.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bcc: Vec<String>,
    /// Where answers go.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reply_to: Vec<String>,
    /// Files.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<EmailAttachment>,
}

/// A file in an e-mail.
#[derive(Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct EmailAttachment {
    /// The file.
    pub media: Media,
    /// Where the HTML names the file, the name it uses (`cid:`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_id: Option<String>,
}

/// A message the provider cannot pass on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Unsupported {
    /// What it was, in the provider's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_type: Option<String>,
    /// Why, in the provider's errors.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ProviderError>,
}

impl Unsupported {
    /// A message of a kind that cannot be passed on.
    pub fn new(provider_type: Option<String>, errors: Vec<ProviderError>) -> Self {
        Self { provider_type, errors }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_tagged_by_type_and_round_trips() {
        let json = r#"{"type":"compound","parts":[{"type":"text","body":"a"},{"type":"native","value":{"x":[1,2]}}]}"#;
        let content: Content = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&content).unwrap(), json);
    }

    #[test]
    fn debug_never_shows_what_was_said() {
        let content = Content::text("canary");
        assert!(!format!("{content:?}").contains("canary"));
    }

    #[test]
    fn a_form_answer_is_kept_even_where_it_is_not_json() {
        let reply = FlowReply::new(None, "not json");
        assert_eq!((reply.data, reply.text.as_str()), (None, "not json"));
        assert_eq!(FlowReply::new(None, r#"{"flow_token":"t"}"#).token.as_deref(), Some("t"));
    }
}
