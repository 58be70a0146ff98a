#![doc = include_str!("../docs.md")]

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use bytes::Bytes;
use serde::Deserialize;
use zengine_connector::{
    Configure, ConfigureContext, Content, ConversationId, Error, ErrorKind, Event, HttpClient, Identity, InboundContext, InboundStrategy,
    OutboundMessage, OutboundStrategy, ProviderMessageId, Receipt, Secret, SendContext, SendError, Strategy,
    http::{CallOptions, RequestBuilder, answer_error, pairs},
    ids::RouteKey,
    message::{Capabilities, Cost, ElementError, Failure, IdentityKind, Length, State, Status},
    schemars,
    strategy::{InboundRequest, Origin, ProviderKey, Rate, RawPayload, RoutedEvent, Scopes, Verified, VerifyError},
    verify::{BasicAuth, BasicCredentials},
};

/// Configuration of a tenant.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AcmeSmsConfig {
    /// Id of the account.
    pub account: String,
    /// Password of the account.
    pub password: Secret<String>,
    /// Number that messages are sent from.
    pub sender: String,
    /// Password of the tenant's webhooks.
    pub webhook_password: Secret<String>,
}

/// A tenant: its configuration, and the credentials of its webhooks.
#[derive(Debug)]
pub struct AcmeSmsTenant {
    config: AcmeSmsConfig,
    webhook: BasicCredentials,
}

const CAPABILITIES: Capabilities = Capabilities::NONE.with_text(Length::chars(1000)).with_sms_parts(7);

/// Sends and receives SMS through Acme.
#[derive(Debug, Strategy)]
#[strategy(name = "acme-sms", channel = Sms, config = AcmeSmsConfig)]
#[strategy(outbound = OutboundMessage, inbound, capabilities = CAPABILITIES, idempotency = none)]
pub struct AcmeSms {
    http: Arc<dyn HttpClient>,
    base_url: String,
}

impl AcmeSms {
    /// Creates an instance, which serves all tenants. The host chooses the provider's address.
    pub fn new(http: Arc<dyn HttpClient>, base_url: impl Into<String>) -> Self {
        Self { http, base_url: base_url.into() }
    }
}

impl Configure<AcmeSmsConfig> for AcmeSms {
    type Tenant = AcmeSmsTenant;

    async fn configure(&self, config: AcmeSmsConfig, _: &ConfigureContext) -> Result<AcmeSmsTenant, Error> {
        let unusable = |error| Error::new(ErrorKind::ConfigInvalid, "the account or a password cannot be used").with_source(error);
        let webhook = BasicCredentials::new(&config.account, &config.webhook_password.to_bytes()).map_err(unusable)?;
        Ok(AcmeSmsTenant { config, webhook })
    }
}

impl OutboundStrategy<AcmeSmsConfig, OutboundMessage> for AcmeSms {
    async fn send(&self, tenant: &AcmeSmsTenant, message: &OutboundMessage, cx: &SendContext) -> Result<Receipt, SendError> {
        let (Some(to), Content::Text(text)) = (message.to.id(IdentityKind::Phone), &message.content) else {
            return Err(SendError::domain("only text to a phone number can be sent").not_sent());
        };
        let (config, reference) = (&tenant.config, cx.provider_key().as_str());
        let request = RequestBuilder::post(&self.base_url)
            .segments(["messages"])
            .basic(&config.account, &config.password)
            .form([("to", to.value()), ("from", &config.sender), ("text", &text.body), ("ref", reference)])
            .build()?;
        let answer = self.http.call(request, CallOptions::DEFAULT.with_timeout(cx.remaining())).await?;
        let fields: HashMap<_, _> = pairs(answer.body()).flatten().collect();
        match fields.get("code").map(Cow::as_ref) {
            Some("21") => return Err(SendError::of(ErrorKind::InvalidRecipient, "no such number").code("21").processed()),
            Some("30") => return Err(SendError::of(ErrorKind::OptedOut, "the recipient opted out").code("30").processed()),
            _ => {}
        }
        if let Some((error, reach)) = answer_error(&answer, cx.now()) {
            return Err(error.reach(reach));
        }
        let id = fields.get("id").and_then(|id| ProviderMessageId::new(id.as_ref()).ok());
        Ok(Receipt::accepted(id.ok_or_else(|| SendError::of(ErrorKind::Protocol, "accepted without an id").maybe())?))
    }

