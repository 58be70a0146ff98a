//! What may happen to a call on its way.

use std::time::Duration;

use bytes::Bytes;

/// One trouble of a call. Whether the provider acted on the request is part of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum WireFault {
    /// No connection: nothing left.
    Refused,
    /// Connecting took too long: nothing left.
    ConnectTimeout,
    /// The connection broke after the request had left; the provider did not act.
    Reset,
    /// The provider acted, then the connection broke.
    ResetAfterAccepting,
    /// The request left and no answer comes.
    Hang,
    /// The provider acted and no answer comes.
    HangAfterAccepting,
    /// The provider acted and answered 200; the body was cut.
    CutBody,
    /// The provider acted; its answer is larger than the client allows.
    TooLarge,
    /// The provider acts and answers after this time.
    Slow(Duration),
    /// The provider acted; its answer of success has another body and type: garbage, a page for people, nothing.
    Scrambled(&'static str, Bytes),
    /// The provider does not act and gives this answer.
    Answer(http::Response<Bytes>),
}

impl WireFault {
    /// Bytes that are no text.
    pub fn garbage() -> Self {
        Self::Scrambled("application/json", Bytes::from_static(b"\x00\xff\xfe{canary-garbage"))
    }

    /// A page that a proxy may answer with.
    pub fn html() -> Self {
        Self::Scrambled("text/html", Bytes::from_static(b"<html><body>canary-page</body></html>"))
    }

    /// JSON that breaks off.
    pub fn half_json() -> Self {
        Self::Scrambled("application/json", Bytes::from_static(b"{\"canary-half\":[{\"id\":"))
    }

    /// Nothing.
    pub fn empty() -> Self {
        Self::Scrambled("application/json", Bytes::new())
    }

    /// JSON of no use.
    pub fn empty_object() -> Self {
        Self::Scrambled("application/json", Bytes::from_static(b"{}"))
    }

    /// JSON of no use.
    pub fn null() -> Self {
        Self::Scrambled("application/json", Bytes::from_static(b"null"))
    }

    /// The fault in words.
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
            Self::Answer(response) => format!("answer {}", response.status().as_u16()),
        }
    }

    /// Whether the request leaves this machine.
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
