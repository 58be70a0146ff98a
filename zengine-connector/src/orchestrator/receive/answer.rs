//! The answer to one delivery, and the adapter for HTTP servers.

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use serde::Serialize;

use super::progress::Counts;
use crate::{
    error::{Disposition, Error, ErrorKind},
    ids::{IntoId, StrategyName, TenantId},
    orchestrator::Orchestrator,
    strategy::{CredentialFault, InboundRequest, Principal, VerifyError},
};

/// The result of one delivery: an HTTP response, and the same as an acknowledgement for a queue record.
#[must_use = "the sender waits for the response"]
#[non_exhaustive]
pub struct Received {
    /// The acknowledgement for a queue record.
    pub ack: Ack,
    /// The HTTP response.
    pub response: Response<Bytes>,
    /// Number of events stored, by this or an earlier delivery.
    pub accepted: usize,
    /// Number of events and elements that can never be handled. They are stored as dead letters.
    pub poisoned: usize,
    /// Number of events that must be delivered again.
    pub unstored: usize,
    /// Of the accepted and the poisoned, those that an earlier delivery settled.
    pub duplicates: usize,
    pub(super) counts: Counts,
    pub(super) reason: Option<&'static str>,
    /// The body, if it is only the core's words.
    pub(super) words: Option<&'static str>,
    /// Whether the answer did not wait for the events, and has them delivered again.
    pub(super) late: bool,
    pub(super) credentials: Option<CredentialFault>,
    pub(super) tenant: Option<TenantId>,
}

// Without headers and body, which may hold what was said.
debug_fields!(Received {
    ack,
    status: |it| it.response.status(),
    body_bytes: |it| it.response.body().len(),
    accepted,
    poisoned,
    unstored,
    duplicates,
    reason,
    late,
    tenant,
});

words! {
    /// The acknowledgement for a queue record. Exhaustive by design.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
    pub enum Ack {
        /// All events are stored or are dead letters. Remove the record.
        Done = "done",
        /// At least one event must be delivered again. Keep the record.
        Redeliver = "redeliver",
        /// The request is not authenticated or not readable, and will never be accepted.
        Refused = "refused",
    }
}

impl Ack {
    /// The acknowledgement that a strategy's own response stands for.
    pub(super) fn of(response: &Response<Bytes>) -> Self {
        match response.status() {
            status if status.is_server_error() => Self::Redeliver,
            status if status.is_client_error() => Self::Refused,
            _ => Self::Done,
        }
    }
}

impl Received {
    /// A result without events.
    pub(super) fn new(ack: Ack, response: Response<Bytes>) -> Self {
        let counts = Counts::default();
        Self {
            ack,
            response,
            accepted: 0,
            poisoned: 0,
            unstored: 0,
            duplicates: 0,
            counts,
            reason: None,
            words: None,
            late: false,
            credentials: None,
            tenant: None,
        }
    }

    /// A result without events, with a plain text response.
    pub(super) fn plain(ack: Ack, status: StatusCode, text: &'static str) -> Self {
        Self { reason: Some(text), words: Some(text), ..Self::new(ack, plain(status, text)) }
    }

    /// The result after a panic: 500, so that the provider delivers again.
    pub(super) fn broken() -> Self {
        Self::plain(Ack::Redeliver, StatusCode::INTERNAL_SERVER_ERROR, "internal error")
    }

    /// The result for a request that `verify` refused. The body states the reason as a literal, never the expected value.
    pub(super) fn refused(error: &VerifyError) -> Self {
        let ack = if matches!(error, VerifyError::Unavailable(_)) { Ack::Redeliver } else { Ack::Refused };
        let mut refused = Self { credentials: error.credentials(), ..Self::plain(ack, error.status(), error.reason()) };
        let headers = refused.response.headers_mut();
        match error {
            VerifyError::Challenge(scheme, _) => {
                // RFC 7617 requires a realm; other schemes allow one.
                let challenge = if scheme.contains(' ') { (*scheme).to_owned() } else { format!("{scheme} realm=\"inbound\"") };
                if let Ok(value) = HeaderValue::from_str(&challenge) {
                    headers.insert(header::WWW_AUTHENTICATE, value);
                }
            }
            VerifyError::MethodNotAllowed(methods) => {
                if let Ok(methods) = HeaderValue::from_str(methods) {
                    headers.insert(header::ALLOW, methods);
                }
            }
            VerifyError::Unavailable(cause) => {
                let seconds = match cause.disposition() {
                    Disposition::RetryAfter(time) => time.as_secs().max(1),
                    Disposition::Reject => 30,
                };
                headers.insert(header::RETRY_AFTER, seconds.into());
            }
            _ => {}
        }
        refused
    }

    /// Adds the counts of the events.
    pub(super) fn with(self, counts: Counts) -> Self {
        Self { duplicates: counts.duplicates(), counts, ..self }
    }

    /// Sets the tenant that authenticated the request.
    pub(super) fn of(self, principal: &Principal) -> Self {
        Self { tenant: principal.tenant().cloned(), ..self }
    }
}

impl Orchestrator {
    /// [`receive`](Self::receive) for an HTTP server: takes its request and returns the response. Never fails. Answers 404 if
    /// the strategy is not registered or only sends, 503 after a temporary error and 500 after any other.
    ///
    /// The request's [path](crate::strategy::RequestHead::path) is the part below the place where you serve the strategy. If your router does not
    /// take the rest off, do it, and keep the whole address as [`OriginalUri`](crate::http::OriginalUri).
    pub async fn serve(&self, strategy: impl IntoId<StrategyName>, request: Request<Bytes>) -> Response<Bytes> {
        let received = self.receive_by(strategy.as_ref(), InboundRequest::http(request)).await;
        received.map_or_else(|error| refusal(&error), |received| received.response)
    }
}

/// The response in place of an error.
pub(super) fn refusal(error: &Error) -> Response<Bytes> {
    match error.kind() {
        ErrorKind::UnknownStrategy | ErrorKind::Unsupported => plain(StatusCode::NOT_FOUND, "not found"),
        _ if error.is_temporary() => plain(StatusCode::SERVICE_UNAVAILABLE, "service unavailable"),
        _ => plain(StatusCode::INTERNAL_SERVER_ERROR, "internal error"),
    }
}

/// A plain text response.
fn plain(status: StatusCode, text: &'static str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(text.as_bytes()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
