//! The port on reqwest, with rustls.
//!
//! HTTP/1.1 only: there a request leaves on a connection of its own, so its reach is known exactly. A request
//! that waited for a connection which the other side closed meanwhile is put on another one, as long as nothing of it
//! has left; one that has begun to leave is never repeated.

mod departure;

use std::{
    net::IpAddr,
    panic::{AssertUnwindSafe, resume_unwind},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{
    HeaderMap, HeaderValue, Method, StatusCode,
    header::{ACCEPT_ENCODING, CONTENT_LENGTH, LOCATION, TRANSFER_ENCODING},
};

use http_body_util::{BodyExt as _, Limited};
use tokio::runtime::Handle;

use self::departure::{DepartingBody, Departure};
use super::{CallOptions, HttpCause, HttpClient, HttpError};
use crate::error::{Error, ErrorKind, Reach};

/// A pooled client for all tenants. Cloning it copies a pointer.
///
/// Its timeouts run on tokio's timer and not on the `Clock` port: they bound real sockets. Outside a tokio runtime with timer and
/// sockets every call ends as [`NoRuntime`](HttpCause::NoRuntime), with nothing sent.
#[derive(Clone, Debug)]
pub struct ReqwestClient {
    client: reqwest::Client,
    /// The client of calls to this machine, which never go through a proxy: it could read their credentials.
    local: reqwest::Client,
}

/// Settings of a [`ReqwestClient`].
#[derive(Clone, Debug)]
#[must_use = "finish it with build()"]
pub struct ReqwestClientBuilder {
    connect_timeout: Duration,
    idle_timeout: Duration,
    idle_per_host: usize,
    user_agent: String,
    proxy_from_environment: bool,
}

impl ReqwestClient {
    /// A client with the default settings: five seconds to connect, idle connections kept for 60 seconds.
    ///
    /// # Errors
    /// `Settings` if TLS cannot be set up.
    pub fn new() -> Result<Self, Error> {
        Self::builder().build()
    }

    /// A builder with the default settings.
    pub fn builder() -> ReqwestClientBuilder {
        ReqwestClientBuilder {
            connect_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(60),
            idle_per_host: 64,
            user_agent: concat!("zengine-connector/", env!("CARGO_PKG_VERSION")).to_owned(),
            proxy_from_environment: true,
        }
    }
}

impl ReqwestClientBuilder {
    setters! {
        /// Maximum time to connect, TLS included. Defaults to 5 seconds.
        connect_timeout(timeout: Duration) => connect_timeout = timeout;
        /// Time that an idle connection is kept. Defaults to 60 seconds. Keep it below the provider's, so that this side closes first.
        idle_timeout(timeout: Duration) => idle_timeout = timeout;
        /// Maximum idle connections kept per host. Defaults to 64.
        idle_per_host(connections: usize) => idle_per_host = connections;
        /// The `User-Agent` header. Defaults to `zengine-connector/` and the version.
        user_agent(name: impl Into<String>) => user_agent = name.into();
        /// Ignores the proxies that the environment names. Calls to this machine (`localhost`, loopback addresses) always do.
        no_proxy() => proxy_from_environment = false;
    }

    /// Builds the client. Retries and redirects are off: the pipeline and the strategies decide on both.
    ///
    /// # Errors
    /// `Settings` if TLS cannot be set up or the user agent is not a header value.
    pub fn build(self) -> Result<ReqwestClient, Error> {
        let build = |proxy_from_environment: bool| {
            let builder = reqwest::Client::builder()
                .http1_only()
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .connect_timeout(self.connect_timeout)
                .pool_idle_timeout(self.idle_timeout)
                .pool_max_idle_per_host(self.idle_per_host)
                .user_agent(&self.user_agent);
            let builder = if proxy_from_environment { builder } else { builder.no_proxy() };
            builder
                .build()
                .map_err(|error| Error::new(ErrorKind::Settings, "the HTTP client cannot be built").with_source(error.without_url()))
        };
        let local = build(false)?;
        let client = if self.proxy_from_environment { build(true)? } else { local.clone() };
        Ok(ReqwestClient { client, local })
    }
}

#[async_trait]
impl HttpClient for ReqwestClient {
    async fn call(&self, request: http::Request<Bytes>, options: CallOptions) -> Result<http::Response<Bytes>, HttpError> {
        // Without one its timer and sockets panic, and a panic says nothing about what was sent.
        if Handle::try_current().is_err() {
            return Err(HttpError::new(HttpCause::NoRuntime, Reach::NotSent));
        }
        let departure = Departure::default();
        let call = async { tokio::time::timeout(options.timeout, self.exchange(request, options, &departure)).await };
        match AssertUnwindSafe(call).catch_unwind().await {
            Ok(Ok(answer)) => answer,
            // Where nothing has left, the time went into connecting.
            Ok(Err(_)) if departure.give_up() => Err(HttpError::new(HttpCause::Connect, Reach::NotSent)),
            Ok(Err(_)) => Err(HttpError::new(HttpCause::Timeout, Reach::Maybe)),
            // A runtime whose timer or sockets are disabled.
            Err(_) if departure.give_up() => Err(HttpError::new(HttpCause::NoRuntime, Reach::NotSent)),
            Err(panic) => resume_unwind(panic),
        }
    }
}

impl ReqwestClient {
    async fn exchange(
        &self,
        request: http::Request<Bytes>,
        options: CallOptions,
        departure: &Departure,
    ) -> Result<http::Response<Bytes>, HttpError> {
        let mut next = prepare(request, departure)?;
        let mut hops = options.redirects;
        // Redirects stay at the same host.
        let client = if next.url().host_str().is_some_and(is_this_machine) { &self.local } else { &self.client };
        loop {
            // Only reads are repeated at another place, so only they are kept.
            let again = (hops > 0 && matches!(*next.method(), Method::GET | Method::HEAD)).then(|| copy(&next, departure));
            let answer = client.execute(next).await.map_err(|error| classify(error, departure))?;
            match again.and_then(|again| redirected(again, &answer)) {
                Some(request) => next = request,
                None => return read(answer, options.max_response_bytes, departure).await,
            }
            hops -= 1;
        }
    }
}

/// Whether a host is this machine.
fn is_this_machine(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback() || address.to_canonical().is_unspecified(),
        Err(_) => host.rsplit('.').next().is_some_and(|last| last.eq_ignore_ascii_case("localhost")),
    }
}

