//! A strategy that records messages instead of sending them.

mod answer;

use std::{collections::VecDeque, fmt, marker::PhantomData, sync::Arc};

use hashbrown::HashMap;
use serde::Deserialize;

pub use answer::ProviderAnswer;

use crate::{
    error::{Error, SendError, Violation},
    ids::{ClientMessageId, ProviderMessageId, TenantId},
    message::{
        ButtonRules, Capabilities, Channel, EmailRules, Idempotency, Length, ListRules, MediaKind, MediaRule, OutboundMessage, Receipt,
        TagRules,
    },
    runtime::{ms, to_ms},
    schema::schema_of,
    strategy::{
        Configure, ConfigureContext, Descriptor, Direction, Halves, HealthContext, HealthStatus, Lookup, OutboundStrategy, ProviderKey,
        Reply, Scopes, SendContext, Strategy,
    },
    sync::Mutex,
};

/// A strategy for application tests: it accepts every message, records it, and answers otherwise on demand. It needs no
/// provider and no configuration (`{}`).
///
/// `P` selects the idempotency of the simulated provider: [`PlainProvider`], [`NativeProvider`] or [`QueryableProvider`].
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// use zengine_connector::{*, store::Memory, testing::Recording};
///
/// let recording = Recording::new();
/// let stores = Memory::new();
/// let tenant = TenantId::new("acme")?;
/// stores.put_tenant(&tenant, &StrategyName::new("recording")?, serde_json::json!({}));
///
/// let orchestrator = Orchestrator::builder().strategy(recording.clone()).stores(stores).build()?;
/// let message = OutboundMessage::text(Identity::phone("+15551230001")?, "hello");
/// let outcome = orchestrator.send(&tenant, "recording", "1", &message).await?;
///
/// assert!(matches!(outcome, Outcome::Delivered(_)));
/// assert_eq!(recording.sent()[0].message, message);
/// # Ok::<(), Error>(())
/// # }).unwrap();
/// ```
pub struct Recording<P = PlainProvider> {
    state: Arc<Mutex<RecordingState>>,
    provider: PhantomData<fn() -> P>,
}

#[derive(Default)]
struct RecordingState {
    script: VecDeque<ProviderAnswer>,
    default_answer: Option<ProviderAnswer>,
    lookups: VecDeque<ProviderAnswer>,
    calls: Vec<Sent>,
    accepted: Vec<Sent>,
    health: Option<HealthStatus>,
    scopes: Option<DeclareScopes>,
    violations: Vec<Violation>,
    idempotency: Option<Idempotency>,
    ids: HashMap<String, Known>,
}

/// Declares the scopes of a message.
type DeclareScopes = Arc<dyn Fn(&OutboundMessage, &mut Scopes) + Send + Sync>;

/// A message that the provider knows by its key.
struct Known {
    id: ProviderMessageId,
    /// Time of its acceptance, in milliseconds UTC.
    at_ms: i64,
}

impl Known {
    /// Returns `true` if this time passed since the acceptance.
    fn is_older(&self, than_ms: u64, now_ms: i64) -> bool {
        self.at_ms.saturating_add_unsigned(than_ms) <= now_ms
    }
}

/// One call to the simulated provider.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Sent {
    /// The tenant.
    pub tenant: TenantId,
    /// The caller's id.
    pub client_message_id: ClientMessageId,
    /// The idempotency key at the provider.
    pub provider_key: ProviderKey,
    /// The number of the attempt, from 1.
    pub attempt: u32,
    /// The message that the strategy received.
    pub message: OutboundMessage,
    /// The time of the call, in milliseconds UTC.
    pub at_ms: i64,
}

/// A kind of simulated provider, by its idempotency.
pub trait ProviderKind: Send + Sync + 'static {
    /// The descriptor of a [`Recording`] over this provider.
    const DESCRIPTOR: &'static Descriptor;
}

