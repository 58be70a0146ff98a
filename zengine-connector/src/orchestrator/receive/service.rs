//! The endpoint of all strategies, as a service of `tower`.

use std::{
    borrow::Cow,
    convert::Infallible,
    future::poll_fn,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};

use bytes::{Buf, BufMut as _, Bytes, BytesMut};
use http::{Request, Response, StatusCode, Uri};
use http_body::{Body, Frame, SizeHint};
use tower_service::Service;

use super::{
    answer::{Ack, Received, refusal},
    report::InboundReport,
};
use crate::{
    http::{OriginalUri, decode},
    orchestrator::Orchestrator,
    runtime::{BoxFuture, within, yield_now},
    strategy::{InboundRequest, VerifyError},
};

/// The endpoint of every strategy that receives, at `<prefix>/<strategy>` and below: a
/// [`Service`](https://docs.rs/tower-service) that axum, hyper and `lambda_http` take as it is. Made by [`Orchestrator::service`]; a
/// clone is cheap.
///
/// - The strategy sees the rest of the path behind its name, at least `/`, still encoded, and the query. The whole address stays in the
///   extensions, as [`OriginalUri`]; so does everything else there, such as [`Peer`](crate::http::Peer).
/// - Every method goes to the strategy: providers check an endpoint by GET, HEAD or OPTIONS.
/// - The body reaches it byte by byte as it was sent. A body above
///   [`max_body_bytes`](super::super::InboundSettings::max_body_bytes) is answered with 413 as soon as that is known, and one that takes
///   longer than [`body_timeout`](super::super::InboundSettings::body_timeout) with 408.
/// - A path without the prefix or a strategy that receives is answered with 404, unread.
///
/// Bodies that are being read count towards no limit but those of your server: bound its connections.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use zengine_connector::{Memory, Orchestrator};
/// # let orchestrator = Orchestrator::builder().stores(Memory::new()).build().unwrap();
///
/// let mut service = orchestrator.service().with_prefix("/webhooks");
/// // axum:   Router::new().nest_service("/webhooks", orchestrator.service())
/// // hyper:  builder.serve_connection(io, TowerToHyperService::new(service))
/// // lambda: lambda_http::run(service)
///
/// # type Full = String;
/// use tower_service::Service as _;
/// let request = http::Request::get("/webhooks/not-registered").body(Full::new()).unwrap();
/// let response = service.call(request).await.unwrap();
/// assert_eq!(response.status(), 404);
/// # }
/// ```
#[derive(Clone)]
pub struct InboundService {
    orchestrator: Orchestrator,
    prefix: Arc<str>,
}

debug_fields!(InboundService { prefix });

impl Orchestrator {
    /// The endpoint of every strategy that receives, for an HTTP server. Feature `tower`.
    pub fn service(&self) -> InboundService {
        InboundService { orchestrator: self.clone(), prefix: "".into() }
    }
}

impl InboundService {
    /// The same below a path, `/webhooks`, which is compared as it is sent. Not needed where a router takes the path off, as axum's
    /// `nest_service` does.
    #[must_use = "returns the service with the prefix"]
    pub fn with_prefix(self, prefix: &str) -> Self {
        let prefix = match prefix.trim_matches('/') {
            "" => Arc::from(""),
            path => format!("/{path}").into(),
        };
        Self { prefix, ..self }
    }

    async fn answer<B: Body>(self, request: Request<B>) -> Response<Bytes> {
        let (mut parts, body) = request.into_parts();
        let (orchestrator, mut strategy) = (&self.orchestrator, String::new());
        if let Some((name, rest)) = self.route(&parts.uri) {
            strategy = name.into_owned();
            let whole = std::mem::replace(&mut parts.uri, rest);
            if parts.extensions.get::<OriginalUri>().is_none() {
                parts.extensions.insert(OriginalUri(whole));
            }
        }
        let mut request = InboundRequest::http(Request::from_parts(parts, Bytes::new()));
        let report = InboundReport::of(&orchestrator.engine, &strategy, &request);
        let work = async {
            orchestrator.receives(&strategy)?;
            let settings = &orchestrator.inbound.settings;
            match within(&*orchestrator.engine.clock, settings.body_timeout, read(body, settings.max_body_bytes)).await {
                Some(Ok(body)) => {
                    request.set_body(body);
                    orchestrator.work(&report, &strategy, &request).await
                }
                Some(Err(refused)) => Ok(Received::refused(&refused)),
                None => Ok(Received::plain(Ack::Refused, StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time")),
            }
        };
        let mut received = report.run(pin!(work)).await;
        report.end(request.head(), &mut received).await;
        received.map_or_else(|error| refusal(&error), |received| received.response)
    }

    /// The strategy's name and the address that it sees.
    fn route<'u>(&self, uri: &'u Uri) -> Option<(Cow<'u, str>, Uri)> {
        let path = uri.path().strip_prefix(&*self.prefix)?.strip_prefix('/')?;
        let (strategy, rest) = path.find('/').map_or((path, "/"), |at| path.split_at(at));
        let rest = uri.query().map_or_else(|| rest.to_owned(), |query| format!("{rest}?{query}"));
        let mut parts = uri.clone().into_parts();
        parts.path_and_query = Some(rest.try_into().ok()?);
        Some((decode(strategy)?, Uri::from_parts(parts).ok()?))
    }
}

/// Reads a body and counts it on the way. Trailers are dropped.
async fn read<B: Body>(body: B, most: usize) -> Result<Bytes, VerifyError> {
    // A length that is announced too large need not be read.
    if body.size_hint().lower() > u64::try_from(most).unwrap_or(u64::MAX) {
        return Err(VerifyError::TooLarge);
    }
    let (mut body, mut whole) = (pin!(body), BytesMut::new());
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        let frame = frame.map_err(|_| VerifyError::Malformed("the body broke off"))?;
        let Some(mut data) = frame.into_data().ok().filter(Buf::has_remaining) else {
            // Trailers and empty frames count towards no limit but the time, which passes only while nothing is read.
            yield_now().await;
            continue;
        };
        if data.remaining() > most - whole.len() {
            return Err(VerifyError::TooLarge);
        }
        if whole.is_empty() && body.is_end_stream() {
            return Ok(data.copy_to_bytes(data.remaining())); // without a copy, if it is `Bytes`
        }
        whole.put(data);
    }
    Ok(whole.freeze())
}

impl<B> Service<Request<B>> for InboundService
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Send,
{
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move { Ok(service.answer(request).await.map(ResponseBody)) })
    }
}

/// The body of a response, in one piece.
#[derive(Clone, Default)]
pub struct ResponseBody(Bytes);

debug_fields!(ResponseBody { bytes: |it| it.0.len() });

impl From<ResponseBody> for Bytes {
    fn from(body: ResponseBody) -> Self {
        body.0
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let data = std::mem::take(&mut self.0);
        Poll::Ready((!data.is_empty()).then(|| Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.len().try_into().unwrap_or(u64::MAX))
    }
}
