//! The strategy, sound or with one [`Flaw`].

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};
use zengine_connector::{
    Configure, ConfigureContext, Content, ConversationId, Error, ErrorKind, Event, EventContext, HttpClient, Identity, InboundContext,
    InboundEvent, InboundStrategy, OutboundMessage, OutboundStrategy, ProviderMessageId, Reach, Receipt, Secret, SendContext, SendError,
    Strategy,
    error::{Step, StepReach},
    http::{CallOptions, RequestBuilder, answer_error},
    ids::RouteKey,
    message::{Capabilities, ElementError, EndReason, Length, Participant, Role, SessionChange, SessionEvent, SessionNotice},
    schemars,
    strategy::{
        Admit, ConversationProvider, Conversations, InboundRequest, OpenRequest, RaisedEvent, RawPayload, RoutedEvent, Verified,
        VerifyError,
        conversations::{Ending, Live, Opened, Resolution},
    },
    verify::HmacSha256,
};

use crate::flaw::Flaw;

/// Configuration of a tenant.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeskConfig {
    /// Name of the desk.
    desk: String,
    /// Key of the account.
    api_key: Secret<String>,
    /// Signing secret of the webhooks.
    webhook_secret: Secret<String>,
}

const CAPABILITIES: Capabilities = Capabilities::NONE.with_text(Length::chars(2000)).with_session();

/// Sends and receives through the desk.
#[derive(Debug, Strategy)]
#[strategy(name = "pigeon-desk", channel = ContactCentre, config = DeskConfig)]
#[strategy(outbound = OutboundMessage, inbound, capabilities = CAPABILITIES, idempotency = none)]
pub(crate) struct PigeonDesk {
    pub(crate) http: Arc<dyn HttpClient>,
    pub(crate) flaw: Flaw,
}

/// What is kept of a conversation.
#[derive(Serialize, Deserialize)]
struct Token {
    token: String,
}

/// One send.
struct Desk<'a> {
    strategy: &'a PigeonDesk,
    tenant: &'a DeskConfig,
    cx: &'a SendContext,
}

impl Configure<DeskConfig> for PigeonDesk {
    type Tenant = DeskConfig;

    async fn configure(&self, config: DeskConfig, _: &ConfigureContext) -> Result<DeskConfig, Error> {
        Ok(config)
    }
}

impl OutboundStrategy<DeskConfig, OutboundMessage> for PigeonDesk {
    async fn send(&self, tenant: &DeskConfig, message: &OutboundMessage, cx: &SendContext) -> Result<Receipt, SendError> {
        let Some(customer) = message.to.preferred() else {
            return Err(SendError::of(ErrorKind::InvalidRecipient, "no identity").not_sent());
        };
        let (desk, conversations) = (Desk { strategy: self, tenant, cx }, Conversations::of(cx.sessions()));
        match &message.content {
            Content::Text(text) if self.flaw == Flaw::LeavesBeforeSend => {
                let turn = conversations.join(cx, customer, &desk).await?;
                let live = Live::clone(&turn);
                conversations.leave(turn).await;
                pause(20 - u64::from(text.body.bytes().filter(u8::is_ascii_digit).map(|digit| digit - b'0').sum::<u8>())).await;
                desk.post(live, &text.body).await
            }
            Content::Text(text) if self.flaw == Flaw::OpensForEach => {
                let live = conversations.get::<Token>(customer).await.map_err(|error| error.into_send_error().not_sent())?;
                if live.is_none() {
                    desk.call(&["desk"], &format!("{}", cx.client_message_id()), &json!({})).await?;
                }
                conversations.send(cx, customer, &desk, |live| desk.post(live, &text.body)).await
            }
            Content::Text(text) => {
                if self.flaw == Flaw::RaisesEachTime
                    && let Ok(Some(live)) = conversations.get::<Token>(customer).await
                {
                    desk.started(&live.id, live.generation + 1_000 + u64::from(text.body.as_bytes()[16]), customer).await;
                }
                if self.flaw == Flaw::LocksForGood {
                    let lock = cx.sessions().put("lock", &1, None, Duration::from_secs(86_400)).await;
                    lock.map_err(|error| error.into_send_error().not_sent())?;
                }
                let sent = conversations.send(cx, customer, &desk, |live| desk.post(live, &text.body)).await;
                if self.flaw == Flaw::LocksForGood
                    && let Ok(Some(lock)) = cx.sessions().get::<u8>("lock").await
                {
                    let _ = cx.sessions().delete("lock", lock.version).await;
                }
                match sent {
                    Err(error) if self.flaw == Flaw::LostRaceIsRefusal && error.kind() == ErrorKind::Busy => {
                        Err(SendError::domain("the session was changed").processed())
                    }
                    sent => sent,
                }
            }
            Content::Session(SessionNotice::End { reason }) => {
                if self.flaw != Flaw::KeepsEnded {
                    conversations.end(customer, *reason, &desk).await?;
                }
                Ok(Receipt::accepted(ProviderMessageId::new("end").unwrap()))
            }
            _ => Err(SendError::domain("only text can be sent").not_sent()),
        }
    }
}

