//! Small strategies: a shared endpoint, one endpoint per tenant, a chat that answers in the response, a keeper of
//! sessions, and a reader of a queue.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, header};
use serde::Deserialize;
use zengine_connector::{
    Configure, ConfigureContext, Content, ConversationId, Error, ErrorKind, Event, EventContext, Identity, InboundContext, InboundEvent,
    InboundStrategy, OutboundMessage, OutboundStrategy, ProviderMessageId, Receipt, SecretRef, SendContext, SendError, Strategy,
    error::{Step, StepReach},
    ids::{CorrelationId, RouteKey},
    message::{
        Capabilities, ElementError, EventSource, Failure, Length, MediaKind, MediaRule, Participant, Party, Role, SessionChange,
        SessionEvent, State, Status,
    },
    schemars,
    strategy::{
        Admit, CredentialFault, EventEncoding, FinalResponse, Handled, InboundRequest, MediaFile, MediaRequest, Origin, ProviderKey,
        RaisedEvent, RawPayload, ReplyCursor, RequestHead, RoutedEvent, SessionErrorKind, Verified, VerifyError,
    },
};

/// A tenant's configuration.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub(crate) struct AcmeConfig {
    /// Whether `configure` refuses it.
    #[serde(default)]
    broken: bool,
}

macro_rules! configure {
    ($($strategy:ty),*) => {$(
        impl Configure<AcmeConfig> for $strategy {
            type Tenant = AcmeConfig;

            async fn configure(&self, config: AcmeConfig, _: &ConfigureContext) -> Result<AcmeConfig, Error> {
                if config.broken { Err(Error::new(ErrorKind::ConfigInvalid, "broken on purpose")) } else { Ok(config) }
            }
        }
    )*};
}
configure!(AcmeQuick, AcmeShared, AcmeHook, AcmeChat, AcmeKeeper, AcmeQueue, AcmeFlaky, AcmeText, AcmeHasty);

/// One element of a payload.
#[derive(Deserialize)]
struct Element<'a> {
    #[serde(default)]
    routes: Vec<(String, String)>,
    #[serde(default)]
    id: String,
    #[serde(default)]
    conversation: Option<String>,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    status: Option<State>,
    #[serde(default)]
    failure: Option<Failure>,
    #[serde(default)]
    partial: bool,
    #[serde(default)]
    participant: Vec<Identity>,
    #[serde(default)]
    reference: Option<String>,
    #[serde(default)]
    fan_out: bool,
    /// Version and words by which it differs from another event under its id.
    #[serde(default)]
    same: Option<(u32, String)>,
    #[serde(default)]
    typing: bool,
    /// An event of any kind.
    #[serde(default)]
    event: Option<Event>,
    #[serde(default)]
    at_ms: Option<i64>,
    #[serde(default)]
    sender: Option<Participant>,
    #[serde(default)]
    sequence: Option<u64>,
    #[serde(default)]
    life: Option<String>,
    #[serde(default)]
    source: EventSource,
    #[serde(skip)]
    raw: &'a str,
}

impl Element<'_> {
    fn event(self, payload: &RawPayload) -> RoutedEvent {
        let event = match (self.status, self.text) {
            _ if self.event.is_some() => self.event.unwrap(),
            (Some(state), _) => {
                let mut status = Status::new("wamid.1", state);
                (status.failure, status.partial, status.participant) = (self.failure, self.partial, self.participant);
                Event::Status(status)
            }
            _ if self.typing => Event::Typing,
            (None, Some(text)) => Event::message(Content::text(text)),
            (None, None) => Event::Unknown { provider_type: "nothing".into() },
        };
        let mut routed = RoutedEvent::new(event, self.id, payload.slice_of(self.raw));
        routed.routes = self.routes.into_iter().map(|(kind, value)| RouteKey::new(kind, value)).collect();
        routed.conversation = self.conversation.map(|text| ConversationId::new(text).unwrap());
        routed.from = Party::of(Identity::opaque("acme", "visitor").unwrap());
        routed.reference = self.reference.map(ProviderKey::echoed);
        routed.fan_out = self.fan_out;
        routed.fingerprint = self.same.map(|(version, words)| EventEncoding::new(version, words));
        routed.occurred_at_ms = self.at_ms;
        (routed.sender, routed.sequence, routed.source) = (self.sender, self.sequence, self.source);
        routed.life = self.life;
        routed
    }
}

