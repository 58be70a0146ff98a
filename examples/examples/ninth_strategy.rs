//! A host of a ninth strategy: Acme Chat, which exists nowhere else.
//!
//! ```sh
//! cargo run -p zengine-examples --example ninth_strategy
//! ```
//!
//! `examples/acme-chat` is what `zengine new acme-chat` writes: all that is needed for a new provider, in both directions.
//! This host registers it, gives a tenant its secrets, sends and receives. The provider is a script of three answers.
#![allow(clippy::print_stdout, reason = "this program talks to people")]

use std::{collections::VecDeque, error::Error as StdError, sync::Arc};

use acme_chat::AcmeChat;
use bytes::Bytes;
use tokio::sync::Mutex;
use zengine_connector::{
    HandlerContext, HttpClient, Identity, InboundEvent, Memory, Orchestrator, OutboundMessage, Reach, Secret, TenantId, async_trait,
    http::{CallOptions, HttpCause, HttpError},
    registry::TenantSetup,
    verify::HmacSha256,
};

/// A provider that gives the answers of a script, and keeps what it was asked. Without an answer it cannot be reached.
#[derive(Debug, Default)]
struct Script {
    answers: Mutex<VecDeque<Option<(u16, &'static str)>>>,
    requests: Mutex<Vec<http::Request<Bytes>>>,
}

#[async_trait]
impl HttpClient for Script {
    async fn call(&self, request: http::Request<Bytes>, _: CallOptions) -> Result<http::Response<Bytes>, HttpError> {
        self.requests.lock().await.push(request);
        match self.answers.lock().await.pop_front().flatten() {
            Some((status, body)) => http::Response::builder()
                .status(status)
                .body(Bytes::from_static(body.as_bytes()))
                .map_err(|error| HttpError::new(HttpCause::Broken, Reach::Maybe).with_source(error)),
            None => Err(HttpError::new(HttpCause::Connect, Reach::NotSent)),
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn StdError>> {
    host(|line| println!("{line}")).await
}

/// The host; tells what happens, line by line.
pub(crate) async fn host(tell: impl Fn(String) + Clone + Send + Sync + 'static) -> Result<(), Box<dyn StdError>> {
    let hear = tell.clone();
    // The provider cannot be reached at first, then takes the message, then refuses one.
    let provider = Arc::new(Script::default());
    provider.answers.lock().await.extend([None, Some((200, r#"{"id":"acme-1"}"#)), Some((400, "{}"))]);

    // The host: the strategy, and what to do with what arrives.
    let stores = Memory::new();
    let orchestrator = Orchestrator::builder()
        .strategy(AcmeChat::new(Arc::<Script>::clone(&provider), "https://api.example.com"))
        .stores(stores.clone())
        .on_inbound(move |event: InboundEvent, _: HandlerContext| {
            hear(format!("received: {}", serde_json::to_string(&event).unwrap_or_default()));
            async { Ok(()) }
        })
        .build()?;

    // A tenant and its secrets; its route follows from the configuration.
    let tenant = TenantId::new("shop")?;
    let config = serde_json::json!({
        "site": "shop-7f3a",
        "api_key": { "secret": "acme", "key": "key" },
        "webhook_secret": { "secret": "acme", "key": "webhook" },
    });
    let secret = r#"{"key":"example-key","webhook":"example-webhook-secret"}"#;
    orchestrator.set_up(TenantSetup::new(&tenant).strategy("acme-chat", config).secret("acme", secret)).await?;

    for (id, text) in [("order-17", "Your order is on its way"), ("order-17", "Your order is on its way"), ("order-18", "Hello")] {
        let message = OutboundMessage::text(Identity::opaque("acme", "visitor-1")?, text);
        let outcome = orchestrator.send(&tenant, "acme-chat", id, &message).await?;
        tell(format!("{id}: {}{}", outcome.as_str(), if outcome.is_replayed() { ", replayed" } else { "" }));
    }
    for request in provider.requests.lock().await.iter() {
        tell(format!("provider got {} under {:?}", request.uri(), request.headers()["idempotency-key"]));
    }

    // One readable message and one that is none; then the same with a forged signature.
    let body = r#"[{"type":"message","id":"in-1","from":"visitor-1","text":"Merci, à bientôt 🎉","at_ms":1760000000000},{"type":7}]"#;
    for secret in ["example-webhook-secret", "a guess"] {
        let signature = HmacSha256::hex().sign(body.as_bytes(), &Secret::new(secret.into()));
        let request = http::Request::post("/shop-7f3a").header("x-signature", signature).body(body.into())?;
        tell(format!("webhook: {}", orchestrator.serve("acme-chat", request).await.status()));
    }
    // What could not be sent and what could not be read is kept, encrypted.
    for letter in stores.dead_letters().list(None, 10).await?.letters {
        tell(format!("dead letter: {}: {}", letter.outcome, String::from_utf8_lossy(&letter.open(&*stores.keys())?)));
    }
    Ok(())
}
