//! Orders, and amounts of money.

use serde::{Deserialize, Serialize};

use crate::message::currency::minor_units;

masked!(Order, OrderItem);

/// An amount of money: minor units beside the provider's own text, because decimals do not survive as floats.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Money {
    /// The amount in the currency's smallest unit; absent if the provider's text does not fit it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minor: Option<i64>,
    /// The currency, ISO 4217; absent if the provider names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// The amount as the provider spells it.
    pub text: String,
}

impl Money {
    /// Reads a decimal amount in a currency.
    ///
    /// ```
    /// use zengine_connector::message::Money;
    ///
    /// assert_eq!(Money::parse("12.5", Some("USD")).minor, Some(1250));
    /// assert_eq!(Money::parse("12", Some("JPY")).minor, Some(12));
    /// assert_eq!(Money::parse("12.345", Some("USD")).minor, None); // not a whole number of cents
    /// ```
    pub fn parse(text: &str, currency: Option<&str>) -> Self {
        let minor = currency.and_then(|currency| minor_units(text, currency));
        Self { minor, currency: currency.map(str::to_owned), text: text.to_owned() }
    }
}

/// One position of an order.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct OrderItem {
    /// The seller's article number.
    pub sku: String,
    /// The quantity.
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
    /// The ordered items.
    #[serde(default)]
    pub items: Vec<OrderItem>,
    /// The buyer's text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}
