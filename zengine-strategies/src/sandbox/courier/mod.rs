//! Takes webhooks to the callback: batches, copies, faults, redelivery. What they say and how they are signed is the provider's.

mod delivery;
mod fault;
mod json;
mod plan;
mod post;
mod queue;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;
use tokio::sync::watch;

pub use self::delivery::Delivery;
use self::fault::Action;
pub use self::fault::WebhookFault;
pub(super) use self::json::WebhookSpec;
pub(super) use self::plan::{Plan, decreasing};
use self::post::Poster;
use self::queue::WebhookFaults;
use super::clock::Clock;
use super::journal::Journal;
use super::lock;

/// How many deliveries the log keeps.
const LOGGED: usize = 10_000;
/// How long a webhook waits for others behind which, or together with which, it is to come.
const PATIENCE: Duration = Duration::from_secs(1);

/// One update that a webhook tells of.
#[derive(Debug, Clone)]
pub(super) struct Item {
    /// The account that it belongs to.
    pub(super) account: String,
    /// The number or channel, where it belongs to one.
    pub(super) number: Option<String>,
    /// What kind of update it is, in the provider's words.
    pub(super) field: String,
    pub(super) value: Value,
}

/// How a POST is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seal {
    Truly,
    Wrongly,
    Not,
}

/// The provider's part: where webhooks go, what they say, how they are signed.
pub(super) trait Packer: Send + Sync + 'static {
    /// Where an update goes; `None` where nobody wants it.
    fn address(&self, item: &Item) -> Option<String>;
    /// The body of one POST.
    fn pack(&self, items: Vec<Item>) -> Bytes;
    /// The headers of a POST, beside those of HTTP.
    fn headers(&self, body: &[u8], seal: Seal) -> HeaderMap;
}

/// One POST on its way.
#[derive(Debug, Clone)]
struct Parcel {
    url: Option<String>,
    body: Bytes,
    seal: Seal,
    message_id: Option<String>,
    number: Option<String>,
    /// The same for all attempts and copies.
    post: u64,
    /// Outdated by a reset.
    generation: u64,
}

/// What waits for others.
#[derive(Default)]
struct Waiting {
    /// Updates that will go together, and how many are wanted.
    batch: Vec<Item>,
    wanted: Option<usize>,
    /// Whether a fault began it: then whatever comes next joins, else only what the plan collects.
    by_fault: bool,
    /// How many such POSTs have gone: the clock of an earlier one does not cut a later one short.
    gone: u64,
    /// POSTs that come behind so many others, each with its number.
    held: Vec<(u32, u64, Parcel)>,
    count: u64,
}

pub(super) struct Courier {
    packer: Arc<dyn Packer>,
    poster: Poster,
    clock: Clock,
    faults: WebhookFaults,
    plan: Mutex<Plan>,
    waiting: Mutex<Waiting>,
    busy: watch::Sender<usize>,
    log: Mutex<VecDeque<Delivery>>,
    posts: AtomicU64,
    generation: watch::Sender<u64>,
}

/// Says that webhooks are still to come, as long as it lives.
pub(super) struct Busy(Arc<Courier>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.send_modify(|count| *count -= 1);
    }
}

impl Courier {
    pub(super) fn new(packer: Arc<dyn Packer>, plan: Plan, seed: u64, clock: Clock, journal: Arc<Journal>) -> Self {
        Self {
            packer,
            poster: Poster::new(journal),
            clock,
            faults: WebhookFaults::new(seed),
            plan: Mutex::new(plan),
            waiting: Mutex::default(),
            busy: watch::Sender::new(0),
            log: Mutex::default(),
            posts: AtomicU64::new(0),
            generation: watch::Sender::new(0),
        }
    }

    pub(super) fn set_plan(&self, plan: Plan) {
        *lock(&self.plan) = plan;
    }

    pub(super) fn plan(&self) -> Plan {
        lock(&self.plan).clone()
    }

    pub(super) fn push_fault(&self, fault: WebhookFault) {
        self.faults.push(fault);
    }

    pub(super) fn clear_faults(&self) {
        self.faults.clear();
    }

    pub(super) fn waiting_faults(&self) -> Vec<WebhookFault> {
        self.faults.waiting()
    }

    pub(super) fn log(&self) -> Vec<Delivery> {
        lock(&self.log).iter().cloned().collect()
    }

    pub(super) fn busy(self: &Arc<Self>) -> Busy {
        self.busy.send_modify(|count| *count += 1);
        Busy(Arc::clone(self))
    }

    /// Waits until nothing is left to be delivered or redelivered.
    pub(super) async fn settle(&self) {
        // The sender lives as long as `self`, so this cannot fail.
        let _ = self.busy.subscribe().wait_for(|count| *count == 0).await;
    }