    fn scopes(&self, tenant: &AcmeSmsTenant, _: &OutboundMessage, scopes: &mut Scopes) {
        scopes.sender(&tenant.config.sender, Rate::per_second(100));
    }
}

impl InboundStrategy<AcmeSmsConfig> for AcmeSms {
    async fn verify(&self, request: &InboundRequest, cx: &InboundContext<AcmeSmsTenant>) -> Result<Verified, VerifyError> {
        let given = BasicAuth::DEFAULT.read(request.header("authorization"))?;
        let account = RouteKey::new("account", request.segment(0).ok_or(VerifyError::NotFound)?);
        let tenant = cx.find_one(&account).await?;
        given.check(std::slice::from_ref(&tenant.webhook))?;
        let Origin::Http { parts, .. } = request.origin() else { return Err(VerifyError::NotFound) };
        match parts.method {
            http::Method::POST => Ok(Verified::tenant(&tenant, request.body().clone())),
            http::Method::GET => Ok(Verified::tenant(&tenant, parts.uri.query().unwrap_or_default().to_owned().into())),
            _ => Err(VerifyError::MethodNotAllowed("GET, POST")),
        }
    }

    fn routes(&self, config: &AcmeSmsConfig) -> Vec<RouteKey> {
        vec![RouteKey::new("account", &config.account)]
    }

    fn takes_json(&self) -> bool {
        false
    }

    fn normalize(&self, payload: &RawPayload) -> Vec<Result<RoutedEvent, ElementError>> {
        vec![event(payload.body()).map_err(|reason| ElementError::new("", reason, payload.body().clone()))]
    }
}

fn event(raw: &Bytes) -> Result<RoutedEvent, &'static str> {
    let fields: HashMap<_, _> = pairs(raw).collect::<Result<_, _>>().map_err(|_| "not a form")?;
    let field = |name: &str| fields.get(name).map(Cow::as_ref);
    let id = field("id").and_then(|id| ProviderMessageId::new(id).ok()).ok_or("no id")?;
    let status = |state, word| {
        let mut status = Status::new(id.as_str(), state);
        status.failure = match field("reason") {
            Some("absent") => Some(Failure::new(Some(false))),
            Some("unknown") => Some(Failure::new(Some(true))),
            Some("blocked") => Some(Failure::suppressed()),
            _ => None,
        };
        status.cost = field("price").zip(field("currency")).and_then(|(price, currency)| Cost::of(price, currency).ok());
        status.parts = field("parts").and_then(|parts| parts.parse().ok());
        (Event::Status(status), format!("{word} {id}"))
    };
    let (what, dedup) = match (field("text"), field("status")) {
        (Some(text), _) => (Event::message(Content::text(text)), format!("message {id}")),
        (None, Some("sent")) => status(State::Sent, "sent"),
        (None, Some("delivered")) => status(State::Delivered, "delivered"),
        (None, Some("failed")) => status(State::Failed, "failed"),
        (None, word) => {
            let word = word.unwrap_or("nothing");
            (Event::Unknown { provider_type: word.to_owned() }, format!("{word} {id}"))
        }
    };
    let mut event = RoutedEvent::new(what, dedup, raw.clone());
    if let Some(from) = field("from") {
        (event.from, event.conversation) = (Identity::phone(from).map_err(|_| "not a number")?.into(), ConversationId::new(from).ok());
    }
    event.occurred_at_ms = field("at").and_then(|at| at.parse::<i64>().ok()).map(|seconds| seconds.saturating_mul(1000));
    (event.reference, event.provider_ids) = (field("ref").map(|key| ProviderKey::echoed(key.to_owned())), vec![id]);
    Ok(event)
}
