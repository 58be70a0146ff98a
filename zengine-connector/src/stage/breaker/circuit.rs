//! The breaker of a tenant and strategy.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use futures_util::lock::Mutex as AsyncMutex;

use super::{
    super::{backoff::scale, settings::StrategySettings},
    log::{Document, SCHEMA, State, open_time},
    window::Window,
};
use crate::{
    error::Fault,
    ids::{StrategyName, TenantId},
    runtime::{Clock, Rng, Spawner, ms, to_ms, within},
    store::{EpochEntry, Ports},
    sync::Mutex,
    telemetry::{Dimensions, Metric, MetricName, Observers},
};

/// Maximum time for the append that wins a probe (rule 54).
const PROBE_APPEND: Duration = Duration::from_millis(150);
/// Time that a prober owns its probe beyond the attempt timeout (rule 50).
const PROBE_SLACK: Duration = Duration::from_secs(5);
/// Closed time after which earlier trips are forgotten (rule 48).
const FORGIVEN_AFTER: Duration = Duration::from_secs(600);

/// The verdict of a call about the provider (rule 44).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The provider answered, even if it refused the message.
    Success,
    /// The provider failed.
    Failure,
    /// No verdict: throttled, credentials refused, cancelled, or a local error.
    Neutral,
}

impl Verdict {
    /// The verdict of an attempt's error.
    pub(crate) const fn of(fault: Fault) -> Self {
        match fault {
            Fault::Provider => Self::Failure,
            Fault::Domain => Self::Success,
            Fault::Throttled | Fault::Auth | Fault::Local | Fault::Cancelled => Self::Neutral,
        }
    }
}

/// The ports of all breakers.
#[derive(Clone, Debug)]
pub(crate) struct CircuitPorts {
    pub(crate) stores: Arc<Ports>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rng: Arc<dyn Rng>,
    pub(crate) spawner: Arc<dyn Spawner>,
    pub(crate) observers: Observers,
    /// Name of this process in the log.
    pub(crate) writer: Arc<str>,
}

/// The breaker of one tenant and strategy.
pub(crate) struct Circuit {
    me: Weak<Circuit>,
    ports: CircuitPorts,
    settings: Arc<StrategySettings>,
    tenant: TenantId,
    strategy: StrategyName,
    /// Name of the log of the tenant and strategy.
    name: String,
    inner: Mutex<Inner>,
    appending: AsyncMutex<()>,
}

#[derive(Debug)]
struct Inner {
    state: State,
    /// Number of transitions. A verdict on a permit of an earlier epoch is ignored (rule 47).
    epoch: u64,
    /// Number of the newest known log entry.
    log_n: u64,
    window: Window,
    consecutive: u32,
    last_call: Duration,
    trips: u32,
    closed_since: Duration,
    /// Time from which a probe may be tried, on the monotonic clock.
    probe_at: Duration,
    /// Time until which a prober owns the probe. `None` if the probe is free.
    probing_until: Option<Duration>,
}

impl Inner {
    /// Enters a state: begins a new epoch and clears the counts.
    fn enter(&mut self, state: State, probing_until: Option<Duration>) {
        (self.state, self.probing_until) = (state, probing_until);
        self.epoch += 1;
        self.forget();
    }

    fn forget(&mut self) {
        self.consecutive = 0;
        self.window.clear();
    }

    fn wait(&self, now: Duration) -> Duration {
        match self.state {
            State::Closed => Duration::ZERO,
            State::Open => self.probe_at.saturating_sub(now),
            State::HalfOpen => self.probing_until.map_or(Duration::ZERO, |until| until.saturating_sub(now)),
        }
    }
}

/// A change of state by a verdict.
struct Transition {
    state: State,
    epoch: u64,
    trips: u32,
    reason: &'static str,
    open: Option<Duration>,
}

/// A permit for one call. Dropping it without a verdict counts as neutral.
#[must_use = "settle it with a verdict"]
pub(crate) struct Permit<'a> {
    circuit: Option<&'a Circuit>,
    state: State,
    epoch: u64,
    probe: bool,
}

