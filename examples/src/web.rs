//! The line of glue between an HTTP server and an orchestrator.

use std::{convert::Infallible, net::SocketAddr};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use zengine_connector::Orchestrator;

/// The largest request body read before the orchestrator sees it, in bytes.
const MAX_BODY: usize = 4 << 20;

/// Serves one strategy's webhooks on a loopback port; gives the address. It runs until the runtime ends.
///
/// # Errors
/// The error of binding if the port is taken.
pub async fn serve(orchestrator: Orchestrator, strategy: &'static str, port: u16) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, peer)) = listener.accept().await {
            let orchestrator = orchestrator.clone();
            let answer = service_fn(move |request| answer(orchestrator.clone(), strategy, peer, request));
            tokio::spawn(async move {
                let connection = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                // A peer that goes away is its own business.
                let _ = connection.serve_connection(TokioIo::new(stream), answer).await;
            });
        }
    });
    Ok(address)
}

async fn answer(
    orchestrator: Orchestrator,
    strategy: &str,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (mut parts, body) = request.into_parts();
    parts.extensions.insert(peer);
    let Ok(body) = Limited::new(body, MAX_BODY).collect().await else {
        let mut refused = Response::new(Full::default());
        *refused.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
        return Ok(refused);
    };
    let request = Request::from_parts(parts, body.to_bytes());
    Ok(orchestrator.serve(strategy, request).await.map(Full::new))
}