/// `[element, …]`; what is no element is an error of its own.
fn elements(payload: &RawPayload) -> Vec<Result<RoutedEvent, ElementError>> {
    assert!(&payload.body()[..] != b"panic", "normalize was told to");
    let Ok(parts) = serde_json::from_slice::<Vec<&serde_json::value::RawValue>>(payload.body()) else {
        return vec![Err(ElementError::new("", "not a list", payload.body().clone()))];
    };
    parts
        .iter()
        .enumerate()
        .map(|(n, part)| match serde_json::from_str::<Element<'_>>(part.get()) {
            Ok(element) => Ok(Element { raw: part.get(), ..element }.event(payload)),
            Err(_) => Err(ElementError::new(format!("/{n}"), "not an element", payload.slice_of(part.get()))),
        })
        .collect()
}

/// Receives for every tenant on one endpoint, authenticated by one secret of the application.
#[derive(Strategy)]
#[strategy(name = "acme-shared", channel = WhatsApp, config = AcmeConfig, inbound)]
pub(crate) struct AcmeShared;

impl InboundStrategy<AcmeConfig> for AcmeShared {
    async fn verify(&self, request: &InboundRequest, cx: &InboundContext<AcmeConfig>) -> Result<Verified, VerifyError> {
        let given = request.header("x-secret").ok_or(VerifyError::Unauthenticated(CredentialFault::Missing))?;
        assert!(given != "panic", "verify was told to");
        if given == "hang" {
            std::future::pending::<()>().await;
        }
        let secrets = cx.secret(&SecretRef::named("app")).await?;
        if !secrets.iter().any(|secret| secret.expose() == given.as_bytes()) {
            return Err(VerifyError::Unauthenticated(CredentialFault::Wrong));
        }
        Ok(Verified::shared(request.body().clone()))
    }

    fn normalize(&self, payload: &RawPayload) -> Vec<Result<RoutedEvent, ElementError>> {
        elements(payload)
    }

    async fn admit(&self, _: &AcmeConfig, event: &mut InboundEvent, _: &EventContext) -> Result<Admit, Error> {
        match text_of(event) {
            "admit: drop" => Ok(Admit::Drop("told to")),
            "admit: fail" => Err(Error::new(ErrorKind::Store, "told to fail")),
            "admit: panic" => panic!("admit was told to"),
            "admit: hang" => std::future::pending().await,
            _ => Ok(Admit::Pass),
        }
    }

    async fn respond(&self, request: &InboundRequest, handled: &Handled, _: Option<&AcmeConfig>) -> http::Response<Bytes> {
        match request.header("x-respond") {
            Some("panic") => panic!("respond was told to"),
            Some("hang") => std::future::pending().await,
            Some("always 200") => http::Response::new(Bytes::from_static(b"fine")),
            _ => handled.acknowledge(),
        }
    }
}

/// The text of a message; empty where the event is none.
pub(crate) fn text_of(event: &InboundEvent) -> &str {
    match &event.event {
        Event::Message { content: Content::Text(text) } => &text.body,
        Event::Session(change) => change.change.as_str(),
        _ => "",
    }
}

/// Receives for every tenant from anyone; while the flag is set, it panics over every payload.
#[derive(Strategy)]
#[strategy(name = "acme-flaky", channel = WhatsApp, config = AcmeConfig, inbound)]
pub(crate) struct AcmeFlaky(pub(crate) Arc<AtomicBool>);

