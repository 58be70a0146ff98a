//! A place on a map.

use serde::{Deserialize, Serialize};

masked!(Location);

/// A place on a map.
#[derive(Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Location {
    /// Degrees north, −90 to 90.
    pub latitude: f64,
    /// Degrees east, −180 to 180.
    pub longitude: f64,
    /// The accuracy, in metres.
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

    setters! {
        /// Sets the place's name.
        with_name(name: impl Into<String>) => name = Some(name.into());
        /// Sets the place's address.
        with_address(address: impl Into<String>) => address = Some(address.into());
    }
}