/// A provider without idempotency.
#[derive(Clone, Copy, Debug)]
pub struct PlainProvider;

/// A provider that drops duplicates of one key within an hour.
#[derive(Clone, Copy, Debug)]
pub struct NativeProvider;

/// A provider that answers look-ups; a message becomes visible to them after 10 s.
#[derive(Clone, Copy, Debug)]
pub struct QueryableProvider;

const fn descriptor(idempotency: Idempotency) -> Descriptor {
    Descriptor {
        name: "recording",
        summary: "Records messages instead of sending them.",
        channel: Channel::Messenger,
        capabilities: &EVERYTHING,
        idempotency,
        direction: Direction { outbound: true, inbound: false },
        reply: Reply::Acknowledge { within_ms: None },
        config_schema: schema_of::<RecordingConfig>,
        message_schema: schema_of::<OutboundMessage>,
    }
}

impl ProviderKind for PlainProvider {
    const DESCRIPTOR: &'static Descriptor = &descriptor(Idempotency::None);
}

impl ProviderKind for NativeProvider {
    const DESCRIPTOR: &'static Descriptor = &descriptor(Idempotency::Native { window_ms: 3_600_000 });
}

impl ProviderKind for QueryableProvider {
    const DESCRIPTOR: &'static Descriptor = &descriptor(Idempotency::Queryable { visible_after_ms: 10_000 });
}

const ANY: Length = Length::bytes(1 << 20);

const fn media(kind: MediaKind) -> MediaRule {
    MediaRule { kind, max_bytes: u64::MAX, mimes: &[], caption: Some(ANY) }
}

const EMAIL: EmailRules = EmailRules::new(1000, u64::MAX)
    .with_attachments(100)
    .with_attachment_links()
    .with_headers(&["*"], 100)
    .with_reserved_headers(&["X-Recording-*"])
    .with_tags(TagRules { max: 100, name: ANY, value: ANY, words: false })
    .with_html()
    .with_templates()
    .with_inline()
    .with_calendar()
    .with_unsubscribe()
    .with_thread()
    .with_tracking()
    .with_configuration_set()
    .with_international();

static EVERYTHING: Capabilities = Capabilities::NONE
    .with_text(ANY)
    .with_markdown()
    .with_html()
    .with_media(&[
        media(MediaKind::Image),
        media(MediaKind::Audio),
        media(MediaKind::Video),
        media(MediaKind::Document),
        media(MediaKind::Sticker),
    ])
    .with_media_bytes(u64::MAX)
    .with_buttons(ButtonRules { max: 100, title: ANY, id: ANY, body: ANY, footer: ANY, header: ANY })
    .with_list(ListRules { max_sections: 100, max_rows: 1000, button: ANY, section: ANY, title: ANY, description: ANY, id: ANY, body: ANY })
    .with_contacts(1000)
    .with_cta_url()
    .with_rich_interactive()
    .with_choice()
    .with_location()
    .with_reaction()
    .with_template()
    .with_typing()
    .with_read_mark()
    .with_session()
    .with_quote()
    .with_email(EMAIL)
    .with_native();

/// The empty configuration of [`Recording`].
#[derive(Clone, Copy, Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordingConfig {}

impl Recording {
    /// Creates a recording strategy over a [`PlainProvider`].
    pub fn new() -> Self {
        Self::default()
    }
}

impl<P> Default for Recording<P> {
    fn default() -> Self {
        Self { state: Arc::default(), provider: PhantomData }
    }
}

/// A clone shares the recording: register one, keep the other.
impl<P> Clone for Recording<P> {
    fn clone(&self) -> Self {
        Self { state: Arc::clone(&self.state), provider: PhantomData }
    }
}

impl<P> fmt::Debug for Recording<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording").field("calls", &self.state.lock().calls.len()).finish_non_exhaustive()
    }
}

impl<P> Recording<P> {
    /// Queues the answer to one call.
    pub fn answer(&self, answer: ProviderAnswer) {
        self.state.lock().script.push_back(answer);
    }