impl InboundStrategy<AcmeConfig> for AcmeFlaky {
    async fn verify(&self, request: &InboundRequest, _: &InboundContext<AcmeConfig>) -> Result<Verified, VerifyError> {
        Ok(Verified::shared(request.body().clone()))
    }

    fn normalize(&self, payload: &RawPayload) -> Vec<Result<RoutedEvent, ElementError>> {
        assert!(!self.0.load(SeqCst), "normalize was told to");
        elements(payload)
    }
}

/// Receives on one endpoint per tenant, found by a token in the path.
#[derive(Strategy)]
#[strategy(name = "acme-hook", channel = WhatsApp, config = AcmeConfig, inbound)]
pub(crate) struct AcmeHook;

impl InboundStrategy<AcmeConfig> for AcmeHook {
    async fn verify(&self, request: &InboundRequest, cx: &InboundContext<AcmeConfig>) -> Result<Verified, VerifyError> {
        if request.method() == Some(&http::Method::GET) {
            return match request.query("challenge") {
                Some(challenge) => Ok(Verified::reply(http::Response::new(Bytes::from(challenge.into_owned())))),
                None => Err(VerifyError::MethodNotAllowed("POST")),
            };
        }
        let token = request.path().strip_prefix("/hook/").ok_or(VerifyError::Challenge("Basic", CredentialFault::Missing))?;
        assert!(request.header("x-verify") != Some("panic"), "verify was told to");
        let tenant = cx.find_one(&RouteKey::new("url_token", token)).await?;
        if request.header("x-verify") == Some("hang") {
            std::future::pending::<()>().await;
        }
        Ok(Verified::tenant(&tenant, request.body().clone()))
    }

    fn normalize(&self, payload: &RawPayload) -> Vec<Result<RoutedEvent, ElementError>> {
        elements(payload)
    }

    /// Tells the origin of a site, and the core's words as JSON.
    async fn finish(&self, request: &RequestHead, cx: &InboundContext<AcmeConfig>, response: &mut FinalResponse<'_>) {
        let Some(how) = request.header("x-finish") else { return };
        response.add_header(header::VARY, HeaderValue::from_static("origin"));
        if let Some(token) = request.path().strip_prefix("/hook/")
            && cx.find_one(&RouteKey::new("url_token", token)).await.is_ok()
        {
            response.add_header(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("https://acme.example"));
        }
        match how {
            "panic" => panic!("finish was told to"),
            "hang" => std::future::pending().await,
            "length" => response.add_header(header::CONTENT_LENGTH, HeaderValue::from_static("7")),
            "always a body" => response.set_body(HeaderValue::from_static("application/json"), "{}"),
            _ => {}
        }
        if let Some(reason) = response.reason() {
            let problem = serde_json::json!({ "title": reason, "status": response.status().as_u16() });
            response.set_body(HeaderValue::from_static("application/problem+json"), problem.to_string());
        }
    }
}

/// Receives for a provider that waits for 5 seconds.
#[derive(Strategy)]
#[strategy(name = "acme-quick", channel = WhatsApp, config = AcmeConfig, inbound, reply = acknowledge(4_500))]
pub(crate) struct AcmeQuick;

impl InboundStrategy<AcmeConfig> for AcmeQuick {
    async fn verify(&self, request: &InboundRequest, cx: &InboundContext<AcmeConfig>) -> Result<Verified, VerifyError> {
        if request.header("x-verify") == Some("hang") {
            std::future::pending::<()>().await;
        }
        let source = match request.origin() {
            Origin::Trusted { source, .. } => RouteKey::new("queue_arn", source),
            _ => RouteKey::new("url_token", request.path()),
        };
        Ok(Verified::tenant(&cx.find_one(&source).await?, request.body().clone()))
    }

