//! The reason why a request is refused.

use crate::{error::Error, http::PairError};

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
        self.answer().0
    }

    /// The reason, in words for a log.
    pub fn reason(&self) -> &'static str {
        self.answer().1
    }

    fn answer(&self) -> (http::StatusCode, &'static str) {
        use http::StatusCode as S;
        match self {
            Self::Unauthenticated | Self::Challenge(_) => (S::UNAUTHORIZED, "not authenticated"),
            Self::Forbidden => (S::FORBIDDEN, "forbidden"),
            Self::NotFound => (S::NOT_FOUND, "not found"),
            Self::MethodNotAllowed => (S::METHOD_NOT_ALLOWED, "method not allowed"),
            Self::Malformed(why) => (S::BAD_REQUEST, why),
            Self::TooLarge => (S::PAYLOAD_TOO_LARGE, "too large"),
            Self::Unavailable(_) => (S::SERVICE_UNAVAILABLE, "service unavailable"),
        }
    }
}

impl From<PairError> for VerifyError {
    fn from(error: PairError) -> Self {
        Self::Malformed(error.reason())
    }
}

display!(VerifyError, |it| it.reason());

impl std::error::Error for VerifyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unavailable(error) => Some(error),
            _ => None,
        }
    }
}
