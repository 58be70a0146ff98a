//! A text the provider holds, with typed parameters.

use serde::{Deserialize, Serialize};

use super::{Location, Media, RawJson};

super::masked!(Template, TemplateComponent, TemplateCard, TemplateParameter);

/// A text the provider holds.
#[derive(Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Template {
    /// The template's name.
    pub name: String,
    /// Language code, as the provider spells it (`en_US`).
    pub language: String,
    /// The namespace, where the provider has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// What fills the template's gaps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<TemplateComponent>,
}

impl Template {
    /// A template without gaps.
    pub fn new(name: impl Into<String>, language: impl Into<String>) -> Self {
        Self { name: name.into(), language: language.into(), namespace: None, components: vec![] }
    }

    /// Fills the gaps of one part.
    #[must_use = "returns the template with the component"]
    pub fn with(mut self, component: TemplateComponent) -> Self {
        self.components.push(component);
        self
    }

    /// Fills the body's gaps with texts, in order.
    #[must_use = "returns the template with the body"]
    pub fn with_body<T: Into<String>>(self, texts: impl IntoIterator<Item = T>) -> Self {
        let parameters = texts.into_iter().map(|text| TemplateParameter::Text { text: text.into(), name: None }).collect();
        self.with(TemplateComponent::Body { parameters })
    }
}

/// What fills the gaps of one part of a template.
#[derive(Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum TemplateComponent {
    /// What stands above the text.
    Header {
        /// The fillings.
        parameters: Vec<TemplateParameter>,
    },
    /// The text.
    Body {
        /// The fillings.
        parameters: Vec<TemplateParameter>,
    },
    /// A button.
    Button {
        /// The kind of button, in the provider's word (`quick_reply`, `url`, `copy_code`, `flow`, `catalog`, …).
        sub_type: String,
        /// Which button, from 0.
        index: u32,
        /// The fillings.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        parameters: Vec<TemplateParameter>,
    },
    /// The end of a limited offer.
    LimitedTimeOffer {
        /// In milliseconds UTC.
        expires_at_ms: i64,
    },
    /// Cards side by side.
    Carousel {
        /// The cards.
        cards: Vec<TemplateCard>,
    },
    /// Where a tap on the message leads.
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
    /// Which card, from 0.
    pub card_index: u32,
    /// What fills its gaps.
    pub components: Vec<TemplateComponent>,
}

/// One filling.
#[derive(Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum TemplateParameter {
    /// Words.
    Text {
        /// The words.
        text: String,
        /// The gap's name, where the template names its gaps.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// An amount of money.
    Currency {
        /// What is shown where the device cannot format it.
        fallback: String,
        /// ISO 4217.
        code: String,
        /// The amount times 1000.
        amount_1000: i64,
        /// The gap's name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// A date or time.
    DateTime {
        /// What is shown.
        fallback: String,
        /// The gap's name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// A picture, film or document.
    Media {
        /// The file.
        media: Media,
    },
    /// A moving picture.
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
    /// The end of a button's web address, where more is to be said of it than the words.
    UrlSuffix {
        /// What comes after the address that the template holds.
        text: String,
        /// Show what is to be paid, where the address is that of a payment.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        payment_link_preview: bool,
    },
    /// What a quick-reply button sends back.
    Payload {
        /// Comes back when the button is tapped.
        payload: String,
    },
    /// A code to copy.
    CouponCode {
        /// The code.
        code: String,
    },
    /// What a button does, in the provider's form.
    Action {
        /// The provider's JSON.
        action: RawJson,
    },
    /// How long a call button works.
    TtlMinutes {
        /// In minutes.
        minutes: u32,
    },
    /// An invitation to a group.
    GroupId {
        /// The group.
        group_id: String,
    },
}
