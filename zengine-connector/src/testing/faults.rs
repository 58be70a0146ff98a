//! Stores that fail on demand.

use std::{collections::VecDeque, fmt, future::pending, sync::Arc};

use async_trait::async_trait;
use futures_channel::oneshot;

use crate::{
    ids::FailureId,
    store::{
        Applied, ClaimKey, ClaimOp, ClaimRecord, ClaimStore, DeadLetter, DeadLetterPage, DeadLetters, DomainEvent, EventBus, InboundOp,
        InboundRecord, Reference, StoreError, StoreErrorKind,
    },
    sync::Mutex,
};

/// A kind of call to a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreCall {
    /// [`ClaimOp::Claim`].
    Claim,
    /// [`ClaimOp::TakeOver`].
    TakeOver,
    /// [`ClaimOp::Mark`].
    Mark,
    /// [`ClaimOp::Renew`].
    Renew,
    /// [`ClaimOp::Commit`].
    Commit,
    /// [`ClaimOp::Release`].
    Release,
    /// [`ClaimOp::GiveUp`].
    GiveUp,
    /// [`ClaimOp::Tell`].
    Tell,
    /// [`ClaimOp::ClearEffects`].
    ClearEffects,
    /// [`ClaimOp::Redrive`].
    Redrive,
    /// [`ClaimStore::get`].
    GetClaim,
    /// [`ClaimStore::apply_inbound`].
    Inbound,
    /// [`ClaimStore::put_reference`] and [`ClaimStore::reference`].
    Reference,
    /// [`DeadLetters::put`].
    PutLetter,
    /// [`DeadLetters::get`] and [`DeadLetters::list`].
    ReadLetter,
    /// [`DeadLetters::take`].
    TakeLetter,
    /// [`DeadLetters::remove`].
    RemoveLetter,
    /// [`EventBus::publish`].
    Publish,
}

/// A fault of one call to a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreFault {
    /// The call fails without effect.
    Refused,
    /// The call takes effect and its answer is lost: the caller sees an error.
    AnswerLost,
    /// The call waits for [`Faults::resume`], then takes effect.
    Wait,
    /// The call has no effect and never returns.
    Hang,
    /// The call takes effect and never returns.
    DoneThenHang,
}

type FaultPolicy = Box<dyn FnMut(StoreCall) -> Option<StoreFault> + Send>;

/// The faults of the stores of one test. A clone shares them.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
/// use zengine_connector::{store::{ClaimStore, ClaimKey, MemoryClaims}, testing::{Faults, StoreCall, StoreFault}, *};
///
/// let faults = Faults::new();
/// let claims = faults.claims(std::sync::Arc::new(MemoryClaims::new()));
/// faults.next(StoreCall::GetClaim, 1, StoreFault::Refused);
/// let key = ClaimKey::outbound(&TenantId::new("acme")?, &StrategyName::new("recording")?, &ClientMessageId::new("1")?);
/// assert!(claims.get(&key).await.is_err());
/// assert!(claims.get(&key).await.is_ok());
/// # Ok::<(), Error>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Default)]
pub struct Faults(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Queued faults, each with the kind of call it is for.
    queue: VecDeque<(StoreCall, StoreFault)>,
    nth: Option<(u32, StoreFault)>,
    always: Vec<(StoreCall, StoreFault)>,
    decide: Option<FaultPolicy>,
    waiting: Vec<oneshot::Sender<()>>,
    calls: Vec<StoreCall>,
}

impl Faults {
    /// Creates an empty set of faults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the fault of the next `times` calls of this kind.
    pub fn next(&self, call: StoreCall, times: u32, fault: StoreFault) {
        let mut state = self.0.lock();
        state.queue.extend((0..times).map(|_| (call, fault)));
    }

    /// Sets the fault of the n-th call from now, of any kind, counted from 1.
    pub fn nth(&self, n: u32, fault: StoreFault) {
        self.0.lock().nth = Some((n, fault));
    }

    /// Sets the fault of every call of this kind, until [`heal`](Self::heal).
    pub fn always(&self, call: StoreCall, fault: StoreFault) {
        self.0.lock().always.push((call, fault));
    }

    /// Calls a function for the fault of every call that has none, until [`heal`](Self::heal).
    pub fn decide(&self, decide: impl FnMut(StoreCall) -> Option<StoreFault> + Send + 'static) {
        self.0.lock().decide = Some(Box::new(decide));
    }

