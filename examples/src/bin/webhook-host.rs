//! A web service on axum: it receives webhooks, sends messages for its clients, and stops without losing any.
//!
//! ```sh
//! cargo run -p zengine-examples --features axum --bin webhook-host
//! curl -i -X PUT localhost:3000/messages/acme/whatsapp-meta-cloud/order-17 \
//!     -d '{"to": {"ids": [{"kind": "phone", "value": "+15551230001"}]}, "content": {"type": "text", "body": "Your order is on its way"}}'
//! ```
//!
//! The provider is an emulator in this process, or Meta with the variables of the quickstart in the environment.
#![allow(clippy::print_stdout, reason = "this program talks to people")]

use std::{net::SocketAddr, time::Duration};

use axum::{
    Router,
    body::Bytes,
    extract::{ConnectInfo, Path, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::map_request,
    routing::put,
};
use serde_json::value::RawValue;
use tokio::net::TcpListener;
use zengine_connector::{
    BoxError, Event, HandlerContext, HandlerError, InboundEvent, Memory, Orchestrator, Outcome, SendOptions, error::Disposition, http::Peer,
};
use zengine_examples::provider::{Provider, STRATEGY};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let (provider, whatsapp) = Provider::start(None)?;
    let orchestrator = Orchestrator::builder()
        .strategy(whatsapp)
        .stores(Memory::new()) // in production a store that outlives the process: see the guide on deploying
        .directory(provider.tenants.directory())
        .secrets(provider.tenants.secrets())
        .on_inbound(store)
        .build()?;

    let app = Router::new()
        .nest_service("/webhooks", orchestrator.service())
        .route("/messages/{tenant}/{strategy}/{id}", put(send))
        .with_state(orchestrator.clone())
        .layer(map_request(insert_peer));
    let port = std::env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(3000);
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let address = listener.local_addr()?;
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let server = tokio::spawn(async move { axum::serve(listener, app).with_graceful_shutdown(stop_signal()).await });
    provider.subscribe(&format!("http://{address}/webhooks/{STRATEGY}")).await?;
    println!("listening on http://{address}");

    // First the server stops taking requests and ends those it has, then the orchestrator ends its sends.
    server.await??;
    orchestrator.shutdown(Duration::from_secs(20)).await;
    println!("stopped");
    Ok(())
}

/// Stores an event. Your own storage goes here; an error means that the provider is to deliver again.
async fn store(event: InboundEvent, _: HandlerContext) -> Result<(), HandlerError> {
    let json = serde_json::to_string(&event)?;
    match &event.event {
        Event::Status(status) => println!("{}: status {} of {}", event.tenant, status.state.as_str(), status.target),
        event_of_person => println!("{}: {} in {} bytes", event.tenant, event_of_person.kind(), json.len()),
    }
    Ok(())
}

/// Sends the message of the body under the id of the path: whoever is not sure whether a PUT arrived repeats it.
async fn send(
    State(orchestrator): State<Orchestrator>,
    Path((tenant, strategy, id)): Path<(String, String, String)>,
    body: Bytes,
) -> (StatusCode, HeaderMap, String) {
    let Ok(message) = serde_json::from_slice::<Box<RawValue>>(&body) else {
        return (StatusCode::BAD_REQUEST, HeaderMap::new(), "the body is not JSON".to_owned());
    };
    let options = SendOptions::new().within(Duration::from_secs(10));
    match orchestrator.send_with(tenant, strategy, id, &message, options).await {
        Ok(Outcome::Deferred(later)) => retry_after(later.retry_after, later.reason.as_str().to_owned()),
        Ok(outcome @ Outcome::Delivered(_)) => (StatusCode::OK, HeaderMap::new(), outcome.as_str().to_owned()),
        // A letter of it is kept, and repeating the request changes nothing: an operator redrives it.
        Ok(outcome) => (StatusCode::CONFLICT, HeaderMap::new(), outcome.as_str().to_owned()),
        Err(error) => match error.disposition() {
            Disposition::RetryAfter(wait) => retry_after(wait, error.to_string()),
            Disposition::Reject => (StatusCode::UNPROCESSABLE_ENTITY, HeaderMap::new(), error.to_string()),
        },
    }
}

fn retry_after(wait: Duration, text: String) -> (StatusCode, HeaderMap, String) {
    let seconds = HeaderValue::from(wait.as_secs().max(1));
    (StatusCode::SERVICE_UNAVAILABLE, HeaderMap::from_iter([(header::RETRY_AFTER, seconds)]), text)
}

/// Tells strategies the sender's address. Behind a proxy, read it from what the proxy writes.
async fn insert_peer(ConnectInfo(address): ConnectInfo<SocketAddr>, mut request: Request) -> Request {
    request.extensions_mut().insert(Peer::from(address));
    request
}

/// Waits for Ctrl-C or, on Unix, for the signal with which platforms stop a service.
async fn stop_signal() {
    #[cfg(unix)]
    if let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        return;
    }
    let _ = tokio::signal::ctrl_c().await;
}
