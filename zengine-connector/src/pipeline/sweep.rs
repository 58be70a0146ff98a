//! Sweeps: they end what no duplicate resolved, publish what is pending, and report what only a duplicate can complete (rules
//! 19, 29 and 67 to 69).

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use futures_util::future::select;

use super::{
    cycle::CycleDetector,
    dedup::give_up,
    effects::{self, SendIds},
    engine::Engine,
};
use crate::{
    error::Error,
    runtime::{BoxFuture, ms},
    store::{Applied, ClaimRecord, Due, Effects, StoreError, StoreErrorKind},
    telemetry::{Dimensions, MetricName},
};

/// Time in which the owner of a send completes its effects. A sweep leaves them alone for so long.
pub(super) const GRACE: Duration = Duration::from_secs(60);
/// Time after which a page begins no further record, so that stores that hang do not hold it up.
const PAGE_TIME: Duration = Duration::from_secs(10);
/// Maximum records per page of a sweep in the background, and the pause between two pages.
const PAGE: usize = 100;
const PAUSE: Duration = Duration::from_millis(10);

/// The result of a [sweep](crate::Orchestrator::sweep).
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[must_use = "sweep again from `next` unless it is `None`"]
#[non_exhaustive]
pub struct Swept {
    /// Sends in doubt that it ended (rule 29).
    pub ended: usize,
    /// Sends whose pending events it published (rule 69).
    pub published: usize,
    /// Sends in doubt whose owner is gone for 15 minutes. Only their duplicates can resolve them before their time is over
    /// (rule 19).
    pub overdue: usize,
    /// Settled sends that still owe a dead letter. Only a duplicate, which has the message, can store it (rule 68).
    pub waiting_for_letter: usize,
    /// Settled sends whose dead letter it gave up, because no duplicate can come any more.
    pub letters_given_up: usize,
    /// Sends that it could not complete, or whose record it could not read. The next sweep tries again.
    pub failed: usize,
    /// Events that strategies raised and that it handed over (rule 88).
    #[serde(skip)]
    pub raised: usize,
    /// Raised events that still wait.
    #[serde(skip)]
    pub raised_waiting: usize,
    /// Raised events that it removed: it is known no longer whether a handler got them.
    #[serde(skip)]
    pub raised_expired: usize,
    /// The place at which the next call goes on. `None` if every record was looked at.
    #[serde(skip)]
    pub next: Option<String>,
}

impl Swept {
    /// Adds the counts of the next page, and takes over where it ended.
    pub fn add(&mut self, page: Self) {
        let Self { ended, published, overdue, waiting_for_letter, letters_given_up, failed, raised, raised_waiting, raised_expired, next } =
            page;
        self.raised += raised;
        self.raised_waiting += raised_waiting;
        self.raised_expired += raised_expired;
        self.ended += ended;
        self.published += published;
        self.overdue += overdue;
        self.waiting_for_letter += waiting_for_letter;
        self.letters_given_up += letters_given_up;
        self.failed += failed;
        self.next = next;
    }

    /// Logs the counts: as WARN if anything needs attention, as DEBUG if nothing was due, else as INFO.
    fn log(&self) {
        let Self { ended, published, overdue, waiting_for_letter, letters_given_up, failed, .. } = *self;
        macro_rules! event {
            ($level:ident) => {
                tracing::event!(
                    tracing::Level::$level,
                    ended,
                    published,
                    overdue,
                    waiting_for_letter,
                    letters_given_up,
                    failed,
                    "sweep.completed"
                )
            };
        }
        if overdue + waiting_for_letter + letters_given_up + failed > 0 {
            event!(WARN);
        } else if ended + published > 0 {
            event!(INFO);
        } else {
            event!(DEBUG);
        }
    }
}

/// Sweeps one page of records, and logs its counts.
pub(crate) async fn sweep(engine: &Engine, after: Option<&str>, limit: usize) -> Result<Swept, Error> {
    let swept = sweep_page(engine, after, limit).await?;
    swept.log();
    Ok(swept)
}

