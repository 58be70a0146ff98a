//! Which call fails, and how.

use std::{collections::VecDeque, fmt, future::pending, sync::Arc};

use futures_channel::oneshot;

use crate::{
    store::{SecretError, StoreError, StoreErrorKind},
    sync::Mutex,
};

/// A kind of call to a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreCall {
    /// [`ClaimOp::Claim`](crate::store::ClaimOp::Claim).
    Claim,
    /// [`ClaimOp::TakeOver`](crate::store::ClaimOp::TakeOver).
    TakeOver,
    /// [`ClaimOp::Mark`](crate::store::ClaimOp::Mark).
    Mark,
    /// [`ClaimOp::Renew`](crate::store::ClaimOp::Renew).
    Renew,
    /// [`ClaimOp::Commit`](crate::store::ClaimOp::Commit).
    Commit,
    /// [`ClaimOp::Release`](crate::store::ClaimOp::Release).
    Release,
    /// [`ClaimOp::GiveUp`](crate::store::ClaimOp::GiveUp).
    GiveUp,
    /// [`ClaimOp::Tell`](crate::store::ClaimOp::Tell).
    Tell,
    /// [`ClaimOp::ClearEffects`](crate::store::ClaimOp::ClearEffects).
    ClearEffects,
    /// [`ClaimOp::Redrive`](crate::store::ClaimOp::Redrive).
    Redrive,
    /// [`ClaimStore::get`](crate::store::ClaimStore::get).
    GetClaim,
    /// [`ClaimStore::due`](crate::store::ClaimStore::due).
    Due,
    /// [`InboundOp::Claim`](crate::store::InboundOp::Claim) and [`InboundOp::Replay`](crate::store::InboundOp::Replay).
    ClaimInbound,
    /// [`InboundOp::Renew`](crate::store::InboundOp::Renew).
    RenewInbound,
    /// [`InboundOp::Settle`](crate::store::InboundOp::Settle).
    SettleInbound,
    /// [`InboundOp::Release`](crate::store::InboundOp::Release).
    ReleaseInbound,
    /// [`InboundOp::Read`](crate::store::InboundOp::Read).
    ReadInbound,
    /// [`ClaimStore::put_reference`](crate::store::ClaimStore::put_reference) and [`ClaimStore::reference`](crate::store::ClaimStore::reference).
    Reference,
    /// [`DeadLetterSink::put`](crate::store::DeadLetterSink::put).
    PutLetter,
    /// [`DeadLetterStore::get`](crate::store::DeadLetterStore::get) and [`DeadLetterStore::list`](crate::store::DeadLetterStore::list).
    ReadLetter,
    /// [`DeadLetterStore::take`](crate::store::DeadLetterStore::take).
    TakeLetter,
    /// [`DeadLetterStore::remove`](crate::store::DeadLetterStore::remove).
    RemoveLetter,
    /// [`EventBus::publish`](crate::store::EventBus::publish).
    Publish,
    /// [`EpochLog::append`](crate::store::EpochLog::append).
    AppendEpoch,
    /// [`EpochLog::newest`](crate::store::EpochLog::newest) and [`EpochLog::read`](crate::store::EpochLog::read).
    ReadEpoch,
    /// [`SessionStore::get`](crate::store::SessionStore::get).
    ReadSession,
    /// [`SessionStore::put`](crate::store::SessionStore::put).
    PutSession,
    /// [`SessionStore::delete`](crate::store::SessionStore::delete).
    DeleteSession,
    /// [`MediaStore::put`](crate::store::MediaStore::put) and [`MediaStore::extend`](crate::store::MediaStore::extend).
    PutFile,
    /// [`MediaStore::info`](crate::store::MediaStore::info) and [`MediaStore::url`](crate::store::MediaStore::url).
    FileInfo,
    /// [`MediaStore::get`](crate::store::MediaStore::get).
    ReadFile,
    /// [`MediaStore::delete`](crate::store::MediaStore::delete) and [`MediaStore::erase`](crate::store::MediaStore::erase).
    DeleteFile,
    /// [`TenantDirectory::config`](crate::store::TenantDirectory::config).
    Config,
    /// [`TenantDirectory::route`](crate::store::TenantDirectory::route).
    Route,
    /// [`SecretStore::get`](crate::store::SecretStore::get) and [`SecretStore::get_all`](crate::store::SecretStore::get_all).
    Secret,
}

/// A fault of one call to a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreFault {
    /// The call fails without effect.
    Refused,
    /// The call fails without effect as a conflict: others changed the record each time.
    Conflict,
    /// The call fails without effect: what is stored cannot be read.
    Corrupt,
    /// The call takes effect and its answer is lost: the caller sees an error.
    AnswerLost,
    /// The call waits for [`Faults::resume`], then takes effect.
    Wait,
    /// The call has no effect and never returns.
    Hang,
    /// The call takes effect and never returns.
    DoneThenHang,
    /// The call has no effect and panics.
    Panic,
}

type FaultPolicy = Box<dyn FnMut(StoreCall) -> Option<StoreFault> + Send>;

/// The faults of the stores of one test. A clone shares them.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
/// use zengine_connector::{*, store::{ClaimKey, ClaimStore as _, Memory}, testing::{Faults, StoreCall, StoreFault}};
///
/// let faults = Faults::new();
/// let claims = faults.claims(Memory::new().claims());
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

    pub(super) fn next_fault(&self, call: StoreCall) -> Option<StoreFault> {
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

    pub(super) async fn run<T, E: Injected>(&self, call: StoreCall, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        match self.next_fault(call) {
            None => work.await,
            Some(StoreFault::Refused) => Err(E::injected(StoreErrorKind::Unavailable)),
            Some(StoreFault::Conflict) => Err(E::injected(StoreErrorKind::Conflict)),
            Some(StoreFault::Corrupt) => Err(E::injected(StoreErrorKind::Corrupt)),
            Some(StoreFault::AnswerLost) => {
                work.await?;
                Err(E::injected(StoreErrorKind::Unavailable))
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
            #[allow(clippy::panic, reason = "the fault that was asked for")]
            Some(StoreFault::Panic) => panic!("the store panics on demand"),
        }
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faults").field("calls", &self.0.lock().calls.len()).finish_non_exhaustive()
    }
}

/// The error of a call that fails on demand.
pub(super) trait Injected {
    fn injected(kind: StoreErrorKind) -> Self;
}

impl Injected for StoreError {
    fn injected(kind: StoreErrorKind) -> Self {
        Self::new(kind, "injected store fault")
    }
}

impl Injected for SecretError {
    fn injected(_: StoreErrorKind) -> Self {
        Self::unavailable("injected store fault")
    }
}
