//! Delivery of webhooks: batches, copies, faults, redelivery. Their content and signature are the provider's.

mod attempts;
mod delivery;
mod settings;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;
use tokio::sync::watch;

use self::attempts::HttpPoster;
pub use self::delivery::Delivery;
pub(super) use self::settings::StatusStep;
pub use self::settings::Webhooks;
use super::clock::Clock;
use super::faults::{FaultQueue, WebhookFault, WebhookFaultKind};
use super::journal::Journal;
use super::lock;

/// Maximum number of deliveries in the log.
const LOG_LENGTH: usize = 10_000;
/// Maximum time that a webhook waits for others before or together with it.
const MAX_HOLD: Duration = Duration::from_secs(1);

/// Maximum updates in one POST by a fault.
const MAX_TOGETHER: usize = 1_000;

/// One update in a webhook.
#[derive(Debug, Clone)]
pub struct Item {
    pub(super) account: String,
    /// The number or channel of the update, if any.
    pub(super) sender: Option<String>,
    /// The kind of update, by the provider's name.
    pub(super) edge: String,
    pub(super) value: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signature {
    Valid,
    Wrong,
    Absent,
}

/// The address of a callback. Updates for equal ones may share a POST.
#[derive(Clone, PartialEq, Eq)]
pub struct Callback {
    pub(super) url: String,
    /// The headers that were registered with it.
    pub(super) headers: HeaderMap,
}

redacted!(Callback { headers: |it| it.headers.len() });

impl Callback {
    /// An address without headers of its own.
    pub(super) fn new(url: String) -> Self {
        Self { url, headers: HeaderMap::new() }
    }
}

/// The provider's format of webhooks: address, body, signature.
pub trait WebhookFormat: Send + Sync + 'static {
    /// The address of an update; `None` if it has no callback.
    fn address(&self, item: &Item) -> Option<Callback>;
    fn encode(&self, items: Vec<Item>) -> Bytes;
    /// The provider's headers of a POST.
    fn headers(&self, callback: &Callback, body: &[u8], signature: Signature) -> HeaderMap;
}

/// One POST to be delivered.
#[derive(Debug, Clone)]
struct WebhookPost {
    callback: Option<Callback>,
    body: Bytes,
    signature: Signature,
    message_id: Option<String>,
    sender: Option<String>,
    /// Number of the POST, shared by all attempts and copies.
    id: u64,
    /// The generation of its creation; a reset starts the next one.
    generation: u64,
}

/// Webhooks that wait for others.
#[derive(Default)]
struct Waiting {
    /// Updates for the next batch, and the size that sends it.
    batch: Vec<Item>,
    wanted: Option<usize>,
    /// Whether a fault began the batch: then every following update joins it.
    by_fault: bool,
    /// Number of batches sent, so that the timer of an earlier batch does not send a later one.
    flushed: u64,
    /// POSTs delayed behind this many others, each with its number.
    held: Vec<(u32, u64, WebhookPost)>,
    count: u64,
}

pub(super) struct WebhookSender {
    format: Arc<dyn WebhookFormat>,
    http: HttpPoster,
    clock: Clock,
    pub(super) faults: FaultQueue<WebhookFaultKind>,
    /// The settings of the start, and those that hold.
    initial: Webhooks,
    settings: Mutex<Webhooks>,
    waiting: Mutex<Waiting>,
    pending: watch::Sender<usize>,
    log: Mutex<VecDeque<Delivery>>,
    last_id: AtomicU64,
    generation: watch::Sender<u64>,
}

/// Keeps [`settle`](WebhookSender::settle) waiting until it is dropped.
pub(super) struct PendingGuard(Arc<WebhookSender>);

impl Drop for PendingGuard {
    fn drop(&mut self) {
        self.0.pending.send_modify(|count| *count -= 1);
    }
}

impl WebhookSender {
    pub(super) fn new(format: Arc<dyn WebhookFormat>, settings: Webhooks, seed: u64, clock: Clock, journal: Arc<Journal>) -> Self {
        Self {
            format,
            http: HttpPoster::new(journal),
            clock,
            // Draws differ from those of the request faults with the same seed.
            faults: FaultQueue::new(!seed),
            settings: Mutex::new(settings.clone()),
            initial: settings,
            waiting: Mutex::default(),
            pending: watch::Sender::new(0),
            log: Mutex::default(),
            last_id: AtomicU64::new(0),
            generation: watch::Sender::new(0),
        }
    }

    pub(super) fn set(&self, settings: Webhooks) {
        *lock(&self.settings) = settings;
    }

    pub(super) fn settings(&self) -> Webhooks {
        lock(&self.settings).clone()
    }

    fn timeout(&self) -> Duration {
        Duration::from_millis(lock(&self.settings).timeout_ms)
    }

    pub(super) fn log(&self) -> Vec<Delivery> {
        lock(&self.log).iter().cloned().collect()
    }