impl Desk<'_> {
    async fn call(&self, path: &[&str], key: &str, body: &Value) -> Result<Value, SendError> {
        let request = RequestBuilder::post("https://desk.example")
            .segments(path.iter().copied())
            .bearer(&self.tenant.api_key)
            .header("client-token", key)
            .json(body)
            .build()?;
        let answer = self.strategy.http.call(request, CallOptions::DEFAULT.with_timeout(self.cx.remaining())).await?;
        if answer.status() == 410 {
            return Err(SendError::of(ErrorKind::SessionClosed, "the conversation is gone").processed());
        }
        if let Some((error, reach)) = answer_error(&answer, self.cx.now()) {
            return Err(error.reach(reach));
        }
        serde_json::from_slice(answer.body()).map_err(|_| SendError::of(ErrorKind::Protocol, "not JSON").maybe())
    }

    async fn post(&self, live: Live<Token>, text: &str) -> Result<Receipt, SendError> {
        if self.strategy.flaw == Flaw::TokenInConversationLog {
            tracing::debug!(token = live.data.token, "posting");
        }
        let body = json!({ "token": live.data.token, "text": text });
        let answer = self.call(&["desk", &live.id, "letters"], self.cx.provider_key().as_str(), &body).await?;
        let id = answer["id"].as_str().and_then(|id| ProviderMessageId::new(id).ok());
        Ok(Receipt::accepted(id.ok_or_else(|| SendError::of(ErrorKind::Protocol, "accepted without an id").maybe())?))
    }

    /// Tells the host that a conversation is open.
    async fn started(&self, id: &str, generation: u64, customer: &Identity) {
        let Ok(conversation) = ConversationId::new(id) else { return };
        let mut raised = RaisedEvent::new(conversation, generation, SessionEvent::new(SessionChange::Started));
        if self.strategy.flaw != Flaw::RaisesWithoutCustomer {
            raised = raised.with_from(customer.clone());
        }
        self.cx.raise(raised).await;
    }
}

/// The error of an opening that may have happened: the text was surely not sent.
fn in_doubt(error: SendError) -> SendError {
    if error.reach() != Reach::Maybe {
        return error;
    }
    let doubt = SendError::of(error.kind(), "the opening is in doubt").source(error.into_error());
    doubt.step(Step::preparing("open", StepReach::Maybe)).step(Step::carrying("text", StepReach::NotSent)).maybe()
}

impl ConversationProvider for Desk<'_> {
    type Data = Token;

    async fn open(&self, opening: &OpenRequest) -> Result<Opened<Token>, SendError> {
        let answer = self.call(&["desk"], &opening.key, &json!({ "customer": opening.customer.value() })).await;
        let answer = match answer {
            Err(_) if self.strategy.flaw == Flaw::OpeningFailsMessage => {
                return Err(SendError::domain("no conversation").processed());
            }
            answer => answer.map_err(in_doubt)?,
        };
        match (answer["id"].as_str(), answer["token"].as_str()) {
            (Some(id), Some(token)) => {
                self.started(id, opening.generation, &opening.customer).await;
                Ok(Opened::new(id, Token { token: token.to_owned() }))
            }
            _ => Err(in_doubt(SendError::of(ErrorKind::Protocol, "opened without an id").maybe())),
        }
    }

    async fn resolve(&self, _: &OpenRequest) -> Result<Resolution<Token>, SendError> {
        Ok(Resolution::Repeat)
    }

    async fn close(&self, live: &Live<Token>, _: EndReason) -> Result<Ending, SendError> {
        self.call(&["desk", &live.id, "close"], &live.key, &json!({})).await?;
        Ok(Ending::Done)
    }

    fn is_gone(&self, error: &SendError) -> bool {
        error.kind() == ErrorKind::SessionClosed && self.strategy.flaw != Flaw::NeverReopens
    }
}

