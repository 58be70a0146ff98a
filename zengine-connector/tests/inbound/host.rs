//! A host whose handler does what a test says.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::Notify;
use zengine_connector::{
    Content, HandlerContext, HandlerError, Identity, InboundEvent, Orchestrator, OutboundMessage, Outcome, SendOptions, StrategyName,
    StrategyRegistry, TenantId,
    ids::{CorrelationId, RouteKey},
    keyring::KeyRing,
    message::{Media, MediaKind, Role},
    orchestrator::{InboundSettings, Received, ReplyTo},
    store::{DeadLetter, Memory, NewFile, SecretScope, TenantRow},
    strategy::InboundRequest,
    telemetry::{Metric, MetricName, Observer},
    testing::SimClock,
};

use crate::{
    faults::{Faults, FaultySpawner, Under},
    strategies::{AcmeBoth, AcmeChat, AcmeFlaky, AcmeHook, AcmeKeeper, AcmeQueue, AcmeQuick, AcmeShared, AcmeText, TRACE, text_of},
};

/// The handler's reaction to a message of a certain text. It stores everything else.
#[derive(Clone, Debug)]
pub(crate) enum Do {
    NotStored,
    Poison,
    Panic,
    /// Stores after a time.
    Slow(Duration),
    /// Stores when the test opens the gate.
    Gate,
    /// Sends the photo of the event to another channel, and stores if `stores`.
    PassOn {
        stores: bool,
    },
    /// Replies with any content, and stores.
    Answer(Box<Content>),
    /// Replies under `n` and does not store.
    ReplyThenFail {
        n: u32,
        with: String,
    },
    /// Replies under `n`, after a time.
    Reply {
        n: u32,
        after: Duration,
        with: String,
    },
}

/// The events that the handler got.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) events: Mutex<Vec<InboundEvent>>,
    pub(crate) finished: Mutex<Vec<String>>,
    pub(crate) outcomes: Mutex<Vec<Result<Outcome, zengine_connector::Error>>>,
    pub(crate) reply_to: Mutex<Vec<ReplyTo>>,
    pub(crate) running: AtomicUsize,
    pub(crate) most_running: AtomicUsize,
    pub(crate) gate: Notify,
    script: Mutex<HashMap<String, Do>>,
}

impl Seen {
    /// The texts of the messages it was given, in order.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.events.lock().unwrap().iter().map(|event| text_of(event).to_owned()).collect()
    }

    pub(crate) fn count(&self) -> usize {
        self.events.lock().unwrap().len()
    }

    async fn handle(&self, event: InboundEvent, cx: HandlerContext) -> Result<(), HandlerError> {
        let text = text_of(&event).to_owned();
        self.reply_to.lock().unwrap().push(cx.reply_to().clone());
        self.events.lock().unwrap().push(event.clone());
        let running = self.running.fetch_add(1, SeqCst) + 1;
        self.most_running.fetch_max(running, SeqCst);
        let todo = self.script.lock().unwrap().get(&text).cloned();
        let end = match todo {
            None => Ok(()),
            Some(Do::NotStored) => Err("the host's database is down".into()),
            Some(Do::Poison) => Err(HandlerError::Poison("told to")),
            Some(Do::Panic) => panic!("the handler was told to"),
            Some(Do::Slow(time)) => {
                let clock = SimClock::new();
                clock.advance(time).await;
                Ok(())
            }
            Some(Do::Gate) => {
                self.gate.notified().await;
                Ok(())
            }
            Some(Do::PassOn { stores }) => {
                let outcome = pass_on(cx.orchestrator(), &event).await;
                self.outcomes.lock().unwrap().push(outcome);
                if stores { Ok(()) } else { Err("the host's database is down".into()) }
            }
            Some(Do::Answer(content)) => {
                let outcome = cx.reply(0, *content).await;
                self.outcomes.lock().unwrap().push(outcome);
                Ok(())
            }
            Some(Do::ReplyThenFail { n, with }) => {
                let outcome = cx.reply(n, Content::text(with).by(Role::Bot)).await;
                self.outcomes.lock().unwrap().push(outcome);
                Err("told to".into())
            }
            Some(Do::Reply { n, after, with }) => {
                SimClock::new().advance(after).await;
                let outcome = cx.reply(n, Content::text(with).by(Role::Bot)).await;
                self.outcomes.lock().unwrap().push(outcome);
                Ok(())
            }
        };
        self.running.fetch_sub(1, SeqCst);
        self.finished.lock().unwrap().push(text);
        end
    }
}