/// Sweeps all records in the background, again and again, until the engine is closed or dropped. Ends if the store cannot
/// find the records that are due. Then calls `also`, after each sweep.
pub(crate) fn sweep_every(engine: &Arc<Engine>, interval: Duration, also: impl Fn() -> BoxFuture<'static, ()> + Send + Sync + 'static) {
    let (weak, clock, closing) = (Arc::downgrade(engine), Arc::clone(&engine.clock), engine.on_close());
    let taken = engine.spawner.spawn(Box::pin(async move {
        loop {
            select(clock.sleep(interval), closing.clone()).await;
            if !sweep_all(&weak).await {
                return;
            }
            also().await;
        }
    }));
    if !taken {
        tracing::warn!(reason = "the orchestrator was built outside the runtime: call build() inside it", "sweep.not_started");
    }
}

/// Sweeps page by page. Returns `false` if no further sweep is due. Between pages it does not keep the engine alive.
async fn sweep_all(weak: &Weak<Engine>) -> bool {
    let (mut swept, mut cycle) = (Swept::default(), CycleDetector::default());
    loop {
        let Some(engine) = weak.upgrade().filter(|engine| !engine.is_closing()) else { return false };
        match sweep_page(&engine, swept.next.as_deref(), PAGE).await {
            Ok(page) => swept.add(page),
            Err(error) if error.kind == StoreErrorKind::Unsupported => return false,
            Err(error) => {
                tracing::warn!(%error, "sweep.failed");
                return true;
            }
        }
        let Some(next) = &swept.next else {
            swept.log();
            return true;
        };
        if cycle.repeats(next) {
            swept.log();
            tracing::warn!(error = %cursors_repeat(), "sweep.failed");
            return true;
        }
        let clock = Arc::clone(&engine.clock);
        drop(engine);
        clock.sleep(PAUSE).await;
    }
}

/// The error of a store whose cursors repeat.
fn cursors_repeat() -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, "the cursors of due records repeat")
}

async fn sweep_page(engine: &Engine, after: Option<&str>, limit: usize) -> Result<Swept, StoreError> {
    let _running = engine.enter();
    let before_ms = engine.now_ms().saturating_sub(ms(GRACE));
    let due = engine.stores.due(before_ms, after, limit.max(1)).await?;
    if due.next.is_some() && due.next.as_deref() == after {
        return Err(cursors_repeat());
    }
    if due.unreadable > 0 {
        tracing::warn!(records = due.unreadable, "sweep.unreadable");
    }
    let mut swept = Swept { failed: due.unreadable, next: due.next, ..Swept::default() };
    let until = engine.clock.monotonic() + PAGE_TIME;
    for (key, _) in &due.records {
        let Some((tenant, strategy, id)) = key.send() else { continue };
        let send = SendIds { key, tenant: &tenant, strategy: &strategy, id: &id };
        if engine.is_closing() || engine.clock.monotonic() >= until {
            // The next sweep finds it again.
            swept.failed += 1;
        } else if let Err(error) = (DueSend { engine, send }.sweep(before_ms, &mut swept)).await {
            tracing::warn!(tenant_id = %tenant, strategy = %strategy, client_message_id = %id, %error, "sweep.failed");
            swept.failed += 1;
        }
    }
    Ok(swept)
}

/// A send whose record is due.
struct DueSend<'a> {
    engine: &'a Engine,
    send: SendIds<'a>,
}

