//! What the host gives back to whoever delivered.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

use super::tally::Counts;
use crate::{
    error::Disposition,
    ids::TenantId,
    strategy::{Principal, VerifyError},
};

/// The end of one delivery: an HTTP response, and the same as an acknowledgement for a queue record.
#[derive(Debug)]
#[must_use = "whoever delivered waits for an answer"]
#[non_exhaustive]
pub struct Received {
    /// What to do with a queue record.
    pub ack: Ack,
    /// What to answer over HTTP.
    pub response: Response<Bytes>,
    /// Events that are stored, now or by an earlier delivery.
    pub accepted: usize,
    /// Events and elements that can never be handled; they are kept as dead letters.
    pub poisoned: usize,
    /// Events that must come again.
    pub unstored: usize,
    pub(super) reason: Option<&'static str>,
    pub(super) tenant: Option<TenantId>,
}

/// What to do with a queue record. Total by design.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ack {
    /// Everything is stored, or kept as a dead letter: remove the record.
    Done,
    /// Something must come again: keep the record.
    Redeliver,
    /// Nobody vouches for it, or it cannot be read: it will never be accepted.
    Refused,
}

impl Ack {
    /// The acknowledgement in snake case, as logs have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Redeliver => "redeliver",
            Self::Refused => "refused",
        }
    }
}

impl Received {
    pub(super) fn new(ack: Ack, response: Response<Bytes>, counts: Counts) -> Self {
        Self { ack, response, accepted: counts.accepted, poisoned: counts.poisoned, unstored: counts.unstored, reason: None, tenant: None }
    }

    /// An end without events, with a plain answer.
    pub(super) fn plain(ack: Ack, status: StatusCode, text: &'static str) -> Self {
        Self { reason: Some(text), ..Self::new(ack, plain(status, text), Counts::default()) }
    }

    /// The end of a request that `verify` refused. The body says why in a literal, never what would have been right.
    pub(super) fn refused(error: &VerifyError) -> Self {
        let ack = if matches!(error, VerifyError::Unavailable(_)) { Ack::Redeliver } else { Ack::Refused };
        let mut response = plain(error.status(), error.reason());
        match error {
            VerifyError::Challenge(scheme) => {
                // RFC 7617 demands a realm; other schemes allow one.
                let challenge = if scheme.contains(' ') { (*scheme).to_owned() } else { format!("{scheme} realm=\"inbound\"") };
                if let Ok(value) = HeaderValue::from_str(&challenge) {
                    response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
                }
            }
            VerifyError::Unavailable(cause) => {
                let seconds = match cause.disposition() {
                    Disposition::RetryAfter(time) => time.as_secs().max(1),
                    Disposition::Reject => 30,
                };
                response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
            }
            _ => {}
        }
        Self { reason: Some(error.reason()), ..Self::new(ack, response, Counts::default()) }
    }

    /// Notes who vouched for the request.
    pub(super) fn of(self, principal: &Principal) -> Self {
        match principal {
            Principal::Tenant(tenant) => Self { tenant: Some(tenant.clone()), ..self },
            Principal::Shared => self,
        }
    }
}

/// A response of one line of text.
pub(crate) fn plain(status: StatusCode, text: &'static str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(text.as_bytes()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
