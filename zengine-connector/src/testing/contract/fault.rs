//! Faults of a call to the provider.

use std::time::Duration;

use bytes::Bytes;

/// A fault of one call, including whether the provider acted on the request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum WireFault {
    /// No connection: no request left.
    Refused,
    /// Connecting timed out: no request left.
    ConnectTimeout,
    /// The connection broke after the request had left; the provider did not act.
    Reset,
    /// The provider acted, then the connection broke.
    ResetAfterAccepting,
    /// The request left and no response comes; the provider did not act.
    Hang,
    /// The provider acted and no response comes.
    HangAfterAccepting,
    /// The provider acted and answered 200; the body was cut.
    CutBody,
    /// The provider acted; its response is larger than the client allows.
    TooLarge,
    /// The provider acts and responds after this time.
    Slow(Duration),
    /// The provider acted; its success response has another content type and body, such as garbage, HTML or nothing.
    Scrambled(&'static str, Bytes),
    /// The provider does not act and gives this response.
    Response(http::Response<Bytes>),
}

impl WireFault {
    /// A success response with a body that is not text.
    pub fn garbage() -> Self {
        Self::Scrambled("application/json", Bytes::from_static(b"\x00\xff\xfe{canary-garbage"))
    }

    /// A success response with an HTML page, as from a proxy.
    pub fn html() -> Self {
        Self::Scrambled("text/html", Bytes::from_static(b"<html><body>canary-page</body></html>"))
    }

    /// A success response with truncated JSON.
    pub fn half_json() -> Self {
        Self::Scrambled("application/json", Bytes::from_static(b"{\"canary-half\":[{\"id\":"))
    }

    /// A success response with an empty body.
    pub fn empty() -> Self {
        Self::Scrambled("application/json", Bytes::new())
    }

    /// A success response with an empty JSON object.
    pub fn empty_object() -> Self {
        Self::Scrambled("application/json", Bytes::from_static(b"{}"))
    }

    /// A success response with JSON `null`.
    pub fn null() -> Self {
        Self::Scrambled("application/json", Bytes::from_static(b"null"))
    }

    /// A description for messages.
    pub fn name(&self) -> String {
        match self {
            Self::Refused => "refused connection".to_owned(),
            Self::ConnectTimeout => "connecting takes too long".to_owned(),
            Self::Reset => "reset".to_owned(),
            Self::ResetAfterAccepting => "reset after accepting".to_owned(),
            Self::Hang => "hang".to_owned(),
            Self::HangAfterAccepting => "hang after accepting".to_owned(),
            Self::CutBody => "cut body after 200".to_owned(),
            Self::TooLarge => "answer too large".to_owned(),
            Self::Slow(time) => format!("answer after {} ms", time.as_millis()),
            Self::Scrambled(kind, body) => format!("success with {} bytes of {kind}", body.len()),
            Self::Response(response) => format!("answer {}", response.status().as_u16()),
        }
    }

    /// Whether the request leaves this host.
    pub(crate) fn leaves(&self) -> bool {
        !matches!(self, Self::Refused | Self::ConnectTimeout)
    }

    /// Whether the provider acts on the request.
    pub(crate) fn acts(&self) -> bool {
        matches!(
            self,
            Self::ResetAfterAccepting | Self::HangAfterAccepting | Self::CutBody | Self::TooLarge | Self::Slow(_) | Self::Scrambled(..)
        )
    }
}