impl DueSend<'_> {
    /// Does what the record needs. Reads it anew: it may have changed since the page was read.
    async fn sweep(&self, before_ms: i64, swept: &mut Swept) -> Result<(), StoreError> {
        let Some(record) = self.engine.stores.stored_record(self.send.key).await? else { return Ok(()) };
        match record.due(before_ms) {
            None => Ok(()),
            Some(Due::Effects) => self.complete(&record, swept).await,
            Some(Due::Overdue) => {
                let SendIds { tenant, strategy, id, .. } = self.send;
                tracing::warn!(tenant_id = %tenant, strategy = %strategy, client_message_id = %id, "sweep.overdue");
                self.count(MetricName::Overdue, None);
                swept.overdue += 1;
                Ok(())
            }
            Some(Due::Expired) => match self.end(&record).await? {
                Some(ended) => {
                    swept.ended += 1;
                    self.complete(&ended, swept).await
                }
                None => Ok(()),
            },
        }
    }

    /// Ends a send in doubt as the evidence says, or as Unknown. `None` if another caller was faster.
    async fn end(&self, record: &ClaimRecord) -> Result<Option<Arc<ClaimRecord>>, StoreError> {
        let (engine, SendIds { key, tenant, strategy, id }) = (self.engine, self.send);
        let dedup = &engine.stages.settings(strategy).dedup;
        let operation = give_up(record, engine.token(), false, dedup);
        let mut applied = engine.stores.apply(key, &operation, Some(record), engine.now_ms()).await;
        if applied.as_ref().is_err_and(|error| error.kind == StoreErrorKind::Unavailable) {
            // If only the answer was lost, the record holds our token (rule 14).
            applied = engine.stores.apply(key, &operation, Some(record), engine.now_ms()).await;
        }
        let Applied { done: true, record: Some(ended), .. } = applied? else { return Ok(None) };
        let outcome = effects::outcome(ended.status);
        tracing::warn!(tenant_id = %tenant, strategy = %strategy, client_message_id = %id, outcome, "sweep.ended");
        self.count(MetricName::Swept, Some(outcome));
        Ok(Some(ended))
    }

    /// Publishes pending events and clears their flags. A dead letter stays pending for a duplicate, as long as one can come.
    async fn complete(&self, record: &ClaimRecord, swept: &mut Swept) -> Result<(), StoreError> {
        let (engine, SendIds { key, tenant, strategy, id }) = (self.engine, self.send);
        let (pending, now_ms) = (record.effects_pending, engine.now_ms());
        let keep_in_doubt = ms(engine.stages.settings(strategy).dedup.keep_in_doubt);
        let mut done = Effects::NONE;
        // The letter comes before the event that tells people where to look, as long as it can be expected (rule 65).
        let is_late = record.is_expired(now_ms) || record.first_claimed_at_ms.saturating_add(keep_in_doubt) <= now_ms;
        if (pending.event || pending.settled) && (!pending.dlq || is_late) {
            done = effects::publish(engine, self.send, record, pending).await;
            swept.published += usize::from(done.pending());
            swept.failed += usize::from(done.event != pending.event || done.settled != pending.settled);
            if pending.dlq && done.event {
                tracing::warn!(tenant_id = %tenant, strategy = %strategy, client_message_id = %id, "sweep.published_without_letter");
            }
        }
        if pending.dlq {
            let is_over = record.expires_at_s.saturating_mul(1000).saturating_add(keep_in_doubt) <= now_ms;
            if is_over {
                let failure_id = self.send.failure_id(record);
                tracing::error!(tenant_id = %tenant, strategy = %strategy, client_message_id = %id, %failure_id, "sweep.letter_given_up");
                self.count(MetricName::DeadLettersGivenUp, None);
                done.dlq = true;
                swept.letters_given_up += 1;
            } else {
                self.count(MetricName::DeadLettersOwed, None);
                swept.waiting_for_letter += 1;
            }
        }
        if done.pending() {
            engine.stores.apply(key, &effects::clear(record, done), Some(record), engine.now_ms()).await?;
        }
        Ok(())
    }

    fn count(&self, name: MetricName, outcome: Option<&str>) {
        let dimensions = Dimensions { tenant: Some(self.send.tenant), strategy: Some(self.send.strategy.as_str()), outcome, fault: None };
        self.engine.observers.count(name, 1, dimensions);
    }
}
