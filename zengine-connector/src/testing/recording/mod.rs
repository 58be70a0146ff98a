//! A strategy that sends nothing and remembers everything.

mod answer;

use std::{collections::VecDeque, fmt, marker::PhantomData, sync::Arc};

use hashbrown::HashMap;
use serde::Deserialize;

pub use answer::Answer;

use crate::{
    error::{Error, SendError},
    ids::{ClientMessageId, ProviderMessageId, TenantId},
    message::{ButtonRules, Capabilities, Channel, Idempotency, Length, ListRules, MediaKind, MediaRule, OutboundMessage, Receipt},
    schema::schema_of,
    strategy::{
        Configure, ConfigureContext, Descriptor, Direction, Halves, HealthContext, HealthStatus, Lookup, OutboundStrategy, ProviderKey,
        Reply, SendContext, Strategy,
    },
    sync::Mutex,
};

/// A strategy for tests of applications: accepts everything, keeps what was sent, and can be told to answer otherwise. It
/// needs no provider and no configuration (`{}`).
///
/// `P` says what the pretended provider offers against doubles: [`Unprotected`], [`Keyed`] or [`Askable`].
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// use zengine_connector::{store::Memory, testing::Recording, *};
///
/// let recording = Recording::new();
/// let stores = Memory::new();
/// let tenant = TenantId::new("acme")?;
/// stores.directory().put(&tenant, &StrategyName::new("recording")?, serde_json::json!({}));
///
/// let registry = StrategyRegistry::builder().register(recording.clone()).build()?;
/// let orchestrator = Orchestrator::builder(registry).stores(stores).build()?;
/// let message = OutboundMessage::text(Identity::phone("+15551230001")?, "hello");
/// let outcome = orchestrator.send(&tenant, "recording", &message, SendOptions::new(ClientMessageId::new("1")?)).await?;
///
/// assert!(matches!(outcome, Outcome::Delivered(_)));
/// assert_eq!(recording.sent()[0].message, message);
/// # Ok::<(), Error>(())
/// # }).unwrap();
/// ```
pub struct Recording<P = Unprotected> {
    book: Arc<Mutex<Book>>,
    protection: PhantomData<fn() -> P>,
}

#[derive(Default)]
struct Book {
    script: VecDeque<Answer>,
    otherwise: Option<Answer>,
    lookups: VecDeque<Answer>,
    calls: Vec<Sent>,
    accepted: Vec<Sent>,
    health: Option<HealthStatus>,
    ids: HashMap<String, ProviderMessageId>,
}

/// One call to the pretended provider.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Sent {
    /// Whose message.
    pub tenant: TenantId,
    /// The caller's id.
    pub client_message_id: ClientMessageId,
    /// The key at the provider.
    pub provider_key: ProviderKey,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// The message as the strategy got it.
    pub message: OutboundMessage,
    /// When, in milliseconds UTC.
    pub at_ms: i64,
}

/// What a pretended provider offers against doubles.
pub trait Protection: Send + Sync + 'static {
    /// The descriptor of a [`Recording`] at such a provider.
    const DESCRIPTOR: &'static Descriptor;
}

/// A provider that offers nothing.
#[derive(Clone, Copy, Debug)]
pub struct Unprotected;

/// A provider that drops doubles of one key within an hour.
#[derive(Clone, Copy, Debug)]
pub struct Keyed;

/// A provider that can be asked; a message is visible to the question after 10 s.
#[derive(Clone, Copy, Debug)]
pub struct Askable;

const fn descriptor(idempotency: Idempotency) -> Descriptor {
    Descriptor {
        name: "recording",
        summary: "Sends nothing and remembers everything.",
        channel: Channel::Messenger,
        capabilities: &EVERYTHING,
        idempotency,
        direction: Direction { outbound: true, inbound: false },
        reply: Reply::Acknowledge,
        config_schema: schema_of::<RecordingConfig>,
        message_schema: schema_of::<OutboundMessage>,
    }
}

impl Protection for Unprotected {
    const DESCRIPTOR: &'static Descriptor = &descriptor(Idempotency::None);
}

impl Protection for Keyed {
    const DESCRIPTOR: &'static Descriptor = &descriptor(Idempotency::Native { window_ms: 3_600_000 });
}

impl Protection for Askable {
    const DESCRIPTOR: &'static Descriptor = &descriptor(Idempotency::Queryable { visible_after_ms: 10_000 });
}

const ANY: Length = Length::bytes(1 << 20);

const fn media(kind: MediaKind) -> MediaRule {
    MediaRule { kind, max_bytes: u64::MAX, mimes: &[], caption: Some(ANY) }
}

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
    .with_buttons(ButtonRules { max: 100, title: ANY, id: ANY, body: ANY, footer: ANY, header: ANY })
    .with_list(ListRules { max_sections: 100, max_rows: 1000, button: ANY, section: ANY, title: ANY, description: ANY, id: ANY, body: ANY })
    .with_contacts(1000)
    .with_cta_url()
    .with_rich_interactive()
    .with_location()
    .with_reaction()
    .with_template()
    .with_typing()
    .with_read_mark()
    .with_quote()
    .with_email()
    .with_native();

/// Nothing to configure.
#[derive(Clone, Copy, Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordingConfig {}

impl Recording {
    /// A recording strategy at a provider that offers nothing against doubles.
    pub fn new() -> Self {
        Self::default()
    }
}

impl<P> Default for Recording<P> {
    fn default() -> Self {
        Self { book: Arc::default(), protection: PhantomData }
    }
}

