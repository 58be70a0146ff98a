//! HTTP towards providers, as a port on the `http` crate's types.
//!
//! The port's errors say how far the request got ([`Reach`]), so that strategies do not have to guess it. The `reqwest`
//! feature provides a client; an application may provide its own. [`RequestBuilder`] builds what a strategy sends, [`read_json`]
//! reads what comes back, [`answer_error`] if it is a refusal, and [`pairs`] reads queries and forms.

mod encoding;
mod multipart;
mod original_uri;
mod peer;
mod request;
#[cfg(feature = "reqwest")]
mod reqwest;
mod retry_after;

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::error::{BoxError, ErrorKind, NeedsReach, Reach, Scope, SendError};

#[cfg(feature = "reqwest")]
pub use self::reqwest::{ReqwestClient, ReqwestClientBuilder};
pub use encoding::{PairError, Pairs, decode, encode, pairs};
pub use multipart::Multipart;
pub use original_uri::OriginalUri;
pub use peer::Peer;
pub use request::RequestBuilder;
pub use retry_after::{retry_after, retry_hint};

/// The options of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallOptions {
    /// Timeout of the whole exchange, from connecting to the last byte of the answer. Defaults to 10 seconds.
    pub timeout: Duration,
    /// Maximum size of the answer, in bytes; a larger one is an error, it is not cut. Defaults to 4 MiB.
    pub max_response_bytes: usize,
    /// Maximum redirects that a read (GET, HEAD) follows, each only within its own scheme, host and port. Defaults to 0. Every
    /// other redirect is returned as the answer: strategies check the host and call again.
    pub redirects: usize,
}

impl CallOptions {
    /// Ten seconds, 4 MiB, no redirects.
    pub const DEFAULT: Self = Self { timeout: Duration::from_secs(10), max_response_bytes: 4 << 20, redirects: 0 };

    setters! {
        const:
        /// The same with another timeout.
        with_timeout(timeout: Duration) => timeout = timeout;
        /// The same with another number of redirects.
        with_redirects(redirects: usize) => redirects = redirects;
        /// The same with another limit of the answer, in bytes.
        with_max_response_bytes(limit: usize) => max_response_bytes = limit;
    }
}

/// Sends requests. One client serves all tenants.
#[async_trait]
pub trait HttpClient: Send + Sync + fmt::Debug + 'static {
    /// Sends one request and reads the whole answer, whatever its status.
    ///
    /// # Errors
    /// [`HttpError`] if no whole answer arrives; it says how far the request got.
    async fn call(&self, request: http::Request<Bytes>, options: CallOptions) -> Result<http::Response<Bytes>, HttpError>;
}

/// The error of a call without a whole answer: the cause, and how far the request got. Never holds the URL, a header or a body.
#[derive(Debug)]
#[non_exhaustive]
pub struct HttpError {
    /// How far the request got: `NotSent` until the first byte of it went out, then `Maybe`.
    pub reach: Reach,
    /// The cause.
    pub cause: HttpCause,
    /// The client's own error, without the URL.
    pub source: Option<BoxError>,
}

/// The cause of a call without a whole answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HttpCause {
    /// No connection: name, route, refusal, TLS.
    Connect,
    /// The timeout elapsed.
    Timeout,
    /// The connection broke.
    Broken,
    /// The answer was larger than allowed.
    TooLarge,
    /// The request could not be built.
    Request,
    /// The client runs on tokio, and the call was made outside a tokio runtime, or in one without timer or sockets. Also if the client
    /// panicked before anything was sent for another reason.
    NoRuntime,
}

impl HttpCause {
    /// The kind of an attempt's error, and the message.
    const fn facts(self) -> (ErrorKind, &'static str) {
        match self {
            Self::Connect => (ErrorKind::Unavailable, "no connection to the provider"),
            Self::Timeout => (ErrorKind::Timeout, "the provider did not answer in time"),
            Self::Broken => (ErrorKind::Unavailable, "the connection to the provider broke"),
            Self::TooLarge => (ErrorKind::Protocol, "the provider's answer is too large"),
            Self::Request => (ErrorKind::MessageInvalid, "the request cannot be built"),
            Self::NoRuntime => (
                ErrorKind::Settings,
                "no tokio runtime, or the client panicked before it sent: await the call inside a runtime that is built with enable_all()",
            ),
        }
    }
}