impl InboundStrategy<DeskConfig> for PigeonDesk {
    async fn verify(&self, request: &InboundRequest, cx: &InboundContext<DeskConfig>) -> Result<Verified, VerifyError> {
        let signature = HmacSha256::hex().read(request.header("x-signature"))?;
        let desk = RouteKey::new("desk", request.segment(0).ok_or(VerifyError::NotFound)?);
        let tenant = cx.find_one(&desk).await?;
        signature.check(request.body(), &[tenant.webhook_secret.to_bytes()])?;
        Ok(Verified::tenant(&tenant, request.body().clone()))
    }

    fn routes(&self, config: &DeskConfig) -> Vec<RouteKey> {
        vec![RouteKey::new("desk", &config.desk)]
    }

    fn normalize(&self, payload: &RawPayload) -> Vec<Result<RoutedEvent, ElementError>> {
        let Ok(elements) = serde_json::from_slice::<Vec<&RawValue>>(payload.body()) else {
            return vec![Err(ElementError::new("", "not a list of events", payload.body().clone()))];
        };
        let read = |(n, element): (usize, &RawValue)| {
            let raw = payload.slice_of(element.get());
            event(self.flaw, element.get(), raw.clone()).ok_or_else(|| ElementError::new(format!("/{n}"), "not an answer", raw))
        };
        elements.into_iter().enumerate().map(read).collect()
    }

    async fn admit(&self, _: &DeskConfig, event: &mut InboundEvent, cx: &EventContext) -> Result<Admit, Error> {
        let Some(id) = event.conversation.clone() else { return Ok(Admit::Drop("no conversation")) };
        let conversations = Conversations::of(cx.sessions());
        let found = conversations.find(id.as_str()).await.map_err(|error| error.into_send_error().not_sent().into_error())?;
        let Some(found) = found else {
            let foreign = self.flaw == Flaw::TakesForeign;
            return Ok(if foreign { Admit::Pass } else { Admit::Drop("not opened here") });
        };
        if self.flaw == Flaw::DropsLate {
            let live = conversations.get::<Token>(&found.customer).await.ok().flatten();
            if live.is_none_or(|live| live.id != id.as_str()) {
                return Ok(Admit::Drop("not the present conversation"));
            }
        }
        event.from = found.customer.into();
        Ok(Admit::Pass)
    }
}

#[derive(Deserialize)]
struct Answer {
    id: ProviderMessageId,
    conversation: String,
    text: String,
    /// The agent.
    by: String,
    /// Serial number.
    seq: u64,
}

fn event(flaw: Flaw, json: &str, raw: Bytes) -> Option<RoutedEvent> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let answer: Answer = serde_json::from_str(json).ok()?;
    let mut event = RoutedEvent::new(Event::message(Content::text(answer.text)), format!("answer {}", answer.id), raw);
    event.conversation = ConversationId::new(&answer.conversation).ok();
    event.provider_ids = vec![answer.id];
    event.sender = Some(Participant::new(Role::Agent).with_id(answer.by));
    event.sequence = Some(match flaw {
        Flaw::CountsSequence => COUNT.fetch_add(1, SeqCst),
        Flaw::SequenceFalls => u64::MAX - answer.seq,
        _ => answer.seq,
    });
    Some(event)
}

#[allow(clippy::disallowed_methods, reason = "a fault that sleeps where it must not")]
async fn pause(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

/// The message that ends a conversation.
pub(super) fn end(customer: Identity) -> OutboundMessage {
    OutboundMessage::new(customer, Content::Session(SessionNotice::End { reason: EndReason::Customer }))
}
