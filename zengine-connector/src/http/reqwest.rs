//! The port on reqwest, with rustls.

use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};

use super::{CallOptions, HttpCause, HttpClient, HttpError};
use crate::error::{Error, ErrorKind, Reach};

/// A pooled client for all tenants. Cloning it copies a pointer.
#[derive(Clone, Debug)]
pub struct ReqwestClient {
    client: reqwest::Client,
}

/// Settings of a [`ReqwestClient`].
#[derive(Clone, Debug)]
#[must_use = "finish it with build()"]
pub struct ReqwestClientBuilder {
    connect_timeout: Duration,
    idle_timeout: Duration,
    user_agent: String,
}

impl ReqwestClient {
    /// A client with the default settings: five seconds to connect, idle connections kept for 60 seconds.
    ///
    /// # Errors
    /// `Settings` where TLS cannot be set up.
    pub fn new() -> Result<Self, Error> {
        Self::builder().build()
    }

    /// Settings to change.
    pub fn builder() -> ReqwestClientBuilder {
        ReqwestClientBuilder {
            connect_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(60),
            user_agent: concat!("zengine-connector/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

impl ReqwestClientBuilder {
    /// How long connecting may take, TLS included.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long an idle connection is kept.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// The `User-Agent` header.
    pub fn user_agent(mut self, name: impl Into<String>) -> Self {
        self.user_agent = name.into();
        self
    }

    /// Builds the client. Retries and redirects are off: the pipeline and the strategies decide on both.
    ///
    /// # Errors
    /// `Settings` where TLS cannot be set up.
    pub fn build(self) -> Result<ReqwestClient, Error> {
        reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(self.connect_timeout)
            .pool_idle_timeout(self.idle_timeout)
            .user_agent(self.user_agent)
            .build()
            .map(|client| ReqwestClient { client })
            .map_err(|error| Error::new(ErrorKind::Settings, "the HTTP client cannot be built").with_source(error.without_url()))
    }
}

#[async_trait]
impl HttpClient for ReqwestClient {
    async fn call(&self, request: http::Request<Bytes>, options: CallOptions) -> Result<http::Response<Bytes>, HttpError> {
        let mut request = reqwest::Request::try_from(request).map_err(|error| classify(error, Reach::NotSent))?;
        *request.timeout_mut() = Some(options.timeout);
        let mut answer = self.client.execute(request).await.map_err(|error| classify(error, Reach::Maybe))?;
        let mut response = http::Response::builder().status(answer.status()).version(answer.version());
        if let Some(headers) = response.headers_mut() {
            std::mem::swap(headers, answer.headers_mut());
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| classify(error, Reach::Maybe))? {
            if body.len() + chunk.len() > options.max_response_bytes {
                return Err(HttpError::new(HttpCause::TooLarge, Reach::Maybe));
            }
            body.extend_from_slice(&chunk);
        }
        response.body(body.freeze()).map_err(|error| HttpError::new(HttpCause::Broken, Reach::Maybe).with_source(error))
    }
}

/// What happened and how far the request got; `reach` is the answer where the error does not say better.
fn classify(error: reqwest::Error, reach: Reach) -> HttpError {
    let (cause, reach) = match &error {
        e if e.is_builder() || e.is_request() && reach == Reach::NotSent => (HttpCause::Request, Reach::NotSent),
        e if e.is_connect() => (HttpCause::Connect, Reach::NotSent),
        e if e.is_timeout() => (HttpCause::Timeout, reach),
        _ => (HttpCause::Broken, reach),
    };
    HttpError::new(cause, reach).with_source(error.without_url())
}
