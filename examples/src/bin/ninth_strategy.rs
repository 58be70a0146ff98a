//! A ninth strategy, in one file: Acme Chat, which exists nowhere else.
//!
//! ```sh
//! cargo run -p zengine-examples --bin ninth_strategy
//! ```
//!
//! The module `acme` is all that somebody writes for a new provider, in both directions. Below it a host uses it: it
//! registers the strategy, gives a tenant its secret, sends and receives. The provider is a script of three answers.
#![allow(clippy::print_stdout, reason = "this program talks to people")]

use std::{collections::VecDeque, error::Error as StdError, sync::Arc};

use bytes::Bytes;
use tokio::sync::Mutex;
use zengine_connector::{
    CallOptions, ClientMessageId, HandlerContext, HttpCause, HttpClient, HttpError, Identity, InboundEvent, Orchestrator, OutboundMessage,
    Reach, RouteKey, Secret, SendOptions, StrategyName, StrategyRegistry, TenantId, async_trait,
    store::{DeadLetters, Memory, SecretScope},
};

// begin strategy
mod acme {
    use std::sync::Arc;

    use serde::Deserialize;
    use serde_json::value::RawValue;
    use zengine_connector::{
        CallOptions, Capabilities, Configure, ConfigureContext, Content, ConversationId, ElementError, Error, Event, HttpClient, Identity,
        InboundContext, InboundRequest, InboundStrategy, Length, OutboundMessage, OutboundStrategy, ProviderMessageId, RawPayload, Receipt,
        RouteKey, RoutedEvent, Secret, SendContext, SendError, Strategy, Verified, VerifyError,
        http::{retry_after, status_error},
        schemars::{self, JsonSchema},
        verify::HmacSha256,
    };

    /// Acme signs its webhooks in the header `acme-signature`.
    pub(super) const SIGNATURE: HmacSha256 = HmacSha256::hex();
    /// Acme shows plain text of at most 2,000 characters and nothing else.
    const CAPABILITIES: Capabilities = Capabilities::NONE.with_text(Length::chars(2000));

    /// What a tenant of Acme configures.
    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    pub(super) struct AcmeConfig {
        /// Key of the tenant's Acme account.
        pub api_key: Secret<String>,
        /// The secret Acme signs this tenant's webhooks with.
        pub webhook_secret: Secret<String>,
    }

    /// Sends and receives messages through Acme Chat.
    #[derive(Debug, Strategy)]
    #[strategy(name = "acme-chat", channel = Webchat, config = AcmeConfig, outbound = OutboundMessage, inbound)]
    #[strategy(capabilities = CAPABILITIES, idempotency = native(86_400_000))] // Acme drops a repeated key for a day
    pub(super) struct AcmeChat {
        http: Arc<dyn HttpClient>,
    }

    impl AcmeChat {
        pub(super) fn new(http: Arc<dyn HttpClient>) -> Self {
            Self { http }
        }
    }

    impl Configure<AcmeConfig> for AcmeChat {
        type Tenant = AcmeConfig;

        async fn configure(&self, config: AcmeConfig, _: &ConfigureContext) -> Result<AcmeConfig, Error> {
            Ok(config)
        }
    }

    #[derive(Deserialize)]
    struct Accepted {
        id: ProviderMessageId,
    }

    impl OutboundStrategy<AcmeConfig, OutboundMessage> for AcmeChat {
        async fn send(&self, tenant: &AcmeConfig, message: &OutboundMessage, cx: &SendContext) -> Result<Receipt, SendError> {
            let (Some(to), Content::Text(text)) = (message.to.preferred(), &message.content) else {
                return Err(SendError::domain("Acme sends text to one person").not_sent());
            };
            let body = serde_json::json!({ "to": to.value(), "text": text.body });
            let request = http::Request::post("https://api.acme.example/messages")
                .header("authorization", format!("Bearer {}", tenant.api_key.expose()))
                .header("idempotency-key", cx.provider_key().as_str())
                .body(body.to_string().into())
                .map_err(|error| SendError::local("the request cannot be built").source(error).not_sent())?;
            let answer = self.http.call(request, CallOptions::DEFAULT).await?;
            if let Some((error, reach)) = status_error(answer.status(), retry_after(answer.headers(), cx.now())) {
                return Err(error.reach(reach));
            }
            match serde_json::from_slice::<Accepted>(answer.body()) {
                Ok(accepted) => Ok(Receipt::accepted(accepted.id)),
                Err(error) => Err(SendError::provider("accepted without an id").source(error).maybe()),
            }
        }
    }

