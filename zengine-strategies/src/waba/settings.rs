//! Settings that the providers have in common.

use http::Uri;
use serde::Deserialize;
use zengine_connector::message::{Capabilities, Unit};
use zengine_connector::{Error, ErrorKind, schemars};

use super::capabilities::{CAPABILITIES, CAPABILITIES_UTF16};

/// The unit in which text lengths are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(crate = "zengine_connector::schemars")]
#[non_exhaustive]
pub enum LengthUnit {
    /// Unicode characters.
    #[default]
    Chars,
    /// UTF-16 code units: an emoji counts twice. The stricter reading.
    Utf16,
}

impl LengthUnit {
    pub(crate) const fn unit(self) -> Unit {
        match self {
            Self::Chars => Unit::Chars,
            Self::Utf16 => Unit::Utf16,
        }
    }

    /// The channel's capabilities in this unit.
    pub(crate) const fn capabilities(self) -> &'static Capabilities {
        match self {
            Self::Chars => &CAPABILITIES,
            Self::Utf16 => &CAPABILITIES_UTF16,
        }
    }
}

/// An address of a provider without a slash at the end: https, or http on a loopback address.
pub(crate) fn checked_base_url(url: &str) -> Result<String, Error> {
    let url = url.trim_end_matches('/');
    let uri = url.parse::<Uri>().unwrap_or_default();
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let is_loopback = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    if uri.scheme_str() != Some("https") && (uri.scheme_str() != Some("http") || !is_loopback) {
        return Err(wrong_base_url("the base URL must be https, or http on a loopback address"));
    }
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) || uri.query().is_some() || url.contains('#') {
        return Err(wrong_base_url("the base URL must have no user, query or fragment"));
    }
    Ok(url.to_owned())
}

/// The error of an address that does not fit.
pub(crate) fn wrong_base_url(what: &'static str) -> Error {
    Error::new(ErrorKind::Settings, what).with_context("field", "/base_url")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_https_or_loopback() {
        for good in
            ["https://graph.facebook.com", "https://proxy.example.org/meta/", "http://127.0.0.1:80", "http://[::1]:9", "http://localhost:1"]
        {
            assert!(checked_base_url(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "graph.facebook.com",
            "http://graph.facebook.com",
            "http://10.0.0.1",
            "https://a@b.org",
            "https://x/?q=1",
            "ftp://localhost",
            "https://x/#f",
        ] {
            assert!(checked_base_url(bad).is_err(), "{bad}");
        }
    }
}
