//! The adapter for HTTP servers.

use bytes::Bytes;
use http::{Request, Response, StatusCode};

use super::{Orchestrator, receive::plain};
use crate::{
    error::{Error, ErrorKind},
    runtime::catch,
    strategy::InboundRequest,
};

impl Orchestrator {
    /// [`receive`](Self::receive) for an HTTP server: takes its request and returns the response. Never fails. Answers 404 if
    /// the strategy is not registered or only sends, 503 after a temporary error and 500 after any other.
    pub async fn serve(&self, strategy: &str, request: Request<Bytes>) -> Response<Bytes> {
        match catch(self.receive(strategy, InboundRequest::http(request))).await {
            Some(Ok(received)) => received.response,
            Some(Err(error)) => refusal(&error),
            None => plain(StatusCode::INTERNAL_SERVER_ERROR, "internal error"),
        }
    }
}

fn refusal(error: &Error) -> Response<Bytes> {
    match error.kind() {
        ErrorKind::UnknownStrategy | ErrorKind::Unsupported => plain(StatusCode::NOT_FOUND, "not found"),
        _ if error.is_temporary() => plain(StatusCode::SERVICE_UNAVAILABLE, "service unavailable"),
        _ => plain(StatusCode::INTERNAL_SERVER_ERROR, "internal error"),
    }
}