/// A copy writes into the same book: register one, keep the other.
impl<P> Clone for Recording<P> {
    fn clone(&self) -> Self {
        Self { book: Arc::clone(&self.book), protection: PhantomData }
    }
}

impl<P> fmt::Debug for Recording<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording").field("calls", &self.book.lock().calls.len()).finish_non_exhaustive()
    }
}

impl<P> Recording<P> {
    /// Says how the next call that has no answer yet is answered; several wait in line.
    pub fn answer(&self, answer: Answer) {
        self.book.lock().script.push_back(answer);
    }

    /// Says how every call is answered that nothing else was said about.
    pub fn answer_always(&self, answer: Answer) {
        self.book.lock().otherwise = Some(answer);
    }

    /// Says how the next look-up that has no answer yet is answered. [`Answer::Accept`] is the truth.
    pub fn answer_lookup(&self, answer: Answer) {
        self.book.lock().lookups.push_back(answer);
    }

    /// Says what the health check finds.
    pub fn set_health(&self, health: HealthStatus) {
        self.book.lock().health = Some(health);
    }

    /// Every call, in order, whatever it was answered.
    pub fn calls(&self) -> Vec<Sent> {
        self.book.lock().calls.clone()
    }

    /// What the provider took, in order: the messages that people would have received.
    pub fn sent(&self) -> Vec<Sent> {
        self.book.lock().accepted.clone()
    }

    /// How many messages people would have received under a caller's id.
    pub fn effects(&self, id: &str) -> usize {
        self.book.lock().accepted.iter().filter(|sent| sent.client_message_id.as_str() == id).count()
    }
}

impl<P: Protection> Recording<P> {
    /// Takes the message; a keyed provider drops a double.
    fn accept(&self, sent: Sent) -> Result<Receipt, SendError> {
        let mut book = self.book.lock();
        let key = sent.provider_key.as_str().to_owned();
        let keyed = matches!(P::DESCRIPTOR.idempotency, Idempotency::Native { .. });
        if keyed && let Some(id) = book.ids.get(&key) {
            return Ok(Receipt::accepted(id.clone()));
        }
        let number = book.accepted.len() + 1;
        let id = ProviderMessageId::new(format!("recorded-{number}"))
            .map_err(|_| SendError::provider("the pretended provider gave no id").maybe())?;
        book.accepted.push(sent);
        book.ids.insert(key, id.clone());
        Ok(Receipt::accepted(id))
    }
}

impl<P: Protection> Configure<RecordingConfig> for Recording<P> {
    type Tenant = ();

    async fn configure(&self, _: RecordingConfig, _: &ConfigureContext) -> Result<(), Error> {
        Ok(())
    }

    async fn healthcheck(&self, (): &(), _: &HealthContext) -> HealthStatus {
        self.book.lock().health.clone().unwrap_or(HealthStatus::Healthy)
    }
}

impl<P: Protection> OutboundStrategy<RecordingConfig, OutboundMessage> for Recording<P> {
    async fn send(&self, (): &(), message: &OutboundMessage, cx: &SendContext) -> Result<Receipt, SendError> {
        let sent = Sent {
            tenant: cx.tenant().clone(),
            client_message_id: cx.client_message_id().clone(),
            provider_key: cx.provider_key().clone(),
            attempt: cx.attempt().get(),
            message: message.clone(),
            at_ms: crate::runtime::to_ms(cx.now()),
        };
        let answer = {
            let mut book = self.book.lock();
            book.calls.push(sent.clone());
            book.script.pop_front().or_else(|| book.otherwise.clone()).unwrap_or(Answer::Accept)
        };
        match answer {
            Answer::Accept => self.accept(sent),
            Answer::AcceptWith(say) => self.accept(sent).map(|receipt| say(receipt)),
            Answer::Slow(time) => {
                cx.base.scope.clock.sleep(time).await;
                self.accept(sent)
            }
            Answer::Refuse(error) => Err(error()),
            Answer::Hang => std::future::pending().await,
            Answer::AcceptThenHang => {
                let _ = self.accept(sent);
                std::future::pending().await
            }
            Answer::AcceptThen(error) => {
                let _ = self.accept(sent);
                Err(error())
            }
            #[allow(clippy::panic)] // it was asked for
            Answer::Panic => panic!("the recording strategy was told to panic"),
        }
    }

    async fn lookup(&self, (): &(), _: &OutboundMessage, cx: &SendContext) -> Result<Lookup, SendError> {
        let answer = self.book.lock().lookups.pop_front().unwrap_or(Answer::Accept);
        match answer {
            Answer::Refuse(error) | Answer::AcceptThen(error) => return Err(error()),
            Answer::Hang | Answer::AcceptThenHang => std::future::pending().await,
            Answer::Slow(time) => cx.base.scope.clock.sleep(time).await,
            #[allow(clippy::panic)] // it was asked for
            Answer::Panic => panic!("the recording strategy was told to panic"),
            Answer::Accept | Answer::AcceptWith(_) => {}
        }
        let found = self.book.lock().ids.get(cx.provider_key().as_str()).cloned();
        Ok(found.map_or(Lookup::NotFound, |id| Lookup::Found(Receipt::accepted(id))))
    }
}

impl<P: Protection> Strategy for Recording<P> {
    type Config = RecordingConfig;
    type Message = OutboundMessage;
    const DESCRIPTOR: &'static Descriptor = P::DESCRIPTOR;

    fn halves() -> Halves<Self> {
        Halves::new().outbound()
    }
}
