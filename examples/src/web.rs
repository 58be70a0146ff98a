//! An HTTP server around the webhooks of an orchestrator, on hyper alone.

use std::net::SocketAddr;

use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tower_service::Service as _;
use zengine_connector::{Orchestrator, http::Peer};

/// Serves the webhooks of every strategy on a loopback port, under `/webhooks/<strategy>`; gives the address. It runs until the runtime
/// ends.
///
/// # Errors
/// The error of binding if the port is taken.
pub async fn serve(orchestrator: &Orchestrator, port: u16) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let address = listener.local_addr()?;
    let service = orchestrator.service().with_prefix("/webhooks");
    tokio::spawn(async move {
        while let Ok((stream, peer)) = listener.accept().await {
            let service = service.clone();
            let answer = service_fn(move |mut request: http::Request<Incoming>| {
                request.extensions_mut().insert(Peer::from(peer));
                service.clone().call(request)
            });
            tokio::spawn(async move {
                let connection = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                // A peer that goes away is its own business.
                let _ = connection.serve_connection(TokioIo::new(stream), answer).await;
            });
        }
    });
    Ok(address)
}