    /// Sets the answer to every call without a queued one. Defaults to [`ProviderAnswer::Accept`].
    pub fn answer_always(&self, answer: ProviderAnswer) {
        self.state.lock().default_answer = Some(answer);
    }

    /// Queues the answer to one look-up. [`ProviderAnswer::Accept`] answers truthfully: with the message, once it is visible.
    pub fn answer_lookup(&self, answer: ProviderAnswer) {
        self.state.lock().lookups.push_back(answer);
    }

    /// Sets the scopes that the strategy declares for a message. Defaults to none.
    ///
    /// ```
    /// use zengine_connector::{strategy::Rate, testing::Recording};
    ///
    /// let recording = Recording::new();
    /// recording.set_scopes(|_, scopes| {
    ///     scopes.account(Rate::per_second(10));
    /// });
    /// ```
    pub fn set_scopes(&self, declare: impl Fn(&OutboundMessage, &mut Scopes) + Send + Sync + 'static) {
        self.state.lock().scopes = Some(Arc::new(declare));
    }

    /// Sets the result of the health check. Defaults to [`HealthStatus::Healthy`].
    pub fn set_health(&self, health: HealthStatus) {
        self.state.lock().health = Some(health);
    }

    /// Sets what the strategy finds in every message before it is sent. Defaults to nothing.
    pub fn find_always(&self, violations: impl IntoIterator<Item = Violation>) {
        self.state.lock().violations = violations.into_iter().collect();
    }

    /// Sets what the strategy says of the provider's protection for its tenants, whatever the provider does. Defaults to `None`: the
    /// descriptor's.
    pub fn claim_idempotency(&self, idempotency: Option<Idempotency>) {
        self.state.lock().idempotency = idempotency;
    }

    /// All calls, in order, whatever the answer.
    pub fn calls(&self) -> Vec<Sent> {
        self.state.lock().calls.clone()
    }

    /// The accepted messages, in order: those that recipients would have received.
    pub fn sent(&self) -> Vec<Sent> {
        self.state.lock().accepted.clone()
    }

    /// The number of accepted messages under a caller's id.
    pub fn effects(&self, id: &str) -> usize {
        self.state.lock().accepted.iter().filter(|sent| sent.client_message_id.as_str() == id).count()
    }
}

impl<P: ProviderKind> Recording<P> {
    /// Accepts the message at this time; a native provider drops a duplicate within its window.
    fn accept(&self, sent: Sent, at_ms: i64) -> Result<Receipt, SendError> {
        let mut state = self.state.lock();
        let key = sent.provider_key.as_str().to_owned();
        if let Idempotency::Native { window_ms } = P::DESCRIPTOR.idempotency
            && let Some(known) = state.ids.get(&key).filter(|known| !known.is_older(window_ms, at_ms))
        {
            return Ok(Receipt::accepted(known.id.clone()));
        }
        let number = state.accepted.len() + 1;
        let id = ProviderMessageId::new(format!("recorded-{number}"))
            .map_err(|_| SendError::provider("the simulated provider gave no id").maybe())?;
        state.accepted.push(sent);
        state.ids.insert(key, Known { id: id.clone(), at_ms });
        Ok(Receipt::accepted(id))
    }
}

impl<P: ProviderKind> Configure<RecordingConfig> for Recording<P> {
    type Tenant = ();

    async fn configure(&self, _: RecordingConfig, _: &ConfigureContext) -> Result<(), Error> {
        Ok(())
    }

    async fn healthcheck(&self, (): &(), _: &HealthContext) -> HealthStatus {
        self.state.lock().health.clone().unwrap_or(HealthStatus::Healthy)
    }
}

