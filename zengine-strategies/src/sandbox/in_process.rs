//! An emulator without a socket: its request handler as an HTTP client.

use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{Either, Full};
use zengine_connector::http::{CallOptions, HttpCause, HttpError};
use zengine_connector::{HttpClient, Reach, async_trait};

use super::handler::RequestHandler;
use super::journal::Journal;
use super::provider::Provider;
use super::server::{PortGate, Reply, Request as ServerRequest};

/// An emulator of the provider `P` that answers in process, as an HTTP client: nothing leaves the program, not even to loopback.
///
/// It judges requests as the emulator with a port does, whatever host they name. You must call it from a tokio runtime, on which
/// its webhooks are sent.
pub struct InProcess<P> {
    handler: RequestHandler<P>,
    /// A path before the provider's own, which is left out.
    prefix: String,
}

impl<P: Provider> InProcess<P> {
    pub(super) fn launch(settings: P::Settings) -> std::io::Result<Self> {
        let options = P::options(&settings);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port));
        let journal = Journal::open(options.journal.as_deref(), P::SECRETS)?;
        Ok(Self { handler: RequestHandler::new(settings, options, address, PortGate::absent(), journal), prefix: String::new() })
    }

    /// Sets the path of the base address that the client has in place of the provider's, as in `/proxy`.
    #[must_use]
    pub fn under(mut self, prefix: &str) -> Self {
        prefix.trim_end_matches('/').clone_into(&mut self.prefix);
        self
    }

    /// Returns the journal of requests and webhooks.
    pub fn journal(&self) -> &super::Journal {
        &self.handler.engine.journal
    }
}

#[async_trait]
impl<P: Provider> HttpClient for InProcess<P> {
    async fn call(&self, request: Request<Bytes>, options: CallOptions) -> Result<Response<Bytes>, HttpError> {
        let (mut head, body) = request.into_parts();
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let path = path.strip_prefix(&self.prefix).filter(|rest| rest.starts_with('/')).unwrap_or(path);
        head.uri = path.parse().unwrap_or_default();
        let request = ServerRequest { head, body: Either::Right(Full::new(body)) };
        let reply = tokio::time::timeout(options.timeout, self.handler.clone().handle(request));
        match reply.await {
            Ok(Reply::Whole(response)) if response.body().len() > options.max_response_bytes => Err(failed(HttpCause::TooLarge)),
            Ok(Reply::Whole(response)) => Ok(response),
            Ok(_) => Err(failed(HttpCause::Broken)),
            Err(_) => Err(failed(HttpCause::Timeout)),
        }
    }
}

fn failed(cause: HttpCause) -> HttpError {
    HttpError::new(cause, Reach::Maybe)
}

redacted!(InProcess<P> {});