/// Sends the photo of an event to an agent, under the event's id.
async fn pass_on(orchestrator: &Orchestrator, event: &InboundEvent) -> Result<Outcome, zengine_connector::Error> {
    let photo = Media::handle(MediaKind::Image, "photo").with_filename("me.png");
    let kept = orchestrator.keep_media(event, &photo, NewFile::TTL).await?;
    let message = OutboundMessage::new(Identity::phone("+15551230009").unwrap(), Content::Media(kept));
    let options = SendOptions::new().correlation_id(CorrelationId::new("req-1")?).traceparent(TRACE);
    orchestrator.send_with(&event.tenant, "acme-both", &*event.id, &message, options).await
}

/// How often each metric was recorded.
#[derive(Debug, Default)]
pub(crate) struct Metrics(Mutex<HashMap<&'static str, usize>>);

impl Metrics {
    pub(crate) fn of(&self, name: MetricName) -> usize {
        self.0.lock().unwrap().get(name.as_str()).copied().unwrap_or_default()
    }
}

impl Observer for Metrics {
    fn record(&self, metric: &Metric<'_>) {
        *self.0.lock().unwrap().entry(metric.name.as_str()).or_default() += 1;
    }
}

pub(crate) struct Host {
    pub(crate) memory: Memory,
    pub(crate) clock: Arc<SimClock>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) seen: Arc<Seen>,
    pub(crate) sent: Arc<Mutex<Vec<(String, OutboundMessage)>>>,
    /// Whether `acme-flaky` panics.
    pub(crate) flaky: Arc<AtomicBool>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) orchestrator: Orchestrator,
}

const STRATEGIES: [&str; 9] =
    ["acme-quick", "acme-text", "acme-flaky", "acme-both", "acme-shared", "acme-hook", "acme-chat", "acme-keeper", "acme-queue"];

impl Host {
    pub(crate) fn new() -> Self {
        Self::with(InboundSettings::default(), true)
    }

    /// Tenants `one`, `two` and `three`: each has a phone, a token, a site and a queue of its own; all share the WABA
    /// `waba`, and `two` and `three` wrongly share the phone `twice`. The tenant `broken` has the phone `broken` and a
    /// configuration that nobody can use.
    pub(crate) fn with(settings: InboundSettings, handler: bool) -> Self {
        Self::over(Memory::new(), settings, handler)
    }

    /// The same over given stores.
    pub(crate) fn over(memory: Memory, settings: InboundSettings, handler: bool) -> Self {
        let keys = memory.keys();
        Self::under(memory, keys, settings, handler)
    }

