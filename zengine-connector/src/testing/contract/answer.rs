//! The provider's answers: how to write them, and what a strategy must make of them.

use std::{fmt, time::Duration};

use bytes::Bytes;
use serde_json::Value;

use crate::error::{ErrorKind, Reach};

/// An answer with a JSON body.
///
/// ```
/// let answer = zengine_connector::testing::contract::json(200, &serde_json::json!({ "id": "m-1" }));
/// assert_eq!(answer.status(), 200);
/// ```
///
/// # Panics
/// Where the status is none.
pub fn json(status: u16, body: &Value) -> http::Response<Bytes> {
    let response = http::Response::builder().status(status).header("content-type", "application/json");
    response.body(body.to_string().into()).expect("a status from 100 to 999")
}

/// An answer with a body that is plain text.
///
/// # Panics
/// Where the status is none.
pub fn text(status: u16, body: impl Into<Bytes>) -> http::Response<Bytes> {
    http::Response::builder().status(status).header("content-type", "text/plain").body(body.into()).expect("a status from 100 to 999")
}

/// One row of the provider's error table: an answer to the request that sends, and what the attempt must end in.
#[derive(Clone)]
#[must_use = "hand it to Outbound::answers"]
pub struct Answer {
    pub(crate) response: http::Response<Bytes>,
    pub(crate) kind: ErrorKind,
    pub(crate) reach: Reach,
    pub(crate) code: Option<String>,
    pub(crate) retry_after: Option<Duration>,
}

impl Answer {
    /// This answer means an error of this kind, and that the message got so far. The fault follows from the kind.
    pub fn new(response: http::Response<Bytes>, kind: ErrorKind, reach: Reach) -> Self {
        Self { response, kind, reach, code: None, retry_after: None }
    }

    /// The error also carries this code of the provider.
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// The answer has this header.
    ///
    /// # Panics
    /// Where it is no header.
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.response.headers_mut().insert(name, value.parse().expect("a header value"));
        self
    }

    /// The error also carries this hint when to come back.
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.response.status().as_u16())
            .field("kind", &self.kind)
            .field("reach", &self.reach)
            .field("code", &self.code)
            .field("retry_after", &self.retry_after)
            .finish_non_exhaustive()
    }
}
