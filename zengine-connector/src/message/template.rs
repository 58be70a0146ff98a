//! Templates held by the provider, with typed parameters.

use serde::{Deserialize, Serialize};

use super::{Location, Media, RawJson};

masked!(Template, TemplateComponent, TemplateCard, TemplateParameter);

/// A template held by the provider.
#[derive(Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Template {
    /// The template's name.
    pub name: String,
    /// Language code, as the provider spells it (`en_US`).
    pub language: String,
    /// The namespace, if the provider has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The template's parameters, by part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<TemplateComponent>,
}

impl Template {
    /// A template without parameters.
    ///
    /// ```
    /// use zengine_connector::{Content, Identity, OutboundMessage, message::Template};
    ///
    /// let template = Template::new("order_shipped", "en_US").with_body(["Ada", "order 17"]);
    /// let message = OutboundMessage::new(Identity::phone("+15551230001")?, Content::Template(template));
    /// # let _ = message;
    /// # Ok::<(), zengine_connector::Error>(())
    /// ```
    pub fn new(name: impl Into<String>, language: impl Into<String>) -> Self {
        Self { name: name.into(), language: language.into(), namespace: None, components: vec![] }
    }

    /// Adds the parameters of one part.
    #[must_use = "returns the template with the component"]
    pub fn with(mut self, component: TemplateComponent) -> Self {
        self.components.push(component);
        self
    }

    /// Adds the body's parameters as texts, in order.
    #[must_use = "returns the template with the body"]
    pub fn with_body<T: Into<String>>(self, texts: impl IntoIterator<Item = T>) -> Self {
        let parameters = texts.into_iter().map(|text| TemplateParameter::Text { text: text.into(), name: None }).collect();
        self.with(TemplateComponent::Body { parameters })
    }
}

/// The parameters of one part of a template.
#[derive(Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum TemplateComponent {
    /// The header above the text.
    Header {
        /// The parameters.
        parameters: Vec<TemplateParameter>,
    },
    /// The text.
    Body {
        /// The parameters.
        parameters: Vec<TemplateParameter>,
    },
    /// A button.
    Button {
        /// The kind of button, in the provider's word (`quick_reply`, `url`, `copy_code`, `flow`, `catalog`, …).
        sub_type: String,
        /// The button's index, from 0.
        index: u32,
        /// The parameters.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        parameters: Vec<TemplateParameter>,
    },
    /// The end of a limited offer.
    LimitedTimeOffer {
        /// The end, in milliseconds UTC.
        expires_at_ms: i64,
    },
    /// Cards side by side.
    Carousel {
        /// The cards.
        cards: Vec<TemplateCard>,
    },
    /// The target of a tap on the message.
    TapTarget {
        /// The address.
        url: String,
        /// The title.
        title: String,
    },
}

/// One card of a template.
#[derive(Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TemplateCard {
    /// The card's index, from 0.
    pub card_index: u32,
    /// The card's parameters, by part.
    pub components: Vec<TemplateComponent>,
}

/// One parameter.
#[derive(Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum TemplateParameter {
    /// Text.
    Text {
        /// The text.
        text: String,
        /// The parameter's name, if the template names its parameters.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// An amount of money.
    Currency {
        /// The text shown if the device cannot format it.
        fallback: String,
        /// The currency, ISO 4217.
        code: String,
        /// The amount times 1000.
        amount_1000: i64,
        /// The parameter's name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// A date or time.
    DateTime {
        /// The text shown.
        fallback: String,
        /// The parameter's name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// A picture, film or document.
    Media {
        /// The file.
        media: Media,
    },
    /// An animated picture.
    Gif {
        /// The file.
        media: Media,
    },
    /// A place.
    Location {
        /// The place.
        location: Location,
    },
    /// A product.
    Product {
        /// The catalogue.
        catalog: String,
        /// The seller's article number.
        sku: String,
    },
    /// The end of a button's web address, with options.
    UrlSuffix {
        /// The text after the address that the template holds.
        text: String,
        /// Whether to show the amount due, if the address is a payment link.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        payment_link_preview: bool,
    },
    /// The payload that a quick-reply button sends back.
    Payload {
        /// Returned when the button is tapped.
        payload: String,
    },
    /// A code to copy.
    CouponCode {
        /// The code.
        code: String,
    },
    /// The action of a button, in the provider's form.
    Action {
        /// The provider's JSON.
        action: RawJson,
    },
    /// The lifetime of a call button.
    TtlMinutes {
        /// The lifetime, in minutes.
        minutes: u32,
    },
    /// An invitation to a group.
    GroupId {
        /// The group.
        group_id: String,
    },
}