    /// The same under given keys.
    pub(crate) fn under(memory: Memory, keys: Arc<dyn KeyRing>, settings: InboundSettings, handler: bool) -> Self {
        let (faults, seen) = (Arc::new(Faults::default()), Arc::new(Seen::default()));
        let (sent, flaky, metrics) = (Arc::default(), Arc::new(AtomicBool::new(false)), Arc::new(Metrics::default()));
        let clock = Arc::new(SimClock::new());
        for strategy in STRATEGIES {
            let strategy = name(strategy);
            memory.put_secret(&SecretScope::application(strategy.clone()), "app", "canary-secret");
            for (i, tenant) in ["one", "two", "three"].into_iter().enumerate() {
                let mut routes = vec![
                    RouteKey::new("phone", tenant),
                    RouteKey::new("url_token", format!("/{tenant}")),
                    RouteKey::new("url_token", tenant),
                    RouteKey::new("site", format!("/{tenant}")),
                    RouteKey::new("queue_arn", format!("arn:{tenant}")),
                    RouteKey::new("waba", "waba"),
                ];
                if i > 0 {
                    routes.push(RouteKey::new("phone", "twice"));
                }
                memory.put_tenant(&id(tenant), &strategy, TenantRow::new(json!({})).with_routes(routes));
            }
            let row = TenantRow::new(json!({ "broken": true })).with_routes([RouteKey::new("phone", "broken")]);
            memory.put_tenant(&id("broken"), &strategy, row);
        }
        let registry = StrategyRegistry::builder()
            .register(AcmeShared)
            .register(AcmeHook)
            .register(AcmeQuick)
            .register(AcmeChat)
            .register(AcmeKeeper)
            .register(AcmeQueue)
            .register(AcmeText)
            .register(AcmeFlaky(Arc::clone(&flaky)))
            .register(AcmeBoth(Arc::clone(&sent)))
            .build()
            .unwrap();
        let mut builder = Orchestrator::builder()
            .registry(&registry)
            .claims(Arc::new(Under(memory.claims(), Arc::clone(&faults))))
            .dead_letters(Arc::new(Under(memory.dead_letters(), Arc::clone(&faults))))
            .events(Arc::new(Under(memory.events(), Arc::clone(&faults))))
            .epochs(memory.epochs())
            .sessions(Arc::new(Under(memory.sessions(), Arc::clone(&faults))))
            .directory(Arc::new(Under(memory.directory(), Arc::clone(&faults))))
            .secrets(memory.secrets())
            .media(memory.media())
            .keys(keys)
            .clock(Arc::clone(&clock) as _)
            .spawner(Arc::new(FaultySpawner(Arc::clone(&faults))))
            .observer(Arc::clone(&metrics) as _)
            .inbound(settings);
        if handler {
            let seen = Arc::clone(&seen);
            builder = builder.on_inbound(move |event, cx| {
                let seen = Arc::clone(&seen);
                async move { seen.handle(event, cx).await }
            });
        }
        Self { orchestrator: builder.build().unwrap(), memory, clock, faults, seen, sent, flaky, metrics }
    }

    /// Tells the handler what to do with messages of this text.
    pub(crate) fn on(&self, text: &str, todo: Do) {
        self.seen.script.lock().unwrap().insert(text.to_owned(), todo);
    }

    /// Forgets what the handler was told.
    pub(crate) fn heal(&self) {
        self.seen.script.lock().unwrap().clear();
    }

    /// Delivers to the shared endpoint.
    pub(crate) async fn shared(&self, body: impl Into<Bytes>) -> Received {
        self.receive("acme-shared", request("/").header("x-secret", "canary-secret").body(body.into()).unwrap()).await
    }

    pub(crate) async fn receive(&self, strategy: &str, request: http::Request<Bytes>) -> Received {
        self.orchestrator.receive(strategy, InboundRequest::http(request)).await.unwrap()
    }

    pub(crate) fn fault(flag: &AtomicBool, on: bool) {
        flag.store(on, SeqCst);
    }

    /// Every dead letter with its body.
    pub(crate) async fn letters(&self) -> Vec<(DeadLetter, Value)> {
        let letters = self.memory.dead_letters().list(None, 10_000).await.unwrap().letters;
        letters
            .into_iter()
            .map(|letter| {
                let body = serde_json::from_slice(&letter.open(&*self.memory.keys()).unwrap()).unwrap();
                (letter, body)
            })
            .collect()
    }
}

pub(crate) fn name(text: &str) -> StrategyName {
    StrategyName::new(text).unwrap()
}

pub(crate) fn id(text: &str) -> TenantId {
    TenantId::new(text).unwrap()
}

pub(crate) fn request(uri: &str) -> http::request::Builder {
    http::Request::post(uri)
}

/// A payload of the elements.
pub(crate) fn payload(elements: &[Value]) -> Bytes {
    serde_json::to_vec(elements).unwrap().into()
}

/// A message of a conversation of tenant `one`.
pub(crate) fn message(event: &str, conversation: &str, text: &str) -> Value {
    json!({ "routes": [["phone", "one"]], "id": event, "conversation": conversation, "text": text })
}

/// Counts of accepted, poisoned and unstored events.
pub(crate) fn counts(received: &Received) -> (usize, usize, usize) {
    (received.accepted, received.poisoned, received.unstored)
}