    /// Removes every fault.
    pub fn heal(&self) {
        let mut state = self.0.lock();
        *state = State { calls: std::mem::take(&mut state.calls), ..State::default() };
    }

    /// Resumes every call that waits ([`StoreFault::Wait`]).
    pub fn resume(&self) {
        self.0.lock().waiting.clear();
    }

    /// All calls so far, in order.
    pub fn calls(&self) -> Vec<StoreCall> {
        self.0.lock().calls.clone()
    }

    /// The number of calls of this kind so far.
    pub fn count(&self, call: StoreCall) -> usize {
        self.0.lock().calls.iter().filter(|made| **made == call).count()
    }

    /// Wraps a claim store with these faults.
    pub fn claims(&self, store: Arc<dyn ClaimStore>) -> Arc<FaultyClaims> {
        Arc::new(FaultyClaims { faults: self.clone(), store, pending_fault: Mutex::default() })
    }

    /// Wraps a dead-letter store with these faults.
    pub fn dead_letters(&self, store: Arc<dyn DeadLetters>) -> Arc<FaultyLetters> {
        Arc::new(FaultyLetters { faults: self.clone(), store })
    }

    /// Wraps an event bus with these faults.
    pub fn events(&self, bus: Arc<dyn EventBus>) -> Arc<FaultyEvents> {
        Arc::new(FaultyEvents { faults: self.clone(), bus })
    }

    fn next_fault(&self, call: StoreCall) -> Option<StoreFault> {
        let mut state = self.0.lock();
        state.calls.push(call);
        if let Some((n, fault)) = state.nth.take() {
            if n <= 1 {
                return Some(fault);
            }
            state.nth = Some((n - 1, fault));
        }
        if let Some(at) = state.queue.iter().position(|(next, _)| *next == call) {
            return state.queue.remove(at).map(|(_, fault)| fault);
        }
        if let Some((_, fault)) = state.always.iter().find(|(always, _)| *always == call) {
            return Some(*fault);
        }
        state.decide.as_mut().and_then(|decide| decide(call))
    }

    async fn run<T>(&self, call: StoreCall, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        self.run_with(self.next_fault(call), work).await
    }

    async fn run_with<T>(&self, fault: Option<StoreFault>, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let lost = || Err(StoreError::new(StoreErrorKind::Unavailable, "injected store fault"));
        match fault {
            None => work.await,
            Some(StoreFault::Refused) => lost(),
            Some(StoreFault::AnswerLost) => {
                work.await?;
                lost()
            }
            Some(StoreFault::Wait) => {
                let (resumed, waits) = oneshot::channel();
                self.0.lock().waiting.push(resumed);
                let _ = waits.await;
                work.await
            }
            Some(StoreFault::Hang) => pending().await,
            Some(StoreFault::DoneThenHang) => {
                work.await?;
                pending().await
            }
        }
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faults").field("calls", &self.0.lock().calls.len()).finish_non_exhaustive()
    }
}

/// A claim store with injected faults, from [`Faults::claims`]. A call without a fault answers synchronously if the wrapped
/// store does.
#[derive(Debug)]
pub struct FaultyClaims {
    faults: Faults,
    store: Arc<dyn ClaimStore>,
    /// The fault already drawn for an operation that was tried synchronously and must be awaited.
    #[allow(clippy::option_option, reason = "not drawn yet, drawn without a fault, drawn with a fault")]
    pending_fault: Mutex<Option<Option<StoreFault>>>,
}

impl FaultyClaims {
    /// The fault of an operation: drawn once, synchronous or not.
    fn fault_of(&self, operation: &ClaimOp) -> Option<StoreFault> {
        let pending_fault = self.pending_fault.lock().take();
        pending_fault.unwrap_or_else(|| self.faults.next_fault(kind_of(operation)))
    }
}

fn kind_of(operation: &ClaimOp) -> StoreCall {
    match operation {
        ClaimOp::Claim { .. } => StoreCall::Claim,
        ClaimOp::TakeOver { .. } => StoreCall::TakeOver,
        ClaimOp::Mark { .. } => StoreCall::Mark,
        ClaimOp::Renew { .. } => StoreCall::Renew,
        ClaimOp::Commit { .. } => StoreCall::Commit,
        ClaimOp::Release { .. } => StoreCall::Release,
        ClaimOp::GiveUp { .. } => StoreCall::GiveUp,
        ClaimOp::Tell { .. } => StoreCall::Tell,
        ClaimOp::ClearEffects { .. } => StoreCall::ClearEffects,
        ClaimOp::Redrive { .. } => StoreCall::Redrive,
    }
}

