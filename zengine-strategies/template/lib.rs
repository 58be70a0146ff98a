#![doc = include_str!("../docs.md")]

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, from_slice, from_str, json, value::RawValue};
use zengine_connector::{
    Configure, ConfigureContext, Content, ConversationId, Error, ErrorKind, Event, HttpClient, Identity, InboundContext, InboundStrategy,
    OutboundMessage, OutboundStrategy, ProviderMessageId, Receipt, Secret, SendContext, SendError, Strategy,
    http::{CallOptions, RequestBuilder, answer_error},
    ids::RouteKey,
    message::{Capabilities, ElementError, Length, State, Status},
    schemars,
    strategy::{InboundRequest, ProviderKey, RawPayload, RoutedEvent, Verified, VerifyError},
    verify::HmacSha256,
};

/// Configuration of a tenant.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AcmeChatConfig {
    /// Name of the tenant's site: the last part of the webhook's path.
    pub site: String,
    /// Key of the tenant's account.
    pub api_key: Secret<String>,
    /// Signing secret of the tenant's webhooks.
    pub webhook_secret: Secret<String>,
}

const CAPABILITIES: Capabilities = Capabilities::NONE.with_text(Length::chars(2000)); // and nothing else

/// Sends and receives messages through Acme Chat.
#[derive(Debug, Strategy)]
#[strategy(name = "acme-chat", channel = Messenger, config = AcmeChatConfig)]
#[strategy(outbound = OutboundMessage, inbound, capabilities = CAPABILITIES, idempotency = none)] // or native(window_ms)
pub struct AcmeChat {
    http: Arc<dyn HttpClient>,
    base_url: String,
}

impl AcmeChat {
    /// Creates an instance, which serves all tenants. The host chooses the provider's address.
    pub fn new(http: Arc<dyn HttpClient>, base_url: impl Into<String>) -> Self {
        Self { http, base_url: base_url.into() }
    }
}

impl Configure<AcmeChatConfig> for AcmeChat {
    type Tenant = AcmeChatConfig;

    async fn configure(&self, config: AcmeChatConfig, _: &ConfigureContext) -> Result<Self::Tenant, Error> {
        Ok(config)
    }
}

impl OutboundStrategy<AcmeChatConfig, OutboundMessage> for AcmeChat {
    async fn send(&self, tenant: &Self::Tenant, message: &OutboundMessage, cx: &SendContext) -> Result<Receipt, SendError> {
        let (Some(to), Content::Text(text)) = (message.to.preferred(), &message.content) else {
            return Err(SendError::domain("only text to one person can be sent").not_sent());
        };
        let request = RequestBuilder::post(&self.base_url)
            .segments(["messages"])
            .bearer(&tenant.api_key)
            .header("idempotency-key", cx.provider_key().as_str())
            .json(&json!({ "to": to.value(), "text": text.body, "reference": cx.provider_key() }))
            .build()?;
        let answer = self.http.call(request, CallOptions::DEFAULT.with_timeout(cx.remaining())).await?;
        // If the provider has error codes of its own, check them first: they say more than a status.
        if let Some((error, reach)) = answer_error(&answer, cx.now()) {
            return Err(error.reach(reach));
        }
        let id = from_slice(answer.body()).ok().and_then(|accepted: Value| ProviderMessageId::new(accepted["id"].as_str()?).ok());
        Ok(Receipt::accepted(id.ok_or_else(|| SendError::of(ErrorKind::Protocol, "accepted without an id").maybe())?))
    }
}

impl InboundStrategy<AcmeChatConfig> for AcmeChat {
    async fn verify(&self, request: &InboundRequest, cx: &InboundContext<Self::Tenant>) -> Result<Verified, VerifyError> {
        let signature = HmacSha256::hex().read(request.header("x-signature"))?;
        let site = RouteKey::new("site", request.segment(0).ok_or(VerifyError::NotFound)?);
        let tenant = cx.find_one(&site).await?;
        signature.check(request.body(), &[tenant.webhook_secret.to_bytes()])?;
        Ok(Verified::tenant(&tenant, request.body().clone()))
    }

    fn routes(&self, config: &AcmeChatConfig) -> Vec<RouteKey> {
        vec![RouteKey::new("site", &config.site)]
    }

    fn normalize(&self, payload: &RawPayload) -> Vec<Result<RoutedEvent, ElementError>> {
        let Ok(elements) = from_slice::<Vec<&RawValue>>(payload.body()) else {
            return vec![Err(ElementError::new("", "not a list of events", payload.body().clone()))];
        };
        let read = |(n, element): (usize, &RawValue)| {
            let raw = payload.slice_of(element.get());
            event(element.get(), raw.clone()).map_err(|reason| ElementError::new(format!("/{n}"), reason, raw))
        };
        elements.into_iter().take(payload.max_elements().saturating_add(1)).enumerate().map(read).collect()
    }
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Known {
    Message { id: ProviderMessageId, from: String, text: String, at_ms: i64 },
    Status { id: ProviderMessageId, state: State, reference: Option<String>, at_ms: i64 },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Element {
    Known(Known),
    Other { r#type: String },
}

fn event(json: &str, raw: bytes::Bytes) -> Result<RoutedEvent, &'static str> {
    match from_str(json).map_err(|_| "no type")? {
        Element::Known(Known::Message { id, from, text, at_ms }) => {
            let sender = Identity::opaque("acme-chat", &from).map_err(|_| "invalid sender")?;
            let mut event = RoutedEvent::new(Event::message(Content::text(text)), format!("message {id}"), raw);
            (event.from, event.conversation) = (sender.into(), ConversationId::new(&from).ok());
            (event.occurred_at_ms, event.provider_ids) = (Some(at_ms), vec![id]);
            Ok(event)
        }
        Element::Known(Known::Status { id, state, reference, at_ms }) => {
            let mut event = RoutedEvent::new(Event::Status(Status::new(id.as_str(), state)), format!("{} {id}", state.as_str()), raw);
            (event.occurred_at_ms, event.reference) = (Some(at_ms), reference.map(ProviderKey::echoed));
            Ok(event)
        }
        Element::Other { r#type } if r#type == "message" => Err("not a message of this provider"),
        Element::Other { r#type } => Ok(RoutedEvent::new(Event::Unknown { provider_type: r#type }, json, raw)),
    }
}
