//! The cost of a message.

use serde::{Deserialize, Serialize};

use super::currency::{minor_units, plain_decimal};
use crate::error::{Error, ErrorKind};

/// The cost of a message, in the provider's terms.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
#[non_exhaustive]
pub struct Cost {
    /// The price category (`utility`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Whether it is charged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub billable: Option<bool>,
    /// The price model (`PMP`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The provider's type of charge (`regular`).
    #[serde(rename = "kind", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The amount in whole units of the currency, as decimal text in plain digits (`0.00645`): what a message costs is often less than
    /// the smallest unit. Set by [`of`](Self::of), never a float.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<String>,
    /// The amount in the currency's smallest unit; absent if it is not a whole number of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minor: Option<i64>,
    /// The currency, ISO 4217.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
}

impl Cost {
    /// An amount in a currency. `amount` is the provider's text of a decimal number: digits with at most one point, a minus in front, and
    /// where the provider writes an exponent (`6.45E-3`), that; it is kept in plain digits.
    ///
    /// ```
    /// use zengine_connector::message::Cost;
    ///
    /// let cost = Cost::of("0.00645", "USD")?;
    /// assert_eq!((cost.amount.as_deref(), cost.minor), (Some("0.00645"), None)); // less than a cent
    /// assert_eq!(Cost::of("1.50", "USD")?.minor, Some(150));
    /// assert_eq!(Cost::of("12", "JPY")?.minor, Some(12));
    /// # Ok::<(), zengine_connector::Error>(())
    /// ```
    ///
    /// # Errors
    /// `MessageInvalid` if the amount is no decimal number of up to 64 digits, or the currency is not three letters.
    pub fn of(amount: &str, currency: &str) -> Result<Self, Error> {
        let is_code = currency.len() == 3 && currency.bytes().all(|b| b.is_ascii_alphabetic());
        let Some(amount) = plain_decimal(amount).filter(|_| is_code) else {
            return Err(Error::new(ErrorKind::MessageInvalid, "a price is a decimal number and a currency of three letters"));
        };
        let currency = currency.to_ascii_uppercase();
        Ok(Self { minor: minor_units(&amount, &currency), amount: Some(amount), currency: Some(currency), ..Self::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_that_is_no_number_or_has_no_currency_is_refused_without_being_quoted() {
        for (amount, currency) in [("canary", "USD"), ("1", "canary"), ("1", ""), ("1e999", "USD"), ("1", "U5D")] {
            let error = Cost::of(amount, currency).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::MessageInvalid);
            assert!(!format!("{error} {error:?}").contains("canary"));
        }
    }

    #[test]
    fn an_amount_travels_as_text() {
        let cost = Cost::of("6.45E-3", "usd").unwrap();
        let json = serde_json::json!({ "amount": "0.00645", "currency": "USD" });
        assert_eq!(serde_json::to_value(&cost).unwrap(), json);
        assert_eq!(serde_json::from_value::<Cost>(json).unwrap(), cost);
    }
}