    /// Forgets faults, log, and all that is on its way.
    pub(super) fn reset(&self, plan: Plan) {
        self.faults.reset();
        self.set_plan(plan);
        let dropped = {
            let waiting = &mut *lock(&self.waiting);
            let dropped = std::mem::take(waiting);
            (waiting.count, waiting.gone) = (dropped.count, dropped.gone + 1);
            dropped.batch.len() + dropped.held.len()
        };
        self.generation.send_modify(|generation| *generation += 1);
        self.busy.send_modify(|count| *count -= dropped);
        lock(&self.log).clear();
    }

    fn generation(&self) -> u64 {
        *self.generation.borrow()
    }

    /// Waits by the emulator's clock; false if a reset has outdated what waits.
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

    /// Sends an update, at once or in a batch. Redelivery goes on behind it, so that a failure does not hold the next one up.
    pub(super) async fn submit(self: &Arc<Self>, item: Item) {
        let batch = self.plan().batch;
        let pooled = lock(&self.waiting).by_fault;
        let fault = if batch.is_some() || pooled { None } else { self.faults.take(std::slice::from_ref(&item), false) };
        match (batch, &fault) {
            (Some((most, within)), _) => self.collect(vec![item], most, within).await,
            (None, Some(WebhookFault { action: Action::Together(count), .. })) => {
                lock(&self.waiting).by_fault = true;
                self.collect(vec![item], *count, PATIENCE).await;
            }
            (None, None) if pooled => self.collect(vec![item], usize::MAX, PATIENCE).await,
            _ => {
                for parcel in self.parcels(vec![item], Seal::Truly, None) {
                    self.start(parcel, fault.clone()).await;
                }
            }
        }
    }

    /// Sends several updates in one POST, as far as they go to one address. Waits for the end of it, redeliveries and all, unless
    /// a fault holds it back.
    pub(super) async fn deliver(self: &Arc<Self>, items: Vec<Item>, message_id: Option<String>) -> Delivery {
        if lock(&self.waiting).by_fault {
            self.collect(items, usize::MAX, PATIENCE).await;
            return Delivery::held(self.clock.now_ms(), message_id);
        }
        let fault = self.faults.take(&items, false);
        if let Some(WebhookFault { action: Action::Together(count), .. }) = fault {
            lock(&self.waiting).by_fault = true;
            self.collect(items, count, PATIENCE).await;
            return Delivery::held(self.clock.now_ms(), message_id);
        }
        let mut last = Delivery::held(self.clock.now_ms(), message_id.clone());
        for parcel in self.parcels(items, Seal::Truly, message_id.as_deref()) {
            last = self.finish(parcel, fault.clone()).await;
        }
        last
    }

    /// Sends these bytes to the address of `item`; waits as [`deliver`](Self::deliver) does.
    pub(super) async fn deliver_raw(self: &Arc<Self>, url: Option<String>, body: Bytes, seal: Seal) -> Delivery {
        let fault = self.faults.take(&[], true);
        let parcel = Parcel { url, body, seal, message_id: None, number: None, post: self.number(), generation: self.generation() };
        self.finish(parcel, fault).await
    }

