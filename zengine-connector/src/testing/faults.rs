//! Stores that fail when they are told to.

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

/// One call to a store.
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

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trouble {
    /// It fails and did nothing.
    Refused,
    /// It is done, and its answer is lost: the caller sees an error.
    AnswerLost,
    /// It waits for [`Faults::go_on`], then is done.
    Wait,
    /// It does nothing and never returns.
    Hang,
    /// It is done and never returns.
    DoneThenHang,
}

type Judge = Box<dyn FnMut(StoreCall) -> Option<Trouble> + Send>;

/// Troubles of the stores of one test. A clone shares them.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
/// use zengine_connector::{store::{ClaimStore, ClaimKey, MemoryClaims}, testing::{Faults, StoreCall, Trouble}, *};
///
/// let faults = Faults::new();
/// let claims = faults.claims(std::sync::Arc::new(MemoryClaims::new()));
/// faults.next(StoreCall::GetClaim, 1, Trouble::Refused);
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
    /// Troubles in line, and of which call each is.
    line: VecDeque<(StoreCall, Trouble)>,
    nth: Option<(u32, Trouble)>,
    always: Vec<(StoreCall, Trouble)>,
    judge: Option<Judge>,
    waiting: Vec<oneshot::Sender<()>>,
    calls: Vec<StoreCall>,
}

impl Faults {
    /// No trouble yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next so many calls of this kind meet this trouble.
    pub fn next(&self, call: StoreCall, times: u32, trouble: Trouble) {
        let mut state = self.0.lock();
        state.line.extend((0..times).map(|_| (call, trouble)));
    }

    /// The n-th call from now, from 1, whatever it is, meets this trouble.
    pub fn nth(&self, n: u32, trouble: Trouble) {
        self.0.lock().nth = Some((n, trouble));
    }

    /// Every call of this kind meets this trouble, until [`heal`](Self::heal).
    pub fn always(&self, call: StoreCall, trouble: Trouble) {
        self.0.lock().always.push((call, trouble));
    }

    /// Every call is judged, until [`heal`](Self::heal).
    pub fn judge(&self, judge: impl FnMut(StoreCall) -> Option<Trouble> + Send + 'static) {
        self.0.lock().judge = Some(Box::new(judge));
    }

    /// No trouble any more.
    pub fn heal(&self) {
        let mut state = self.0.lock();
        *state = State { calls: std::mem::take(&mut state.calls), ..State::default() };
    }

    /// Lets every call go on that waits.
    pub fn go_on(&self) {
        self.0.lock().waiting.clear();
    }

    /// Every call so far, in order.
    pub fn calls(&self) -> Vec<StoreCall> {
        self.0.lock().calls.clone()
    }

    /// How many calls of this kind there were.
    pub fn count(&self, call: StoreCall) -> usize {
        self.0.lock().calls.iter().filter(|made| **made == call).count()
    }

    /// Claims with these troubles.
    pub fn claims(&self, store: Arc<dyn ClaimStore>) -> Arc<FaultyClaims> {
        Arc::new(FaultyClaims { faults: self.clone(), store, met: Mutex::default() })
    }

    /// Dead letters with these troubles.
    pub fn dead_letters(&self, store: Arc<dyn DeadLetters>) -> Arc<FaultyLetters> {
        Arc::new(FaultyLetters { faults: self.clone(), store })
    }

    /// An event bus with these troubles.
    pub fn events(&self, bus: Arc<dyn EventBus>) -> Arc<FaultyEvents> {
        Arc::new(FaultyEvents { faults: self.clone(), bus })
    }

    fn meet(&self, call: StoreCall) -> Option<Trouble> {
        let mut state = self.0.lock();
        state.calls.push(call);
        if let Some((n, trouble)) = state.nth.take() {
            if n <= 1 {
                return Some(trouble);
            }
            state.nth = Some((n - 1, trouble));
        }
        if let Some(at) = state.line.iter().position(|(next, _)| *next == call) {
            return state.line.remove(at).map(|(_, trouble)| trouble);
        }
        if let Some((_, trouble)) = state.always.iter().find(|(always, _)| *always == call) {
            return Some(*trouble);
        }
        state.judge.as_mut().and_then(|judge| judge(call))
    }

    async fn run<T>(&self, call: StoreCall, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        self.run_with(self.meet(call), work).await
    }

    async fn run_with<T>(&self, trouble: Option<Trouble>, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let lost = || Err(StoreError::new(StoreErrorKind::Unavailable, "the store was told to fail"));
        match trouble {
            None => work.await,
            Some(Trouble::Refused) => lost(),
            Some(Trouble::AnswerLost) => {
                work.await?;
                lost()
            }
            Some(Trouble::Wait) => {
                let (gone_on, waits) = oneshot::channel();
                self.0.lock().waiting.push(gone_on);
                let _ = waits.await;
                work.await
            }
            Some(Trouble::Hang) => pending().await,
            Some(Trouble::DoneThenHang) => {
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

/// Claims that fail when they are told to; made by [`Faults::claims`]. Where no trouble comes they answer at once, if their
/// store does.
#[derive(Debug)]
pub struct FaultyClaims {
    faults: Faults,
    store: Arc<dyn ClaimStore>,
    /// What the operation under way has met, where it was tried at once and must be awaited.
    #[allow(clippy::option_option, reason = "nothing met yet, met no trouble, met trouble")]
    met: Mutex<Option<Option<Trouble>>>,
}

impl FaultyClaims {
    /// One operation meets one trouble, however it is tried.
    fn meet_once(&self, operation: &ClaimOp) -> Option<Trouble> {
        let met = self.met.lock().take();
        met.unwrap_or_else(|| self.faults.meet(kind_of(operation)))
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
        let trouble = self.meet_once(operation);
        let stepped = trouble.is_none() && self.store.step(key, operation, now_ms);
        if !stepped {
            *self.met.lock() = Some(trouble);
        }
        stepped
    }

    fn apply_now(&self, key: &ClaimKey, operation: &ClaimOp, now_ms: i64) -> Option<Result<Applied<ClaimRecord>, StoreError>> {
        let trouble = self.meet_once(operation);
        let answer = if trouble.is_none() { self.store.apply_now(key, operation, now_ms) } else { None };
        if answer.is_none() {
            *self.met.lock() = Some(trouble);
        }
        answer
    }

    fn delivered_now(&self, key: &ClaimKey, now_ms: i64) -> Option<ClaimRecord> {
        self.store.delivered_now(key, now_ms)
    }

    async fn apply(&self, key: &ClaimKey, operation: &ClaimOp, now_ms: i64) -> Result<Applied<ClaimRecord>, StoreError> {
        let trouble = self.meet_once(operation);
        self.faults.run_with(trouble, self.store.apply(key, operation, now_ms)).await
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

/// Dead letters that fail when they are told to; made by [`Faults::dead_letters`].
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

/// An event bus that fails when it is told to; made by [`Faults::events`].
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
