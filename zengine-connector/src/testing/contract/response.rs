//! Responses of the provider, and rows of its error table.

use std::{fmt, time::Duration};

use bytes::Bytes;
use serde_json::Value;

use crate::error::{ErrorKind, Reach};

/// A response with a JSON body.
///
/// ```
/// let response = zengine_connector::testing::contract::json(200, &serde_json::json!({ "id": "m-1" }));
/// assert_eq!(response.status(), 200);
/// ```
///
/// # Panics
/// Panics if the status is not from 100 to 999.
pub fn json(status: u16, body: &Value) -> http::Response<Bytes> {
    let response = http::Response::builder().status(status).header("content-type", "application/json");
    response.body(body.to_string().into()).expect("a status from 100 to 999")
}

/// A response with a plain-text body.
///
/// # Panics
/// Panics if the status is not from 100 to 999.
pub fn text(status: u16, body: impl Into<Bytes>) -> http::Response<Bytes> {
    http::Response::builder().status(status).header("content-type", "text/plain").body(body.into()).expect("a status from 100 to 999")
}

/// One row of the provider's error table: a response to the request that sends, and the error the attempt must end in.
#[derive(Clone)]
#[must_use = "pass it to Outbound::error_table"]
pub struct ErrorRow {
    pub(crate) response: http::Response<Bytes>,
    pub(crate) kind: ErrorKind,
    pub(crate) reach: Reach,
    pub(crate) code: Option<String>,
    pub(crate) retry_after: Option<Duration>,
}

impl ErrorRow {
    /// Creates a row: this response is an error of this kind and reach. The fault follows from the kind.
    pub fn new(response: http::Response<Bytes>, kind: ErrorKind, reach: Reach) -> Self {
        Self { response, kind, reach, code: None, retry_after: None }
    }

    /// Also expects this provider code.
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// Adds a header to the response.
    ///
    /// # Panics
    /// Panics if the value is not a header value.
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.response.headers_mut().insert(name, value.parse().expect("a header value"));
        self
    }

    /// Also expects this time to retry after.
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }
}

impl fmt::Debug for ErrorRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErrorRow")
            .field("status", &self.response.status().as_u16())
            .field("kind", &self.kind)
            .field("reach", &self.reach)
            .field("code", &self.code)
            .field("retry_after", &self.retry_after)
            .finish_non_exhaustive()
    }
}