    fn normalize(&self, payload: &RawPayload) -> Vec<Result<RoutedEvent, ElementError>> {
        elements(payload)
    }

    /// Adds outside of its future.
    fn finish(&self, _: &RequestHead, _: &InboundContext<AcmeConfig>, response: &mut FinalResponse<'_>) -> impl Future<Output = ()> + Send {
        response.add_header(header::VARY, HeaderValue::from_static("origin"));
        std::future::ready(())
    }
}

/// Gives no work the time to end.
#[derive(Strategy)]
#[strategy(name = "acme-hasty", channel = WhatsApp, config = AcmeConfig, inbound, reply = acknowledge(99))]
pub(crate) struct AcmeHasty;

impl InboundStrategy<AcmeConfig> for AcmeHasty {
    async fn verify(&self, request: &InboundRequest, _: &InboundContext<AcmeConfig>) -> Result<Verified, VerifyError> {
        Ok(Verified::shared(request.body().clone()))
    }

    fn normalize(&self, payload: &RawPayload) -> Vec<Result<RoutedEvent, ElementError>> {
        elements(payload)
    }
}

/// A chat that answers in the response and, where that comes too late, to a poll.
#[derive(Strategy)]
#[strategy(name = "acme-chat", channel = Webchat, config = AcmeConfig, inbound, reply = synchronous(2_000), capabilities = CHAT)]
pub(crate) struct AcmeChat;

const CHAT: Capabilities = Capabilities::NONE.with_text(Length::chars(100));

impl InboundStrategy<AcmeConfig> for AcmeChat {
    async fn verify(&self, request: &InboundRequest, cx: &InboundContext<AcmeConfig>) -> Result<Verified, VerifyError> {
        let tenant = cx.find_one(&RouteKey::new("site", request.path())).await?;
        if request.method() == Some(&http::Method::GET) {
            let conversation = request.query("conversation").and_then(|text| ConversationId::new(text).ok());
            let conversation = conversation.ok_or(VerifyError::Malformed("no conversation"))?;
            return Ok(Verified::poll(&tenant, conversation, request.query("after").map(std::borrow::Cow::into_owned)));
        }
        let verified = Verified::tenant(&tenant, request.body().clone());
        Ok(match request.query("seen") {
            Some(cursor) => verified.with(ReplyCursor(cursor.into_owned())),
            None => verified,
        })
    }

    fn normalize(&self, payload: &RawPayload) -> Vec<Result<RoutedEvent, ElementError>> {
        elements(payload)
    }

    async fn respond(&self, request: &InboundRequest, handled: &Handled, tenant: Option<&AcmeConfig>) -> http::Response<Bytes> {
        assert!(tenant.is_some(), "the tenant is known");
        if request.header("x-respond").is_some_and(|how| how == "hang") {
            std::future::pending::<()>().await;
        }
        let replies: Vec<_> = handled
            .replies
            .iter()
            .map(|reply| serde_json::json!({ "id": reply.id, "content": reply.content, "author": reply.author }))
            .collect();
        let body = serde_json::json!({
            "replies": replies, "pending": handled.pending, "cursor": handled.cursor,
            "conflict": handled.conflict, "resend": handled.resend,
        });
        let status = match () {
            () if handled.unstored > 0 => 503,
            () if !handled.conflict.is_empty() => 409,
            () if handled.pending => 202,
            () => 200,
        };
        http::Response::builder().status(status).body(Bytes::from(body.to_string())).unwrap()
    }
}

/// Counts the messages of a conversation in its sessions, each once, however often `admit` runs.
#[derive(Strategy)]
#[strategy(name = "acme-keeper", channel = WhatsApp, config = AcmeConfig, inbound)]
pub(crate) struct AcmeKeeper;

/// What the keeper knows of a conversation: the ids of its messages.
pub(crate) type Kept = Vec<String>;

