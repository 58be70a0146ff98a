//! The reason why a request is refused.

use std::fmt;

use crate::error::Error;

/// The reason why a request is refused. The answer never holds the expected value.
#[derive(Debug)]
#[non_exhaustive]
pub enum VerifyError {
    /// 401: no credentials, or wrong ones.
    Unauthenticated,
    /// 401 with a `WWW-Authenticate` header of this scheme.
    Challenge(&'static str),
    /// 403: known, but not allowed.
    Forbidden,
    /// 404: not found.
    NotFound,
    /// 405: method not allowed.
    MethodNotAllowed,
    /// 400: cannot be read, with the reason.
    Malformed(&'static str),
    /// 413: larger than allowed.
    TooLarge,
    /// 503: service unavailable, the request could not be checked.
    Unavailable(Error),
}

impl VerifyError {
    /// The HTTP status of the answer.
    pub fn status(&self) -> http::StatusCode {
        match self {
            Self::Unauthenticated | Self::Challenge(_) => http::StatusCode::UNAUTHORIZED,
            Self::Forbidden => http::StatusCode::FORBIDDEN,
            Self::NotFound => http::StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => http::StatusCode::METHOD_NOT_ALLOWED,
            Self::Malformed(_) => http::StatusCode::BAD_REQUEST,
            Self::TooLarge => http::StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unavailable(_) => http::StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The reason, in words for a log.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unauthenticated | Self::Challenge(_) => "not authenticated",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not found",
            Self::MethodNotAllowed => "method not allowed",
            Self::Malformed(why) => why,
            Self::TooLarge => "too large",
            Self::Unavailable(_) => "service unavailable",
        }
    }
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl std::error::Error for VerifyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unavailable(error) => Some(error),
            _ => None,
        }
    }
}
