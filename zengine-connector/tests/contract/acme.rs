//! A strategy in both directions for a provider that exists nowhere, and its fixture: what a third party would write.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;
use zengine_connector::{
    Configure, ConfigureContext, Content, ConversationId, Error, ErrorKind, Event, HttpClient, Identity, InboundContext, InboundStrategy,
    OutboundMessage, OutboundStrategy, ProviderMessageId, Receipt, Secret, SendContext, SendError, Strategy,
    http::{CallOptions, retry_after, status_error},
    ids::RouteKey,
    message::{Capabilities, ElementError, Length},
    schemars::{self, JsonSchema},
    strategy::{InboundRequest, RawPayload, RoutedEvent, Verified, VerifyError},
    verify::HmacSha256,
};

const SIGNATURE: HmacSha256 = HmacSha256::hex();
const CAPABILITIES: Capabilities = Capabilities::NONE.with_text(Length::chars(2000));

/// What a tenant of Acme configures.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AcmeConfig {
    /// Key of the tenant's Acme account.
    pub api_key: Secret<String>,
    /// The secret Acme signs this tenant's webhooks with.
    pub webhook_secret: Secret<String>,
}

/// Sends and receives messages through Acme Chat.
#[derive(Debug, Strategy)]
#[strategy(name = "acme-chat", channel = Webchat, config = AcmeConfig, outbound = OutboundMessage, inbound)]
#[strategy(capabilities = CAPABILITIES, idempotency = native(86_400_000), contract = fixture::AcmeFixture)]
pub(crate) struct AcmeChat {
    http: Arc<dyn HttpClient>,
}

impl AcmeChat {
    pub(crate) fn new(http: Arc<dyn HttpClient>) -> Self {
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
        let answer = self.http.call(request, CallOptions::DEFAULT.with_timeout(cx.remaining())).await?;
        if let Some((error, reach)) = status_error(answer.status(), retry_after(answer.headers(), cx.now())) {
            return Err(error.reach(reach));
        }
        match serde_json::from_slice::<Accepted>(answer.body()) {
            Ok(accepted) => Ok(Receipt::accepted(accepted.id)),
            Err(_) => Err(SendError::of(ErrorKind::Protocol, "accepted without an id").maybe()),
        }
    }
}

#[derive(Deserialize)]
struct Webhook<'a> {
    #[serde(borrow)]
    messages: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Incoming {
    id: ProviderMessageId,
    from: String,
    #[serde(default, rename = "type")]
    kind: Option<String>,
    text: Option<String>,
    at_ms: i64,
}

impl InboundStrategy<AcmeConfig> for AcmeChat {
    async fn verify(&self, request: &InboundRequest, cx: &InboundContext<AcmeConfig>) -> Result<Verified, VerifyError> {
        let site = request.segment(0).ok_or(VerifyError::NotFound)?;
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
    let what = match (incoming.kind, incoming.text) {
        (None, Some(text)) => Event::message(Content::text(text)),
        (kind, _) => Event::Unknown { provider_type: kind.unwrap_or_default() },
    };
    let mut event = RoutedEvent::new(what, incoming.id.as_str(), bytes.clone());
    event.conversation = ConversationId::new(&incoming.from).ok();
    event.from = from.into();
    event.occurred_at_ms = Some(incoming.at_ms);
    event.provider_ids = vec![incoming.id];
    Ok(event)
}

mod fixture {
    use serde_json::json;
    use zengine_connector::Reach;
    use zengine_connector::testing::contract::{self, ErrorRow, Fixture, Inbound, Outbound, SampleTenant, Wire};

    use super::*;

    pub(super) struct AcmeFixture;

    impl Fixture for AcmeFixture {
        type Strategy = AcmeChat;

        fn strategy(wire: &Wire) -> AcmeChat {
            AcmeChat::new(wire.http())
        }

        fn tenant(n: usize) -> SampleTenant {
            SampleTenant::new(json!({ "api_key": { "secret": "key" }, "webhook_secret": { "secret": "hook" } }))
                .secret("key", format!("acme-key-{n}"))
                .secret("hook", format!("acme-hook-{n}"))
                .route("site", format!("site-{n}"))
        }

        fn outbound() -> Option<Outbound> {
            let message = |sample: &contract::Sample| {
                OutboundMessage::text(Identity::opaque("acme", &sample.word("visitor")).unwrap(), sample.text())
            };
            Some(Outbound::new(message).provider(|call| contract::json(200, &json!({ "id": format!("m-{}", call.n()) }))).error_table([
                ErrorRow::new(contract::json(400, &json!({ "error": "text" })), ErrorKind::InvalidContent, Reach::Processed),
                ErrorRow::new(contract::json(401, &json!({})), ErrorKind::Unauthorized, Reach::Processed),
                ErrorRow::new(contract::text(502, "bad gateway"), ErrorKind::Unavailable, Reach::Maybe),
            ]))
        }

        fn inbound() -> Option<Inbound> {
            let element = |sample: &contract::Sample| json!({ "id": sample.word("message"), "from": sample.word("visitor"), "text": sample.text(), "at_ms": sample.at_ms() });
            let request = |delivery: &contract::Delivery| {
                let secret = Secret::new(format!("acme-hook-{}", delivery.tenant).into_bytes());
                http::Request::post(format!("/site-{}", delivery.tenant))
                    .header("acme-signature", SIGNATURE.sign(&delivery.body, &secret))
                    .body(delivery.body.clone())
                    .unwrap()
            };
            Some(
                Inbound::new(element, |_, elements| json!({ "messages": elements }), request)
                    .signature("acme-signature")
                    .unknown([json!({ "id": "u-1", "from": "canary-visitor-00001", "type": "hologram", "at_ms": 1 })]),
            )
        }
    }
}
