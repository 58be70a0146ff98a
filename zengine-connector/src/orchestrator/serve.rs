//! The whole HTTP glue.

use bytes::Bytes;
use http::{Request, Response, StatusCode};

use super::{
    Orchestrator,
    receive::{caught, plain},
};
use crate::{
    error::{Error, ErrorKind},
    strategy::InboundRequest,
};

impl Orchestrator {
    /// [`receive`](Self::receive) for an HTTP server: takes its request, gives its response, never fails. 404 where nothing
    /// is registered under the name or the strategy only sends.
    pub async fn serve(&self, strategy: &str, request: Request<Bytes>) -> Response<Bytes> {
        match caught(self.receive(strategy, InboundRequest::http(request))).await {
            Some(Ok(received)) => received.response,
            Some(Err(error)) => refusal(&error),
            None => plain(StatusCode::INTERNAL_SERVER_ERROR, "our own side is broken"),
        }
    }
}

fn refusal(error: &Error) -> Response<Bytes> {
    match error.kind() {
        ErrorKind::UnknownStrategy | ErrorKind::Unsupported => plain(StatusCode::NOT_FOUND, "not found"),
        _ if error.is_temporary() => plain(StatusCode::SERVICE_UNAVAILABLE, "not now"),
        _ => plain(StatusCode::INTERNAL_SERVER_ERROR, "our own side is broken"),
    }
}