impl InboundStrategy<AcmeConfig> for AcmeKeeper {
    async fn verify(&self, request: &InboundRequest, cx: &InboundContext<AcmeConfig>) -> Result<Verified, VerifyError> {
        let tenant = cx.find_one(&RouteKey::new("url_token", request.path())).await?;
        Ok(Verified::tenant(&tenant, request.body().clone()))
    }

    fn normalize(&self, payload: &RawPayload) -> Vec<Result<RoutedEvent, ElementError>> {
        elements(payload)
    }

    async fn admit(&self, _: &AcmeConfig, event: &mut InboundEvent, cx: &EventContext) -> Result<Admit, Error> {
        let key = format!("of-conversation/{}", event.conversation.as_ref().unwrap());
        let lost = |error: zengine_connector::strategy::SessionError| match error.kind {
            SessionErrorKind::Conflict => Error::new(ErrorKind::Busy, "somebody else was faster").with_source(error),
            _ => Error::new(ErrorKind::Store, "no session").with_source(error),
        };
        let stored = cx.sessions().get::<Kept>(&key).await.map_err(lost)?;
        let (mut kept, version) = stored.map_or((Kept::new(), None), |stored| (stored.value, Some(stored.version)));
        if !kept.contains(&event.id) {
            kept.push(event.id.clone());
            cx.sessions().put(&key, &kept, version, Duration::from_secs(3600)).await.map_err(lost)?;
        }
        event.from.name = Some(format!("message {}", kept.len()));
        Ok(Admit::Pass)
    }
}

/// Reads records of a queue that only the platform writes.
#[derive(Strategy)]
#[strategy(name = "acme-queue", channel = Webchat, config = AcmeConfig, inbound)]
pub(crate) struct AcmeQueue;

impl InboundStrategy<AcmeConfig> for AcmeQueue {
    async fn verify(&self, request: &InboundRequest, cx: &InboundContext<AcmeConfig>) -> Result<Verified, VerifyError> {
        match request.origin() {
            Origin::Trusted { source, .. } => {
                let tenant = cx.find_one(&RouteKey::new("queue_arn", source)).await?;
                Ok(Verified::tenant(&tenant, request.body().clone()))
            }
            _ => Err(VerifyError::Unauthenticated(CredentialFault::Missing)),
        }
    }

    fn normalize(&self, payload: &RawPayload) -> Vec<Result<RoutedEvent, ElementError>> {
        elements(payload)
    }
}

/// Takes texts, and bounds them itself.
#[derive(Strategy)]
#[strategy(name = "acme-text", channel = Webchat, config = AcmeConfig, inbound)]
pub(crate) struct AcmeText;

impl InboundStrategy<AcmeConfig> for AcmeText {
    async fn verify(&self, request: &InboundRequest, _: &InboundContext<AcmeConfig>) -> Result<Verified, VerifyError> {
        Ok(Verified::shared(request.body().clone()))
    }

    fn takes_json(&self) -> bool {
        false
    }

    fn normalize(&self, payload: &RawPayload) -> Vec<Result<RoutedEvent, ElementError>> {
        vec![Err(ElementError::new("", "a text of any brackets", payload.body().clone()))]
    }

    /// Adds outside of its future, which has no size.
    fn finish(&self, _: &RequestHead, _: &InboundContext<AcmeConfig>, response: &mut FinalResponse<'_>) -> impl Future<Output = ()> + Send {
        response.add_header(header::VARY, HeaderValue::from_static("origin"));
        Ended
    }
}

/// A future without a size.
struct Ended;