    /// Runs work that [`settle`](Self::settle) waits for.
    pub(super) fn background(self: &Arc<Self>, work: impl Future<Output = ()> + Send + 'static) {
        self.pending.send_modify(|count| *count += 1);
        let guard = PendingGuard(Arc::clone(self));
        drop(tokio::spawn(async move {
            work.await;
            drop(guard);
        }));
    }

    /// Waits until nothing is left to deliver or redeliver.
    pub(super) async fn settle(&self) {
        // The sender lives as long as `self`, so this cannot fail.
        let _ = self.pending.subscribe().wait_for(|count| *count == 0).await;
    }

    /// Restores the settings; clears the faults, the log and all pending webhooks.
    pub(super) fn reset(&self) {
        self.faults.reset();
        self.set(self.initial.clone());
        let dropped = {
            let waiting = &mut *lock(&self.waiting);
            let dropped = std::mem::take(waiting);
            (waiting.count, waiting.flushed) = (dropped.count, dropped.flushed + 1);
            dropped.batch.len() + dropped.held.len()
        };
        self.generation.send_modify(|generation| *generation += 1);
        self.pending.send_modify(|count| *count -= dropped);
        lock(&self.log).clear();
    }

    fn generation(&self) -> u64 {
        *self.generation.borrow()
    }

    /// Waits by the emulator's clock; false if a reset came first.
    async fn pause_until(&self, until: u64, generation: u64) -> bool {
        let mut resets = self.generation.subscribe();
        if *resets.borrow_and_update() != generation {
            return false;
        }
        tokio::select! {
            () = self.clock.pause_until(until) => self.generation() == generation,
            _ = resets.changed() => false,
        }
    }

    /// The fault of these updates, and the size of the batch that they join because of one, now or before.
    fn draw(&self, items: &[Item]) -> (Option<WebhookFault>, Option<usize>) {
        let pooled = lock(&self.waiting).by_fault;
        let fault = if pooled { None } else { self.faults.take(items, false) };
        let wanted = match &fault {
            Some(WebhookFault { kind: WebhookFaultKind::Together { count }, .. }) => {
                lock(&self.waiting).by_fault = true;
                Some((*count).clamp(1, MAX_TOGETHER))
            }
            _ => pooled.then_some(usize::MAX),
        };
        (fault, wanted)
    }

    /// Sends an update, at once or in a batch. Redelivery runs in the background, so that a failure does not delay the next update.
    pub(super) async fn submit(self: &Arc<Self>, item: Item) {
        if let Some(batch) = self.settings().batch {
            return self.collect(vec![item], batch.most, Duration::from_millis(batch.ms)).await;
        }
        let (fault, wanted) = self.draw(std::slice::from_ref(&item));
        if let Some(wanted) = wanted {
            return self.collect(vec![item], wanted, MAX_HOLD).await;
        }
        for post in self.posts(vec![item], Signature::Valid, None) {
            self.start(post, fault.clone()).await;
        }
    }

    /// Sends several updates, in one POST per address. Waits for the end of all attempts, unless a fault delays the
    /// webhook.
    pub(super) async fn deliver(self: &Arc<Self>, items: Vec<Item>, message_id: Option<String>) -> Delivery {
        let (fault, wanted) = self.draw(&items);
        let mut last = Delivery::held(self.clock.now_ms(), message_id.clone());
        if let Some(wanted) = wanted {
            self.collect(items, wanted, MAX_HOLD).await;
            return last;
        }
        for post in self.posts(items, Signature::Valid, message_id.as_deref()) {
            last = self.finish(post, fault.clone()).await;
        }
        last
    }

    /// Sends these bytes to `callback`; waits as [`deliver`](Self::deliver) does.
    pub(super) async fn deliver_raw(self: &Arc<Self>, callback: Option<Callback>, body: Bytes, signature: Signature) -> Delivery {
        let fault = self.faults.take(&[], true);
        let post =
            WebhookPost { callback, body, signature, message_id: None, sender: None, id: self.next_id(), generation: self.generation() };
        self.finish(post, fault).await
    }

