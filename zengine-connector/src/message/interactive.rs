//! Something to choose from or tap on.

use serde::{Deserialize, Serialize};

use super::{Media, RawJson};

masked!(
    Header,
    Button,
    ListRow,
    ListSection,
    CtaUrl,
    ProductItem,
    ProductSection,
    Catalog,
    Flow,
    CallPermissionRequest,
    Carousel,
    CarouselCard
);

tagged! {
    /// Something to choose from or tap on. In JSON the kind is in `kind`.
    #[derive(Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
    #[serde(tag = "kind")]
    #[non_exhaustive]
    pub enum Interactive {
        /// Reply buttons.
        Buttons {
            /// The header above the text.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            header: Option<Header>,
            /// The text.
            body: String,
            /// The footer below the text.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            footer: Option<String>,
            /// The buttons.
            buttons: Vec<Button>,
        } = "buttons",
        /// A list of rows in sections.
        List {
            /// The header above the text.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            header: Option<Header>,
            /// The text.
            body: String,
            /// The footer below the text.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            footer: Option<String>,
            /// The label that opens the list.
            button: String,
            /// The rows.
            sections: Vec<ListSection>,
        } = "list",
        /// One button that opens a web address.
        CtaUrl(CtaUrl) = "cta_url",
        /// One product.
        Product {
            /// The text.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            body: Option<String>,
            /// The footer below the text.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            footer: Option<String>,
            /// The catalogue.
            catalog: String,
            /// The seller's article number.
            sku: String,
        } = "product",
        /// Several products.
        ProductList {
            /// The header above the text.
            header: Header,
            /// The text.
            body: String,
            /// The footer below the text.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            footer: Option<String>,
            /// The catalogue.
            catalog: String,
            /// The products.
            sections: Vec<ProductSection>,
        } = "product_list",
        /// The whole catalogue.
        Catalog(Catalog) = "catalog",
        /// A form.
        Flow(Flow) = "flow",
        /// Asks for the person's location.
        LocationRequest {
            /// The text.
            body: String,
        } = "location_request",
        /// Asks for a postal address.
        AddressRequest {
            /// The header above the text.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            header: Option<Header>,
            /// The text.
            body: String,
            /// The footer below the text.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            footer: Option<String>,
            /// Country, ISO 3166 two letters.
            country: String,
            /// Values, saved addresses and errors, in the provider's form.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            parameters: Option<RawJson>,
        } = "address_request",
        /// A button that starts a call.
        VoiceCall {
            /// The text.
            body: String,
            /// The button's label.
            label: String,
            /// How long the button works, in minutes.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            ttl_minutes: Option<u32>,
            /// Echoed when the call arrives.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            payload: Option<String>,
        } = "voice_call",
        /// Asks for permission to call.
        CallPermissionRequest(CallPermissionRequest) = "call_permission_request",
        /// Asks a person without a visible number for contact data.
        ContactInfoRequest {
            /// The text.
            body: String,
        } = "contact_info_request",
        /// Cards side by side.
        Carousel(Carousel) = "carousel",
        /// The bill of an order, in the provider's form.
        OrderDetails {
            /// The text.
            body: String,
            /// The provider's parameters.
            parameters: RawJson,
        } = "order_details",
        /// A status update of an order, in the provider's form.
        OrderStatus {
            /// The text.
            body: String,
            /// The provider's parameters.
            parameters: RawJson,
        } = "order_status",
    }
}

impl Interactive {
    /// A text with reply buttons.
    ///
    /// ```
    /// use zengine_connector::{Content, message::{Button, Interactive}};
    ///
    /// let ask = Content::Interactive(Interactive::buttons("Did it arrive?", [Button::new("yes", "Yes"), Button::new("no", "No")]));
    /// # let _ = ask;
    /// ```
    pub fn buttons(body: impl Into<String>, buttons: impl IntoIterator<Item = Button>) -> Self {
        Self::Buttons { header: None, body: body.into(), footer: None, buttons: buttons.into_iter().collect() }
    }