    fn number(&self) -> u64 {
        self.posts.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// One POST per address, in the order of the first update of each.
    fn parcels(&self, items: Vec<Item>, seal: Seal, message_id: Option<&str>) -> Vec<Parcel> {
        let mut sorted: Vec<(Option<String>, Vec<Item>)> = Vec::new();
        for item in items {
            let url = self.packer.address(&item);
            match sorted.iter_mut().find(|(known, _)| *known == url) {
                Some((_, together)) => together.push(item),
                None => sorted.push((url, vec![item])),
            }
        }
        let parcel = |(url, items): (Option<String>, Vec<Item>)| Parcel {
            url,
            number: items.iter().find_map(|item| item.number.clone()),
            body: self.packer.pack(items),
            seal,
            message_id: message_id.map(str::to_owned),
            post: self.number(),
            generation: self.generation(),
        };
        sorted.into_iter().map(parcel).collect()
    }

    /// Adds updates to the next POST, and sends it when it is full or the time is over.
    async fn collect(self: &Arc<Self>, items: Vec<Item>, most: usize, within: Duration) {
        let (first, full, gone) = {
            let waiting = &mut *lock(&self.waiting);
            let first = waiting.batch.is_empty();
            self.busy.send_modify(|count| *count += items.len());
            waiting.batch.extend(items);
            let wanted = *waiting.wanted.get_or_insert(most);
            (first, waiting.batch.len() >= wanted, waiting.gone)
        };
        if full {
            self.flush(gone).await;
        } else if first {
            let (courier, generation, due) = (Arc::clone(self), self.generation(), self.clock.due(within));
            drop(tokio::spawn(async move {
                if courier.pause_until(due, generation).await {
                    courier.flush(gone).await;
                }
            }));
        }
    }

    /// Sends what has been collected, unless that has gone already.
    async fn flush(self: &Arc<Self>, gone: u64) {
        let batch = {
            let waiting = &mut *lock(&self.waiting);
            if waiting.gone != gone {
                return;
            }
            waiting.gone += 1;
            (waiting.wanted, waiting.by_fault) = (None, false);
            std::mem::take(&mut waiting.batch)
        };
        let size = batch.len();
        if size > 0 {
            let fault = self.faults.take(&batch, true);
            for parcel in self.parcels(batch, Seal::Truly, None) {
                self.start(parcel, fault.clone()).await;
            }
            self.busy.send_modify(|count| *count -= size);
        }
    }

    /// Makes the first attempt; what follows goes on behind.
    async fn start(self: &Arc<Self>, parcel: Parcel, fault: Option<WebhookFault>) {
        let Some(parcel) = self.hold(parcel, fault.as_ref()) else { return };
        let first = self.first(&parcel, fault.as_ref()).await;
        self.others_passed();
        let later = matches!(fault, Some(WebhookFault { action: Action::Duplicate { pause, .. }, .. }) if !pause.is_zero());
        let at_once = first.ended.is_settled() && !later;
        let (courier, busy) = (Arc::clone(self), self.busy());
        let rest = async move {
            courier.rest(parcel, fault, first).await;
            drop(busy);
        };
        if at_once { rest.await } else { drop(tokio::spawn(rest)) }
    }

    /// Makes all attempts.
    async fn finish(self: &Arc<Self>, parcel: Parcel, fault: Option<WebhookFault>) -> Delivery {
        let held = Delivery::held(self.clock.now_ms(), parcel.message_id.clone());
        let Some(parcel) = self.hold(parcel, fault.as_ref()) else { return held };
        let first = self.first(&parcel, fault.as_ref()).await;
        self.others_passed();
        self.rest(parcel, fault, first).await
    }

    /// Holds a POST back where the fault says so; it goes on by itself later.
    fn hold(self: &Arc<Self>, mut parcel: Parcel, fault: Option<&WebhookFault>) -> Option<Parcel> {
        match fault.map(|fault| fault.action) {
            Some(Action::Delay(pause)) => {
                let (courier, busy, due) = (Arc::clone(self), self.busy(), self.clock.due(pause));
                drop(tokio::spawn(async move {
                    if courier.pause_until(due, parcel.generation).await {
                        courier.start_held(parcel, "delay").await;
                    }
                    drop(busy);
                }));
                None
            }
            Some(Action::Behind(count)) if count > 0 => {
                let number = {
                    let waiting = &mut *lock(&self.waiting);
                    waiting.count += 1;
                    waiting.held.push((count, waiting.count, parcel));
                    self.busy.send_modify(|count| *count += 1);
                    waiting.count
                };
                let (courier, generation, due) = (Arc::clone(self), self.generation(), self.clock.due(PATIENCE));
                drop(tokio::spawn(async move {
                    courier.pause_until(due, generation).await;
                    courier.release(|(_, held, _)| *held == number);
                }));
                None
            }
            Some(Action::WrongSignature) => {
                parcel.seal = Seal::Wrongly;
                Some(parcel)
            }
            Some(Action::Unsigned) => {
                parcel.seal = Seal::Not;
                Some(parcel)
            }
            _ => Some(parcel),
        }
    }

    /// A POST has gone; those behind it may be next.
    fn others_passed(self: &Arc<Self>) {
        for (left, _, _) in &mut lock(&self.waiting).held {
            *left = left.saturating_sub(1);
        }
        self.release(|(left, _, _)| *left == 0);
    }

    fn release(self: &Arc<Self>, due: impl Fn(&(u32, u64, Parcel)) -> bool) {
        let released: Vec<_> = {
            let held = &mut lock(&self.waiting).held;
            held.extract_if(.., |held| due(held)).collect()
        };
        for (_, _, parcel) in released {
            let courier = Arc::clone(self);
            drop(tokio::spawn(async move {
                courier.start_held(parcel, "behind").await;
                courier.busy.send_modify(|count| *count -= 1);
            }));
        }
    }

    async fn start_held(self: &Arc<Self>, parcel: Parcel, label: &'static str) {
        if parcel.generation == self.generation() {
            let first = self.attempt(&parcel, 1, Some(label)).await;
            self.rest(parcel, None, first).await;
        }
    }

    /// Does the handshake, or any other GET.
    pub(super) async fn get(&self, url: String) -> Option<(u16, Bytes)> {
        self.poster.get(url, self.plan().timeout).await
    }
}