impl<P: ProviderKind> OutboundStrategy<RecordingConfig, OutboundMessage> for Recording<P> {
    async fn send(&self, (): &(), message: &OutboundMessage, cx: &SendContext) -> Result<Receipt, SendError> {
        let sent = Sent {
            tenant: cx.tenant().clone(),
            client_message_id: cx.client_message_id().clone(),
            provider_key: cx.provider_key().clone(),
            attempt: cx.attempt().get(),
            message: message.clone(),
            at_ms: to_ms(cx.now()),
        };
        let at_ms = sent.at_ms;
        let answer = {
            let mut state = self.state.lock();
            state.calls.push(sent.clone());
            state.script.pop_front().or_else(|| state.default_answer.clone()).unwrap_or(ProviderAnswer::Accept)
        };
        match answer {
            ProviderAnswer::Accept => self.accept(sent, at_ms),
            ProviderAnswer::AcceptWith(change) => self.accept(sent, at_ms).map(|receipt| change(receipt)),
            ProviderAnswer::Slow(time) => {
                cx.base.scope.clock.sleep(time).await;
                self.accept(sent, to_ms(cx.now()))
            }
            ProviderAnswer::Refuse(error) => Err(error()),
            ProviderAnswer::Hang => std::future::pending().await,
            ProviderAnswer::AcceptThenHang => {
                let _ = self.accept(sent, at_ms);
                std::future::pending().await
            }
            ProviderAnswer::AcceptLate(time) => {
                let _ = self.accept(sent, at_ms.saturating_add(ms(time)));
                std::future::pending().await
            }
            ProviderAnswer::AcceptThen(error) => {
                let _ = self.accept(sent, at_ms);
                Err(error())
            }
            #[allow(clippy::panic)] // injected by the test
            ProviderAnswer::Panic => panic!("injected panic of the recording strategy"),
        }
    }

    fn scopes(&self, (): &(), message: &OutboundMessage, scopes: &mut Scopes) {
        let declare = self.state.lock().scopes.clone();
        if let Some(declare) = declare {
            declare(message, scopes);
        }
    }

    fn idempotency(&self, (): &(), _: &OutboundMessage) -> Option<Idempotency> {
        self.state.lock().idempotency
    }

    fn check(&self, (): &(), _: &OutboundMessage) -> Result<(), Vec<Violation>> {
        let found = self.state.lock().violations.clone();
        if found.is_empty() { Ok(()) } else { Err(found) }
    }

    async fn lookup(&self, (): &(), _: &OutboundMessage, cx: &SendContext) -> Result<Lookup, SendError> {
        let answer = self.state.lock().lookups.pop_front().unwrap_or(ProviderAnswer::Accept);
        match answer {
            ProviderAnswer::Refuse(error) | ProviderAnswer::AcceptThen(error) => return Err(error()),
            ProviderAnswer::Hang | ProviderAnswer::AcceptThenHang | ProviderAnswer::AcceptLate(_) => std::future::pending().await,
            ProviderAnswer::Slow(time) => cx.base.scope.clock.sleep(time).await,
            #[allow(clippy::panic)] // injected by the test
            ProviderAnswer::Panic => panic!("injected panic of the recording strategy"),
            ProviderAnswer::Accept | ProviderAnswer::AcceptWith(_) => {}
        }
        let visible_after_ms = match P::DESCRIPTOR.idempotency {
            Idempotency::Queryable { visible_after_ms } => visible_after_ms,
            Idempotency::Native { .. } | Idempotency::None => 0,
        };
        let state = self.state.lock();
        let visible = state.ids.get(cx.provider_key().as_str()).filter(|known| known.is_older(visible_after_ms, to_ms(cx.now())));
        Ok(visible.map_or(Lookup::NotFound, |known| Lookup::Found(Receipt::accepted(known.id.clone()))))
    }
}

impl<P: ProviderKind> Strategy for Recording<P> {
    type Config = RecordingConfig;
    type Message = OutboundMessage;
    const DESCRIPTOR: &'static Descriptor = P::DESCRIPTOR;

    fn halves() -> Halves<Self> {
        Halves::new().outbound()
    }
}
