//! An HTTP client for commands without network access.

use bytes::Bytes;
use http::{Request, Response};
use zengine_connector::http::{CallOptions, HttpCause, HttpError};
use zengine_connector::{HttpClient, Reach, async_trait};

/// An HTTP client that refuses every call.
#[derive(Debug)]
pub(super) struct NoNetwork;

#[async_trait]
impl HttpClient for NoNetwork {
    async fn call(&self, _: Request<Bytes>, _: CallOptions) -> Result<Response<Bytes>, HttpError> {
        Err(HttpError::new(HttpCause::Connect, Reach::NotSent))
    }
}