    /// A text with a list of rows, which `button` opens.
    pub fn list(body: impl Into<String>, button: impl Into<String>, rows: impl IntoIterator<Item = ListRow>) -> Self {
        let sections = vec![ListSection { title: None, rows: rows.into_iter().collect() }];
        Self::List { header: None, body: body.into(), footer: None, button: button.into(), sections }
    }

    /// A text with a button that opens a web address.
    pub fn cta_url(body: impl Into<String>, label: impl Into<String>, url: impl Into<String>) -> Self {
        let (body, label, url) = (body.into(), label.into(), url.into());
        Self::CtaUrl(CtaUrl { header: None, body, footer: None, label, url, payment_link_preview: false })
    }
}

/// The header above the text.
#[derive(Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Header {
    /// A line of text.
    Text {
        /// The line.
        text: String,
    },
    /// A picture, film or document.
    Media {
        /// The file.
        media: Media,
    },
}

/// A reply button.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Button {
    /// Returned when the button is tapped.
    pub id: String,
    /// The label.
    pub title: String,
}

impl Button {
    /// A button.
    pub fn new(id: impl Into<String>, title: impl Into<String>) -> Self {
        Self { id: id.into(), title: title.into() }
    }
}

/// Rows of a list under a title.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ListSection {
    /// The title; required if there are several sections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The rows.
    pub rows: Vec<ListRow>,
}

/// A row of a list.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ListRow {
    /// Returned when the row is chosen.
    pub id: String,
    /// The label.
    pub title: String,
    /// A second line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

impl ListRow {
    /// A row without a second line.
    pub fn new(id: impl Into<String>, title: impl Into<String>) -> Self {
        Self { id: id.into(), title: title.into(), description: None }
    }
}

/// One button that opens a web address.
#[derive(Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CtaUrl {
    /// The header above the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<Header>,
    /// The text.
    pub body: String,
    /// The footer below the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub footer: Option<String>,
    /// The button's label.
    pub label: String,
    /// The address.
    pub url: String,
    /// Whether to show the amount due, if the address is a payment link.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub payment_link_preview: bool,
}

/// Products under a title.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ProductSection {
    /// The title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The products.
    pub items: Vec<ProductItem>,
}

/// A product of a catalogue.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ProductItem {
    /// The seller's article number.
    pub sku: String,
}

/// The whole catalogue.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Catalog {
    /// The text.
    pub body: String,
    /// The footer below the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub footer: Option<String>,
    /// The product whose picture is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumbnail_sku: Option<String>,
}

/// A form.
#[derive(Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Flow {
    /// The header above the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<Header>,
    /// The text.
    pub body: String,
    /// The footer below the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub footer: Option<String>,
    /// The button's label.
    pub label: String,
    /// The form's id at the provider; this or `flow_name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow_id: Option<String>,
    /// The form's name at the provider; this or `flow_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow_name: Option<String>,
    /// Returned with the answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Whether to use the unpublished version.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub draft: bool,
    /// The first screen; absent if the form asks your endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub screen: Option<String>,
    /// The data of the first screen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<RawJson>,
}

/// Asks for permission to call.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CallPermissionRequest {
    /// The text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// Cards side by side.
#[derive(Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Carousel {
    /// The text above the cards.
    pub body: String,
    /// The cards.
    pub cards: Vec<CarouselCard>,
}

/// One card of a carousel.
#[derive(Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum CarouselCard {
    /// A picture or film with a button that opens a web address.
    Link {
        /// The picture or film.
        media: Media,
        /// The text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<String>,
        /// The button's label.
        label: String,
        /// The address.
        url: String,
    },
    /// A picture or film with reply buttons.
    Replies {
        /// The picture or film.
        media: Media,
        /// The text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<String>,
        /// The buttons.
        buttons: Vec<Button>,
    },
    /// A product.
    Product {
        /// The catalogue.
        catalog: String,
        /// The seller's article number.
        sku: String,
    },
}
