//! The reason why a request is refused.

use serde::Serialize;

use crate::{error::Error, http::PairError};

words! {
    /// The fault in a request's credentials, for logs. The answer is the same for each: it must not help a forger.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
    #[non_exhaustive]
    pub enum CredentialFault {
        /// There are none: a sender that does not sign, or a proxy that removes the header.
        Missing = "missing",
        /// They have another form, encoding or length than they must have.
        Malformed = "malformed",
        /// They are of another secret, of another body, or of an unknown sender.
        Wrong = "wrong",
        /// Their time is outside the window: a replay, or a wrong clock.
        Stale = "stale",
    }
}

/// The reason why a request is refused. The answer never holds the expected value.
#[derive(Debug)]
#[non_exhaustive]
pub enum VerifyError {
    /// 401: no credentials, or wrong ones.
    Unauthenticated(CredentialFault),
    /// 401 with a `WWW-Authenticate` header of this scheme.
    Challenge(&'static str, CredentialFault),
    /// 403: known, but not allowed.
    Forbidden,
    /// 403: the token of a handshake is absent or wrong.
    Token(CredentialFault),
    /// 404: not found.
    NotFound,
    /// 405: method not allowed. Holds the methods that are, as the answer's header `Allow` lists them: `GET, POST`.
    MethodNotAllowed(&'static str),
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

    /// The fault in the credentials, for a log. `None` if the credentials are not the reason.
    pub fn credentials(&self) -> Option<CredentialFault> {
        match self {
            Self::Unauthenticated(fault) | Self::Challenge(_, fault) | Self::Token(fault) => Some(*fault),
            _ => None,
        }
    }

    fn answer(&self) -> (http::StatusCode, &'static str) {
        use http::StatusCode as S;
        match self {
            Self::Unauthenticated(_) | Self::Challenge(..) => (S::UNAUTHORIZED, "not authenticated"),
            Self::Forbidden | Self::Token(_) => (S::FORBIDDEN, "forbidden"),
            Self::NotFound => (S::NOT_FOUND, "not found"),
            Self::MethodNotAllowed(_) => (S::METHOD_NOT_ALLOWED, "method not allowed"),
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