    fn next_id(&self) -> u64 {
        self.last_id.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Builds one POST per address, in the order of the first update of each.
    fn posts(&self, items: Vec<Item>, signature: Signature, message_id: Option<&str>) -> Vec<WebhookPost> {
        let mut sorted: Vec<(Option<Callback>, Vec<Item>)> = Vec::new();
        for item in items {
            let callback = self.format.address(&item);
            match sorted.iter_mut().find(|(known, _)| *known == callback) {
                Some((_, together)) => together.push(item),
                None => sorted.push((callback, vec![item])),
            }
        }
        let post = |(callback, items): (Option<Callback>, Vec<Item>)| WebhookPost {
            callback,
            sender: items.iter().find_map(|item| item.sender.clone()),
            body: self.format.encode(items),
            signature,
            message_id: message_id.map(str::to_owned),
            id: self.next_id(),
            generation: self.generation(),
        };
        sorted.into_iter().map(post).collect()
    }

    /// Adds updates to the batch; sends it when it is full or after `within`.
    async fn collect(self: &Arc<Self>, items: Vec<Item>, most: usize, within: Duration) {
        let (first, full, flushed) = {
            let waiting = &mut *lock(&self.waiting);
            let first = waiting.batch.is_empty();
            self.pending.send_modify(|count| *count += items.len());
            waiting.batch.extend(items);
            let wanted = *waiting.wanted.get_or_insert(most);
            (first, waiting.batch.len() >= wanted, waiting.flushed)
        };
        if full {
            self.flush(flushed).await;
        } else if first {
            let (sender, generation, due) = (Arc::clone(self), self.generation(), self.clock.due(within));
            drop(tokio::spawn(async move {
                if sender.pause_until(due, generation).await {
                    sender.flush(flushed).await;
                }
            }));
        }
    }

    /// Sends the batch, unless it has been sent already.
    async fn flush(self: &Arc<Self>, flushed: u64) {
        let batch = {
            let waiting = &mut *lock(&self.waiting);
            if waiting.flushed != flushed {
                return;
            }
            waiting.flushed += 1;
            (waiting.wanted, waiting.by_fault) = (None, false);
            std::mem::take(&mut waiting.batch)
        };
        let size = batch.len();
        if size > 0 {
            let fault = self.faults.take(&batch, true);
            for post in self.posts(batch, Signature::Valid, None) {
                self.start(post, fault.clone()).await;
            }
            self.pending.send_modify(|count| *count -= size);
        }
    }

    /// Makes the first attempt; the others follow in the background.
    async fn start(self: &Arc<Self>, post: WebhookPost, fault: Option<WebhookFault>) {
        let Some(post) = self.hold(post, fault.as_ref()) else { return };
        let first = self.first_attempt(&post, fault.as_ref()).await;
        self.count_down_held();
        let later = matches!(fault, Some(WebhookFault { kind: WebhookFaultKind::Duplicate { ms: 1.., .. }, .. }));
        let at_once = first.end.is_settled() && !later;
        let sender = Arc::clone(self);
        let rest = async move { drop(sender.remaining_attempts(post, fault, first).await) };
        if at_once { rest.await } else { self.background(rest) }
    }

    async fn finish(self: &Arc<Self>, post: WebhookPost, fault: Option<WebhookFault>) -> Delivery {
        let held = Delivery::held(self.clock.now_ms(), post.message_id.clone());
        let Some(post) = self.hold(post, fault.as_ref()) else { return held };
        let first = self.first_attempt(&post, fault.as_ref()).await;
        self.count_down_held();
        self.remaining_attempts(post, fault, first).await
    }

    /// Delays a POST if the fault says so; it is then sent in the background.
    fn hold(self: &Arc<Self>, post: WebhookPost, fault: Option<&WebhookFault>) -> Option<WebhookPost> {
        match fault.map(|fault| fault.kind) {
            Some(WebhookFaultKind::Delay { ms }) => {
                let (sender, due) = (Arc::clone(self), self.clock.due(Duration::from_millis(ms)));
                self.background(async move {
                    if sender.pause_until(due, post.generation).await {
                        sender.start_held(post, "delay").await;
                    }
                });
                None
            }
            Some(WebhookFaultKind::Behind { count }) if count > 0 => {
                let number = {
                    let waiting = &mut *lock(&self.waiting);
                    waiting.count += 1;
                    waiting.held.push((count, waiting.count, post));
                    self.pending.send_modify(|count| *count += 1);
                    waiting.count
                };
                let (sender, generation, due) = (Arc::clone(self), self.generation(), self.clock.due(MAX_HOLD));
                drop(tokio::spawn(async move {
                    sender.pause_until(due, generation).await;
                    sender.release(|(_, held, _)| *held == number);
                }));
                None
            }
            Some(WebhookFaultKind::WrongSignature {}) => Some(WebhookPost { signature: Signature::Wrong, ..post }),
            Some(WebhookFaultKind::Unsigned {}) => Some(WebhookPost { signature: Signature::Absent, ..post }),
            _ => Some(post),
        }
    }

    /// Counts a sent POST; releases those delayed behind it.
    fn count_down_held(self: &Arc<Self>) {
        for (left, _, _) in &mut lock(&self.waiting).held {
            *left = left.saturating_sub(1);
        }
        self.release(|(left, _, _)| *left == 0);
    }

    fn release(self: &Arc<Self>, due: impl Fn(&(u32, u64, WebhookPost)) -> bool) {
        let released: Vec<_> = {
            let held = &mut lock(&self.waiting).held;
            held.extract_if(.., |held| due(held)).collect()
        };
        for (_, _, post) in released {
            let sender = Arc::clone(self);
            drop(tokio::spawn(async move {
                sender.start_held(post, "behind").await;
                sender.pending.send_modify(|count| *count -= 1);
            }));
        }
    }

    async fn start_held(self: &Arc<Self>, post: WebhookPost, label: &str) {
        if post.generation == self.generation() {
            let first = self.attempt(&post, 1, Some(label)).await;
            self.remaining_attempts(post, None, first).await;
        }
    }

    /// Makes a GET request, such as the handshake.
    pub(super) async fn get(&self, url: String) -> Option<(u16, Bytes)> {
        self.http.get(url, self.timeout()).await
    }
}
