//! A strategy that sends and receives, a chat that answers in the response, and one that only asks.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use zengine_connector::{
    Configure, ConfigureContext, Content, ConversationId, Error, ErrorKind, Event, EventContext, HealthContext, Identity, InboundContext,
    InboundEvent, InboundStrategy, OutboundMessage, OutboundStrategy, ProviderMessageId, Receipt, Secret, SecretRef, SendContext,
    SendError, Strategy,
    ids::RouteKey,
    message::{Capabilities, Effect, ElementError, Length, Message, Party, State, Status},
    schemars,
    strategy::{
        Admit, Handled, HealthStatus, InboundRequest, MediaFile, MediaRequest, ProviderKey, RawPayload, RoutedEvent, Sessions, Verified,
        VerifyError,
    },
};

const TEXT: Capabilities = Capabilities::NONE.with_text(Length::chars(100));

/// Two secrets.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "only resolving them matters")]
pub(crate) struct AcmeConfig {
    token: Secret<String>,
    second: Secret<String>,
}

/// Keeps the key of each message that it sent.
#[derive(Strategy, Clone, Default)]
#[strategy(name = "acme", channel = WhatsApp, config = AcmeConfig, outbound = OutboundMessage, inbound, capabilities = TEXT)]
pub(crate) struct Acme(pub(crate) Arc<Mutex<Vec<ProviderKey>>>);

#[derive(Strategy)]
#[strategy(name = "acme-chat", channel = Webchat, config = AcmeConfig, inbound, reply = synchronous(2_000), capabilities = TEXT)]
pub(crate) struct AcmeChat;

#[derive(Strategy)]
#[strategy(name = "acme-shelf", channel = Webchat, config = AcmeConfig, outbound = Question)]
pub(crate) struct AcmeShelf;

/// A message that only asks.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct Question {}

impl Message for Question {
    fn effect(&self) -> Effect {
        Effect::Read
    }
}

macro_rules! configure {
    ($($strategy:ty),*) => {$(
        impl Configure<AcmeConfig> for $strategy {
            type Tenant = ();

            async fn configure(&self, _: AcmeConfig, _: &ConfigureContext) -> Result<(), Error> {
                Ok(())
            }

            async fn healthcheck(&self, (): &(), _: &HealthContext) -> HealthStatus {
                HealthStatus::Healthy
            }
        }
    )*};
}
configure!(Acme, AcmeChat, AcmeShelf);

/// Adds one to a number in the sessions.
async fn count(sessions: &Sessions) -> Result<(), zengine_connector::strategy::SessionError> {
    let stored = sessions.get::<u32>("count").await?;
    let (value, version) = stored.map_or((0, None), |stored| (stored.value, Some(stored.version)));
    sessions.put("count", &(value + 1), version, Duration::from_secs(3600)).await?;
    Ok(())
}

impl OutboundStrategy<AcmeConfig, OutboundMessage> for Acme {
    /// "count" uses the sessions first; the answer to "lost" is lost.
    async fn send(&self, (): &(), message: &OutboundMessage, cx: &SendContext) -> Result<Receipt, SendError> {
        if message.content == Content::text("count") {
            count(cx.sessions()).await.map_err(|error| error.into_send_error().not_sent())?;
        }
        self.0.lock().unwrap().push(cx.provider_key().clone());
        if message.content == Content::text("lost") {
            return Err(SendError::of(ErrorKind::Timeout, "no answer").maybe());
        }
        Ok(Receipt::accepted(ProviderMessageId::new("p1").unwrap()))
    }
}

impl OutboundStrategy<AcmeConfig, Question> for AcmeShelf {
    async fn send(&self, (): &(), _: &Question, _: &SendContext) -> Result<Receipt, SendError> {
        Ok(Receipt::accepted(ProviderMessageId::new("a1").unwrap()))
    }
}

/// One element of a payload.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Element {
    pub(crate) id: String,
    pub(crate) text: String,
    pub(crate) conversation: Option<String>,
    pub(crate) routes: Vec<String>,
    /// The key of the send that it is a delivery status of.
    pub(crate) status_of: Option<String>,
}

fn elements(payload: &RawPayload) -> Vec<Result<RoutedEvent, ElementError>> {
    let Ok(elements) = serde_json::from_slice::<Vec<Element>>(payload.body()) else {
        return vec![Err(ElementError::new("", "not a list", payload.body().clone()))];
    };
    let event = |element: Element| {
        let event = match element.status_of {
            Some(_) => Event::Status(Status::new("p1", State::Delivered)),
            None => Event::message(Content::text(element.text)),
        };
        let mut routed = RoutedEvent::new(event, element.id, payload.body().clone());
        routed.from = Party::of(Identity::opaque("acme", "visitor").unwrap());
        routed.conversation = element.conversation.map(|text| ConversationId::new(text).unwrap());
        routed.routes = element.routes.into_iter().map(|value| RouteKey::new("path", value)).collect();
        routed.reference = element.status_of.map(ProviderKey::echoed);
        Ok(routed)
    };
    elements.into_iter().map(event).collect()
}

/// The text of a message.
pub(crate) fn text_of(event: &InboundEvent) -> &str {
    match &event.event {
        Event::Message { content: Content::Text(text) } => &text.body,
        _ => "",
    }
}

impl InboundStrategy<AcmeConfig> for Acme {
    /// `/shared` is the endpoint of all tenants, vouched for by a secret of the application.
    async fn verify(&self, request: &InboundRequest, cx: &InboundContext<()>) -> Result<Verified, VerifyError> {
        if request.path() == "/shared" {
            cx.secret(&SecretRef::named("app")).await?;
            return Ok(Verified::shared(request.body().clone()));
        }
        let tenant = cx.find_one(&RouteKey::new("path", request.path())).await?;
        Ok(Verified::tenant(&tenant, request.body().clone()))
    }

    fn normalize(&self, payload: &RawPayload) -> Vec<Result<RoutedEvent, ElementError>> {
        elements(payload)
    }

    async fn admit(&self, (): &(), event: &mut InboundEvent, cx: &EventContext) -> Result<Admit, Error> {
        if text_of(event) == "count" {
            count(cx.sessions()).await.map_err(|error| Error::new(ErrorKind::Store, "no session").with_source(error))?;
        }
        Ok(Admit::Pass)
    }

    async fn media(&self, (): &(), _: &MediaRequest, _: &EventContext) -> Result<MediaFile, SendError> {
        Ok(MediaFile::new("media"))
    }
}

impl InboundStrategy<AcmeConfig> for AcmeChat {
    /// A GET is a poll.
    async fn verify(&self, request: &InboundRequest, cx: &InboundContext<()>) -> Result<Verified, VerifyError> {
        let tenant = cx.find_one(&RouteKey::new("path", request.path())).await?;
        if request.method() == Some(&http::Method::GET) {
            return Ok(Verified::poll(&tenant, ConversationId::new("c").unwrap(), None));
        }
        Ok(Verified::tenant(&tenant, request.body().clone()))
    }

    fn normalize(&self, payload: &RawPayload) -> Vec<Result<RoutedEvent, ElementError>> {
        elements(payload)
    }

    async fn respond(&self, _: &InboundRequest, handled: &Handled, _: Option<&()>) -> http::Response<Bytes> {
        let replies: Vec<_> = handled.replies.iter().map(|reply| &reply.content).collect();
        let body = serde_json::json!({ "replies": replies }).to_string();
        let status = if handled.unstored > 0 { 503 } else { 200 };
        http::Response::builder().status(status).body(body.into()).unwrap()
    }
}