impl HttpError {
    /// An error of a cause with its reach.
    pub fn new(cause: HttpCause, reach: Reach) -> Self {
        Self { reach, cause, source: None }
    }

    setters! {
        /// Adds the client's own error. Its text must not hold the URL, a header or a body.
        with_source(source: impl Into<BoxError>) => source = Some(source.into());
    }

    /// Converts it into the error of an attempt.
    pub fn into_send_error(self) -> SendError {
        let (kind, message) = self.cause.facts();
        let error = SendError::of(kind, message);
        match self.source {
            Some(source) => error.source(source),
            None => error,
        }
        .reach(self.reach)
    }
}

impl From<HttpError> for SendError {
    fn from(error: HttpError) -> Self {
        error.into_send_error()
    }
}

display!(HttpError, |it| it.cause.facts().1);

impl std::error::Error for HttpError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| &**source as _)
    }
}

/// Reads the JSON of an answer. A byte order mark before it is skipped (RFC 8259, 8.1).
///
/// ```
/// let answer = http::Response::new("\u{feff}[1, 2]".into());
/// assert_eq!(zengine_connector::http::read_json::<Vec<u8>>(&answer)?, [1, 2]);
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// # Errors
/// If the body is not JSON of this type.
pub fn read_json<T: DeserializeOwned>(answer: &http::Response<Bytes>) -> serde_json::Result<T> {
    let body = answer.body();
    serde_json::from_slice(body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body))
}

/// The default error of an answer: that of its status, with the wait that the answer asks for ([`retry_hint`]). `None` for 2xx.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use zengine_connector::http::answer_error;
///
/// let answer = http::Response::builder().status(429).header("retry-after", "7").body(())?;
/// let (error, reach) = answer_error(&answer, SystemTime::now()).expect("it is refused");
/// assert_eq!(error.reach(reach).retry_after(), Some(Duration::from_secs(7)));
/// # Ok::<(), http::Error>(())
/// ```
pub fn answer_error<B>(answer: &http::Response<B>, now: SystemTime) -> Option<(NeedsReach, Reach)> {
    status_error(answer.status(), retry_hint(answer, now))
}

/// The default error of an HTTP status, if the provider's answer says nothing finer (rule 2). `None` for 2xx. The scope of a 429 is the
/// account.
///
/// ```
/// use zengine_connector::{Fault, Reach, http::status_error};
///
/// let error = status_error(http::StatusCode::TOO_MANY_REQUESTS, None).unwrap().1;
/// assert_eq!(error, Reach::NotSent);
/// ```
pub fn status_error(status: http::StatusCode, retry_after: Option<Duration>) -> Option<(NeedsReach, Reach)> {
    let (kind, message, reach) = match status.as_u16() {
        200..=299 => return None,
        429 => (ErrorKind::RateLimited, "the provider asks for less traffic", Reach::NotSent),
        503 if retry_after.is_some() => (ErrorKind::Unavailable, "the provider is not available", Reach::NotSent),
        401 => (ErrorKind::Unauthorized, "the provider refused the credentials", Reach::Processed),
        403 => (ErrorKind::Forbidden, "the provider refused the permission", Reach::Processed),
        408 => (ErrorKind::Timeout, "the provider gave up waiting", Reach::Maybe),
        400..=499 => (ErrorKind::InvalidContent, "the provider refused the request", Reach::Processed),
        500..=599 => (ErrorKind::Unavailable, "the provider failed", Reach::Maybe),
        _ => (ErrorKind::Protocol, "the provider answered with an unexpected status", Reach::Maybe),
    };
    let error = SendError::of(kind, message).context("http_status", status.as_u16());
    let error = if kind == ErrorKind::RateLimited { error.scope(Scope::Account) } else { error };
    Some((retry_after.into_iter().fold(error, NeedsReach::retry_after), reach))
}