pub(crate) enum Admission<'a> {
    Pass(Permit<'a>),
    /// The time until the next call may pass.
    Reject(Duration),
    /// The probe is reserved within this process. The log decides between processes.
    Probe(Permit<'a>),
}

impl Circuit {
    pub(crate) fn new(ports: CircuitPorts, settings: Arc<StrategySettings>, tenant: &TenantId, strategy: &StrategyName) -> Arc<Self> {
        let now = ports.clock.monotonic();
        let inner = Inner {
            state: State::Closed,
            epoch: 0,
            log_n: 0,
            window: Window::new(settings.breaker.window),
            consecutive: 0,
            last_call: now,
            trips: 0,
            closed_since: now,
            probe_at: now,
            probing_until: None,
        };
        Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            ports,
            settings,
            tenant: tenant.clone(),
            strategy: strategy.clone(),
            name: format!("{tenant}|{strategy}"),
            inner: Mutex::new(inner),
            appending: AsyncMutex::new(()),
        })
    }

    /// Time that a prober owns its probe.
    fn probe_time(&self) -> Duration {
        self.settings.attempt_timeout + PROBE_SLACK
    }

    /// The state and its epoch, for logs.
    pub(crate) fn state(&self) -> (State, u64) {
        let inner = self.inner.lock();
        (inner.state, inner.epoch)
    }

    /// Time for which calls are rejected. Zero if the next call passes, also as a probe.
    pub(crate) fn wait(&self) -> Duration {
        self.inner.lock().wait(self.ports.clock.monotonic())
    }

    /// Returns `true` if a new breaker would behave the same: it is closed, its window is empty, and its trips are forgotten.
    pub(crate) fn is_as_new(&self, now: Duration) -> bool {
        let inner = self.inner.lock();
        let forgiven = inner.trips == 0 || now.saturating_sub(inner.closed_since) > FORGIVEN_AFTER;
        inner.state == State::Closed && forgiven && now.saturating_sub(inner.last_call) > self.settings.breaker.window
    }

    /// Requests a permit at a time of the monotonic clock. A probe must still be won.
    #[inline]
    pub(crate) fn enter(&self, now: Duration) -> Admission<'_> {
        if !self.settings.breaker.enabled {
            return Admission::Pass(Permit { circuit: None, state: State::Closed, epoch: 0, probe: false });
        }
        let mut inner = self.inner.lock();
        if inner.state == State::Closed {
            return Admission::Pass(self.permit(&inner, false));
        }
        let wait = inner.wait(now);
        if !wait.is_zero() {
            return Admission::Reject(wait);
        }
        inner.enter(State::HalfOpen, Some(now + self.probe_time()));
        Admission::Probe(self.permit(&inner, true))
    }

    fn permit(&self, inner: &Inner, probe: bool) -> Permit<'_> {
        Permit { circuit: Some(self), state: inner.state, epoch: inner.epoch, probe }
    }

    /// Appends our claim to the probe. If the log does not answer in time, one local probe goes ahead (rule 54).
    pub(crate) async fn win_probe<'a>(&self, permit: Permit<'a>) -> Result<Permit<'a>, Duration> {
        match within(&*self.ports.clock, PROBE_APPEND, self.append_probe()).await {
            Some(Ok(Ok(()))) => {}
            Some(Ok(Err(busy))) => {
                // Another process probes: drop our permit without a verdict and wait for that probe's end.
                let mut inner = self.inner.lock();
                // Unless this process was frozen meanwhile, and another caller changed the state (rule 47).
                if inner.epoch == permit.epoch {
                    inner.enter(State::Open, None);
                    inner.probe_at = self.ports.clock.monotonic() + busy;
                }
                return Err(busy);
            }
            Some(Err(())) | None => self.degraded("the probe could not be stored"),
        }
        self.observe(State::HalfOpen);
        Ok(permit)
    }

    /// `Ok(Ok)`: this process has the probe. `Ok(Err)`: another process has it. `Err`: the log does not answer.
    async fn append_probe(&self) -> Result<Result<(), Duration>, ()> {
        let _turn = self.appending.lock().await;
        for _ in 0..2 {
            let document = self.document(State::HalfOpen, "the open time is over");
            if self.append(&document).await? {
                return Ok(Ok(()));
            }
            let Some(newest) = self.newest().await? else { continue };
            let now_ms = to_ms(self.ports.clock.now());
            let busy_until = match newest.state {
                State::Closed => return Ok(Ok(())),
                State::Open => newest.open_until_ms,
                // A probe of this process that was dropped, or whose answer was lost (rule 52).
                State::HalfOpen if newest.writer == *self.ports.writer => return Ok(Ok(())),
                State::HalfOpen => newest.probe_until_ms,
            };
            let left =
                busy_until.unwrap_or(now_ms).saturating_sub(now_ms).min(ms(self.settings.breaker.max_open_time.max(self.probe_time())) * 2);
            if left > 0 {
                return Ok(Err(Duration::from_millis(left.unsigned_abs())));
            }
        }
        Ok(Err(self.probe_time()))
    }

    fn settle(&self, epoch: u64, probe: bool, verdict: Verdict, now: Duration) {
        // The lock is released before observers and tasks, which are not ours (rule 59).
        let transition = self.transition(&mut self.inner.lock(), epoch, probe, verdict, now);
        if let Some(transition) = transition {
            self.publish(&transition);
        }
    }

    fn transition(&self, inner: &mut Inner, epoch: u64, probe: bool, verdict: Verdict, now: Duration) -> Option<Transition> {
        // Ignore a late verdict of an earlier epoch (rule 47).
        if inner.epoch != epoch {
            return None;
        }
        match (probe, verdict) {
            (true, Verdict::Success) => Some(Self::close(inner, now)),
            (true, Verdict::Failure) => Some(self.trip(inner, now, "the probe failed")),
            // Free the probe again, without a verdict.
            (true, Verdict::Neutral) => {
                inner.probing_until = None;
                None
            }
            (false, Verdict::Neutral) => None,
            (false, verdict) => self.count(inner, now, verdict == Verdict::Failure),
        }
    }

    fn count(&self, inner: &mut Inner, now: Duration, failed: bool) -> Option<Transition> {
        let settings = &self.settings.breaker;
        // The process may have been frozen, so the window has no data for the time between.
        if now.saturating_sub(inner.last_call) > settings.window {
            inner.forget();
        }
        inner.last_call = now;
        inner.window.count(now, failed);
        if !failed {
            inner.consecutive = 0;
            return None;
        }
        inner.consecutive += 1;
        let (calls, failures) = inner.window.totals(now);
        if inner.consecutive >= settings.consecutive_failures {
            Some(self.trip(inner, now, "failures in a row"))
        } else if calls >= settings.min_calls && f64::from(failures) >= settings.failure_rate * f64::from(calls) {
            Some(self.trip(inner, now, "too many failures"))
        } else {
            None
        }
    }

    fn trip(&self, inner: &mut Inner, now: Duration, reason: &'static str) -> Transition {
        if inner.state == State::Closed && now.saturating_sub(inner.closed_since) > FORGIVEN_AFTER {
            inner.trips = 0;
        }
        inner.trips = inner.trips.saturating_add(1);
        let open = scale(open_time(&self.settings.breaker, inner.trips), 1.0 + 0.2 * self.ports.rng.unit());
        // Each process adds up to 10 % of its own, so that they do not all probe at once.
        inner.probe_at = now + scale(open, 1.0 + 0.1 * self.ports.rng.unit());
        inner.enter(State::Open, None);
        Transition { state: State::Open, epoch: inner.epoch, trips: inner.trips, reason, open: Some(open) }
    }

    fn close(inner: &mut Inner, now: Duration) -> Transition {
        inner.enter(State::Closed, None);
        inner.closed_since = now;
        Transition { state: State::Closed, epoch: inner.epoch, trips: inner.trips, reason: "the probe succeeded", open: None }
    }

    /// Records the transition in the metrics, and in the log in the background: no send waits for it (rule 54).
    fn publish(&self, transition: &Transition) {
        let Transition { state, epoch, trips, reason, open } = *transition;
        self.observe(state);
        macro_rules! changed {
            ($level:ident) => { tracing::$level!(breaker = %self.name, state = state.as_str(), epoch, trips, reason, "breaker.changed") };
        }
        if state == State::Open {
            changed!(warn);
        } else {
            changed!(info);
        }
        let Some(me) = self.me.upgrade() else { return };
        let now_ms = to_ms(self.ports.clock.now());
        let open_until_ms = open.map(|open| now_ms + ms(open));
        let taken = self.ports.spawner.spawn(Box::pin(async move {
            let _turn = me.appending.lock().await;
            for _ in 0..3 {
                let document = Document { open_until_ms, trips, ..me.document(state, reason) };
                match me.append(&document).await {
                    Ok(true) => return,
                    Ok(false) => match me.newest().await {
                        // Another process recorded the same state first.
                        Ok(Some(newest)) if newest.state == state => return,
                        Ok(_) => {}
                        Err(()) => return me.degraded("a transition could not be stored"),
                    },
                    Err(()) => return me.degraded("a transition could not be stored"),
                }
            }
        }));
        if !taken {
            self.degraded("a transition could not be stored, because no task can be spawned");
        }
    }

    /// Records a transition in the metrics.
    fn observe(&self, state: State) {
        let (tenant, strategy) = (Some(&self.tenant), Some(self.strategy.as_str()));
        let dimensions = Dimensions { tenant, strategy, outcome: Some(state.as_str()), fault: None };
        self.ports.observers.record(&Metric { name: MetricName::BreakerTransitions, value: 1.0, dimensions });
    }

    fn document(&self, state: State, reason: &str) -> Document {
        let at_ms = to_ms(self.ports.clock.now());
        let probing = state == State::HalfOpen;
        let inner = self.inner.lock();
        Document {
            schema: SCHEMA,
            n: inner.log_n + 1,
            state,
            open_until_ms: None,
            prober: probing.then(|| self.ports.writer.to_string()),
            probe_until_ms: probing.then(|| at_ms + ms(self.probe_time())),
            trips: inner.trips,
            reason: reason.to_owned(),
            writer: self.ports.writer.to_string(),
            at_ms,
        }
    }

    async fn append(&self, document: &Document) -> Result<bool, ()> {
        let json = serde_json::to_vec(document).map_err(|_| ())?;
        let won = self.ports.stores.append_epoch(&self.name, EpochEntry::new(document.n, json.into())).await.map_err(|_| ())?;
        if won {
            let mut inner = self.inner.lock();
            inner.log_n = inner.log_n.max(document.n);
        }
        Ok(won)
    }

    /// The newest entry. A damaged one counts as absent, with one warning (rule 57).
    async fn newest(&self) -> Result<Option<Document>, ()> {
        let Some(entry) = self.ports.stores.newest_epoch(&self.name).await.map_err(|_| ())? else { return Ok(None) };
        let mut inner = self.inner.lock();
        inner.log_n = inner.log_n.max(entry.n);
        drop(inner);
        let document = serde_json::from_slice::<Document>(&entry.document).ok().filter(|document| document.schema == SCHEMA);
        if document.is_none() {
            tracing::warn!(breaker = %self.name, n = entry.n, "breaker.unreadable_entry");
        }
        Ok(document)
    }

    fn degraded(&self, what: &'static str) {
        tracing::warn!(breaker = %self.name, what, "breaker.store_degraded");
    }
}

debug_fields!(Circuit { name, state: |it| it.state().0, epoch: |it| it.state().1 });

impl Permit<'_> {
    /// The breaker's state at the request, and its epoch.
    pub(crate) const fn state(&self) -> (State, u64) {
        (self.state, self.epoch)
    }

    /// Records the verdict of the call, at a time of the monotonic clock.
    #[inline]
    pub(crate) fn settle(mut self, verdict: Verdict, now: Duration) {
        if let Some(circuit) = self.circuit.take() {
            circuit.settle(self.epoch, self.probe, verdict, now);
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if let Some(circuit) = self.circuit.take() {
            // A neutral verdict does not use the time.
            circuit.settle(self.epoch, self.probe, Verdict::Neutral, Duration::ZERO);
        }
    }
}

debug_fields!(Permit<'_> { epoch, probe });

#[cfg(all(test, feature = "testing", feature = "tokio"))]
mod tests;