#[async_trait]
impl ClaimStore for FaultyClaims {
    fn boot(&self) -> Option<&str> {
        self.store.boot()
    }

    fn is_local(&self) -> bool {
        self.store.is_local()
    }

    fn step(&self, key: &ClaimKey, operation: &ClaimOp, now_ms: i64) -> bool {
        let fault = self.fault_of(operation);
        let stepped = fault.is_none() && self.store.step(key, operation, now_ms);
        if !stepped {
            *self.pending_fault.lock() = Some(fault);
        }
        stepped
    }

    fn apply_now(&self, key: &ClaimKey, operation: &ClaimOp, now_ms: i64) -> Option<Result<Applied<ClaimRecord>, StoreError>> {
        let fault = self.fault_of(operation);
        let answer = if fault.is_none() { self.store.apply_now(key, operation, now_ms) } else { None };
        if answer.is_none() {
            *self.pending_fault.lock() = Some(fault);
        }
        answer
    }

    fn delivered_now(&self, key: &ClaimKey, now_ms: i64) -> Option<ClaimRecord> {
        self.store.delivered_now(key, now_ms)
    }

    async fn apply(&self, key: &ClaimKey, operation: &ClaimOp, now_ms: i64) -> Result<Applied<ClaimRecord>, StoreError> {
        let fault = self.fault_of(operation);
        self.faults.run_with(fault, self.store.apply(key, operation, now_ms)).await
    }

    async fn get(&self, key: &ClaimKey) -> Result<Option<ClaimRecord>, StoreError> {
        self.faults.run(StoreCall::GetClaim, self.store.get(key)).await
    }

    async fn apply_inbound(&self, key: &ClaimKey, operation: &InboundOp, now_ms: i64) -> Result<Applied<InboundRecord>, StoreError> {
        self.faults.run(StoreCall::Inbound, self.store.apply_inbound(key, operation, now_ms)).await
    }

    async fn put_reference(&self, hash: &str, reference: &Reference) -> Result<(), StoreError> {
        self.faults.run(StoreCall::Reference, self.store.put_reference(hash, reference)).await
    }

    async fn reference(&self, hash: &str, now_ms: i64) -> Result<Option<Reference>, StoreError> {
        self.faults.run(StoreCall::Reference, self.store.reference(hash, now_ms)).await
    }
}

/// A dead-letter store with injected faults, from [`Faults::dead_letters`].
#[derive(Debug)]
pub struct FaultyLetters {
    faults: Faults,
    store: Arc<dyn DeadLetters>,
}

#[async_trait]
impl DeadLetters for FaultyLetters {
    async fn put(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        self.faults.run(StoreCall::PutLetter, self.store.put(letter)).await
    }

    async fn get(&self, id: &FailureId) -> Result<Option<DeadLetter>, StoreError> {
        self.faults.run(StoreCall::ReadLetter, self.store.get(id)).await
    }

    async fn list(&self, after: Option<&FailureId>, limit: usize) -> Result<DeadLetterPage, StoreError> {
        self.faults.run(StoreCall::ReadLetter, self.store.list(after, limit)).await
    }

    async fn take(&self, id: &FailureId, seen: u32) -> Result<Option<DeadLetter>, StoreError> {
        self.faults.run(StoreCall::TakeLetter, self.store.take(id, seen)).await
    }

    async fn remove(&self, id: &FailureId) -> Result<(), StoreError> {
        self.faults.run(StoreCall::RemoveLetter, self.store.remove(id)).await
    }
}

/// An event bus with injected faults, from [`Faults::events`].
#[derive(Debug)]
pub struct FaultyEvents {
    faults: Faults,
    bus: Arc<dyn EventBus>,
}

#[async_trait]
impl EventBus for FaultyEvents {
    async fn publish(&self, event: &DomainEvent) -> Result<(), StoreError> {
        self.faults.run(StoreCall::Publish, self.bus.publish(event)).await
    }
}