/// The request as reqwest takes it, with a body that records when it leaves.
fn prepare(request: http::Request<Bytes>, departure: &Departure) -> Result<reqwest::Request, HttpError> {
    let (mut parts, body) = request.into_parts();
    frame(&parts.method, &mut parts.headers, body.is_empty());
    // Answers are not decompressed.
    parts.headers.entry(ACCEPT_ENCODING).or_insert(HeaderValue::from_static("identity"));
    let body = reqwest::Body::wrap(DepartingBody::new(body, departure.clone()));
    reqwest::Request::try_from(http::Request::from_parts(parts, body))
        .map_err(|error| HttpError::new(HttpCause::Request, Reach::NotSent).with_source(error.without_url()))
}

/// Leaves the length of the body to the client: the caller's own headers could disagree with the body.
fn frame(method: &Method, headers: &mut HeaderMap, empty: bool) {
    headers.remove(TRANSFER_ENCODING);
    headers.remove(CONTENT_LENGTH);
    if empty && matches!(*method, Method::POST | Method::PUT | Method::PATCH) {
        // Without it some servers answer 411.
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
}

/// A copy of a read, without a body.
fn copy(request: &reqwest::Request, departure: &Departure) -> reqwest::Request {
    let mut copy = reqwest::Request::new(request.method().clone(), request.url().clone());
    copy.headers_mut().clone_from(request.headers());
    *copy.body_mut() = Some(reqwest::Body::wrap(DepartingBody::new(Bytes::new(), departure.clone())));
    copy
}

/// The read that follows a redirect within the same scheme, host and port: credentials go nowhere else. A redirect to another
/// place is returned to the caller as the answer.
fn redirected(mut request: reqwest::Request, answer: &reqwest::Response) -> Option<reqwest::Request> {
    use StatusCode as S;
    if !matches!(answer.status(), S::MOVED_PERMANENTLY | S::FOUND | S::SEE_OTHER | S::TEMPORARY_REDIRECT | S::PERMANENT_REDIRECT) {
        return None;
    }
    let target = request.url().join(answer.headers().get(LOCATION)?.to_str().ok()?).ok()?;
    let plain = target.username().is_empty() && target.password().is_none();
    (plain && target.origin() == request.url().origin()).then(|| {
        *request.url_mut() = target;
        request
    })
}

/// Reads the whole answer, or refuses it as soon as it is known to be too large.
async fn read(answer: reqwest::Response, limit: usize, departure: &Departure) -> Result<http::Response<Bytes>, HttpError> {
    let too_large = || HttpError::new(HttpCause::TooLarge, Reach::Maybe);
    if answer.content_length().is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    let (parts, body) = http::Response::from(answer).into_parts();
    match Limited::new(body, limit).collect().await {
        Ok(whole) => Ok(http::Response::from_parts(parts, whole.to_bytes())),
        Err(error) => Err(error.downcast().map_or_else(|_| too_large(), |error| classify(*error, departure))),
    }
}

/// The cause of an error, and whether anything was sent before it.
fn classify(error: reqwest::Error, departure: &Departure) -> HttpError {
    let reach = if departure.give_up() { Reach::NotSent } else { Reach::Maybe };
    let cause = match reach {
        Reach::NotSent if error.is_builder() => HttpCause::Request,
        Reach::NotSent if error.is_connect() => HttpCause::Connect,
        _ if error.is_timeout() => HttpCause::Timeout,
        _ => HttpCause::Broken,
    };
    HttpError::new(cause, reach).with_source(error.without_url())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_known_in_every_spelling() {
        for host in ["localhost", "LOCALHOST.", "a.localhost", "127.0.0.1", "127.8.9.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in ["example.org", "localhost.example.org", "128.0.0.1", "[2001:db8::1]", "notlocalhost", ""] {
            assert!(!is_this_machine(host), "{host}");
        }
    }
}