    /// What Acme posts to `/acme/<site>`.
    #[derive(Deserialize)]
    struct Webhook<'a> {
        #[serde(borrow)]
        messages: Vec<&'a RawValue>,
    }

    #[derive(Deserialize)]
    struct Incoming {
        id: ProviderMessageId,
        from: String,
        text: String,
        at_ms: i64,
    }

    impl InboundStrategy<AcmeConfig> for AcmeChat {
        async fn verify(&self, request: &InboundRequest, cx: &InboundContext<AcmeConfig>) -> Result<Verified, VerifyError> {
            let site = request.path().strip_prefix("/acme/").ok_or(VerifyError::NotFound)?;
            let tenant = cx.find_one(&RouteKey::new("site", site)).await?;
            SIGNATURE.check(request.header("acme-signature"), request.body(), &[tenant.webhook_secret.to_bytes()])?;
            Ok(Verified::tenant(&tenant, request.body().clone()))
        }

        fn normalize(&self, payload: &RawPayload) -> Vec<Result<RoutedEvent, ElementError>> {
            let Ok(webhook) = serde_json::from_slice::<Webhook<'_>>(payload.body()) else {
                return vec![Err(ElementError::new("", "not an Acme webhook", payload.body().clone()))];
            };
            webhook.messages.iter().enumerate().map(|(n, raw)| message(n, raw, payload)).collect()
        }
    }

    fn message(n: usize, raw: &RawValue, payload: &RawPayload) -> Result<RoutedEvent, ElementError> {
        let bytes = payload.slice_of(raw.get());
        let wrong = |reason| ElementError::new(format!("/messages/{n}"), reason, bytes.clone());
        let incoming: Incoming = serde_json::from_str(raw.get()).map_err(|_| wrong("not a message of Acme"))?;
        let from = Identity::opaque("acme", &incoming.from).map_err(|_| wrong("nobody sent it"))?;
        let mut event = RoutedEvent::new(Event::message(Content::text(incoming.text)), incoming.id.as_str(), bytes.clone());
        event.conversation = ConversationId::new(&incoming.from).ok();
        event.from = from.into();
        event.occurred_at_ms = Some(incoming.at_ms);
        event.provider_ids = vec![incoming.id];
        Ok(event)
    }
}
// end strategy

/// A provider that gives the answers of a script, and keeps what it was asked.
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
            None => Err(HttpError::new(HttpCause::Timeout, Reach::Maybe)),
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn StdError>> {
    // The provider loses its first answer, then takes the message, then refuses one.
    let provider = Arc::new(Script::default());
    provider.answers.lock().await.extend([None, Some((200, r#"{"id":"acme-1"}"#)), Some((400, "{}"))]);

    // A tenant, its secrets and its route.
    let (tenant, name) = (TenantId::new("shop")?, StrategyName::new("acme-chat")?);
    let stores = Memory::new();
    let scope = SecretScope::tenant(name.clone(), tenant.clone());
    stores.secrets().put(&scope, "acme", r#"{"key":"example-key","webhook":"example-webhook-secret"}"#);
    let config = serde_json::json!({
        "api_key": { "secret": "acme", "key": "key" },
        "webhook_secret": { "secret": "acme", "key": "webhook" },
    });
    stores.directory().put(&tenant, &name, config);
    stores.directory().set_routes(&tenant, &name, [RouteKey::new("site", "shop-7f3a")]);

    // The host: the strategy, and what to do with what arrives.
    let registry = StrategyRegistry::builder().register(acme::AcmeChat::new(Arc::<Script>::clone(&provider))).build()?;
    let orchestrator = Orchestrator::builder(registry)
        .stores(stores.clone())
        .on_inbound(|event: InboundEvent, _: HandlerContext| async move {
            println!("received: {}", serde_json::to_string(&event).unwrap_or_default());
            Ok(())
        })
        .build()?;

    for (id, text) in [("order-17", "Your order is on its way"), ("order-17", "Your order is on its way"), ("order-18", "Hello")] {
        let message = OutboundMessage::text(Identity::opaque("acme", "visitor-1")?, text);
        let outcome = orchestrator.send(&tenant, "acme-chat", &message, SendOptions::new(ClientMessageId::new(id)?)).await?;
        println!("{id}: {}{}", outcome.as_str(), if outcome.is_replayed() { ", replayed" } else { "" });
    }
    for request in provider.requests.lock().await.iter() {
        println!("provider got {} under {:?}", request.uri(), request.headers()["idempotency-key"]);
    }

    // One readable message and one that is none; then the same with a forged signature.
    let body = r#"{"messages":[{"id":"in-1","from":"visitor-1","text":"Merci, à bientôt 🎉","at_ms":1760000000000},{"id":7}]}"#;
    for secret in ["example-webhook-secret", "a guess"] {
        let signature = acme::SIGNATURE.sign(body.as_bytes(), &Secret::new(secret.into()));
        let request = http::Request::post("/acme/shop-7f3a").header("acme-signature", signature).body(body.into())?;
        println!("webhook: {}", orchestrator.serve("acme-chat", request).await.status());
    }
    // What could not be sent and what could not be read is kept, encrypted.
    for letter in stores.dead_letters().list(None, 10).await?.letters {
        println!("dead letter: {}: {}", letter.outcome, String::from_utf8_lossy(&letter.open(&*stores.keys())?));
    }
    Ok(())
}