impl Future for Ended {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

/// Receives on one endpoint per tenant and sends.
#[derive(Strategy)]
#[strategy(name = "acme-both", channel = WhatsApp, config = AcmeConfig, outbound = OutboundMessage, inbound, capabilities = PHOTOS)]
pub(crate) struct AcmeBoth(pub(crate) Arc<Mutex<Vec<(String, OutboundMessage)>>>);
configure!(AcmeBoth);

impl OutboundStrategy<AcmeConfig, OutboundMessage> for AcmeBoth {
    async fn send(&self, _: &AcmeConfig, message: &OutboundMessage, cx: &SendContext) -> Result<Receipt, SendError> {
        if let Content::Text(text) = &message.content
            && let Some(generation) = text.body.strip_prefix("open ")
        {
            // Twice: the attempt is not sure that it did.
            for _ in 0..2 {
                let opened =
                    SessionEvent::new(SessionChange::Started).with_participant(Participant::new(Role::Agent).with_name("canary-agent"));
                let raised = RaisedEvent::new(ConversationId::new("c").unwrap(), generation.parse().unwrap(), opened);
                cx.raise(raised.with_from(Party::of(Identity::opaque("acme", "visitor").unwrap()))).await;
            }
        }
        // Of a conversation, a change: `c queued`; and the number of its life: `c queued 7`.
        if let Content::Text(text) = &message.content
            && let Some((conversation, change)) = text.body.split_once(' ')
            && let (change, life) = change.split_once(' ').unwrap_or((change, "1"))
            && let Some(change) = [SessionChange::Queued, SessionChange::Started, SessionChange::Transferred, SessionChange::Ended]
                .into_iter()
                .find(|known| known.as_str() == change)
        {
            let event = SessionEvent::new(change).with_participant(Participant::new(Role::Agent).with_name(life));
            cx.raise(RaisedEvent::new(ConversationId::new(conversation).unwrap(), life.parse().unwrap(), event)).await;
        }
        let mut sent = self.0.lock().unwrap();
        sent.push((cx.client_message_id().to_string(), message.clone()));
        assert_eq!(cx.correlation_id().map(CorrelationId::as_str), Some("req-1"));
        assert_eq!(cx.traceparent(), Some(TRACE));
        if message.content == Content::text("lost answer") {
            return Err(SendError::of(ErrorKind::Timeout, "no answer").maybe());
        }
        if message.content == Content::text("lost opening") {
            let (open, text) = (Step::preparing("open", StepReach::Maybe), Step::carrying("text", StepReach::NotSent));
            return Err(SendError::of(ErrorKind::Timeout, "no answer").step(open).step(text).maybe());
        }
        Ok(Receipt::accepted(ProviderMessageId::new(format!("p{}", sent.len())).unwrap()))
    }
}

const PHOTOS: Capabilities = CHAT
    .with_media(&[MediaRule { kind: MediaKind::Image, max_bytes: 100, mimes: &["image/png"], caption: None }])
    .with_media_bytes(100)
    .with_typing()
    .with_read_mark();

/// The trace of requests to it.
pub(crate) const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

impl InboundStrategy<AcmeConfig> for AcmeBoth {
    async fn verify(&self, request: &InboundRequest, cx: &InboundContext<AcmeConfig>) -> Result<Verified, VerifyError> {
        let tenant = cx.find_one(&RouteKey::new("url_token", request.path())).await?;
        Ok(Verified::tenant(&tenant, request.body().clone()))
    }

    fn normalize(&self, payload: &RawPayload) -> Vec<Result<RoutedEvent, ElementError>> {
        elements(payload)
    }

    async fn admit(&self, _: &AcmeConfig, event: &mut InboundEvent, cx: &EventContext) -> Result<Admit, Error> {
        assert_eq!((cx.correlation_id().map(CorrelationId::as_str), cx.traceparent()), (Some("req-1"), Some(TRACE)));
        event.provider_ids = vec![ProviderMessageId::new(format!("p-{}", event.id)).unwrap()];
        Ok(Admit::Pass)
    }

    async fn media(&self, _: &AcmeConfig, request: &MediaRequest, _: &EventContext) -> Result<MediaFile, SendError> {
        Ok(MediaFile::new(request.handle.clone()).with_mime("image/png"))
    }
}
