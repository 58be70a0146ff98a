//! The writer thread: all waiting work shares one transaction, and every answer is sent after it is on disk.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use futures_channel::oneshot;

use super::{
    batch::{Batch, WriteResult},
    fault::{Fault, io_error},
    file::Shared,
    sweep::Sweeper,
};
use crate::store::{StoreError, StoreErrorKind};

/// Maximum writes that wait for the thread, about 1 KiB each.
pub(super) const MAX_WAITING: usize = 65_536;
/// Maximum tasks per batch. Limits the tasks that one failure affects, and the wait of the first caller for the last.
const MOST_PER_BATCH: usize = 1024;
/// Interval at which an idle store is reopened after a failure.
const REOPEN_EVERY: Duration = Duration::from_secs(1);

/// The sending end. Dropping it stops the thread after the queued work.
#[derive(Debug)]
pub(super) struct Writer {
    commands: Option<Sender<Command>>,
    waiting: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

enum Command {
    Write(Box<dyn WriteTask>),
    Compact(oneshot::Sender<Result<bool, StoreError>>),
}

impl Writer {
    pub(super) fn start(shared: Arc<Shared>) -> Result<Self, StoreError> {
        let (commands, inbox) = channel();
        let thread = std::thread::Builder::new().name("zengine-store".to_owned()).spawn(move || run(&shared, &inbox)).map_err(io_error)?;
        Ok(Self { commands: Some(commands), waiting: Arc::default(), thread: Some(thread) })
    }

    /// Runs work inside the next transaction. The work runs even if the returned future is dropped.
    pub(super) fn work<T, F>(&self, now_ms: Option<i64>, work: F) -> impl Future<Output = Result<T, StoreError>> + Send + use<T, F>
    where
        T: Send + 'static,
        F: FnOnce(&mut Batch<'_>) -> Result<WriteResult<T>, Fault> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let sent = Waiting::one(&self.waiting).and_then(|waiting| {
            self.send(Command::Write(Box::new(PendingWrite { now_ms, work: Some(work), result: None, answer, _waiting: waiting })))
        });
        async move {
            sent?;
            answered.await.unwrap_or_else(|_| Err(gone()))
        }
    }

    pub(super) fn compact(&self) -> impl Future<Output = Result<bool, StoreError>> + Send + use<> {
        let (answer, answered) = oneshot::channel();
        let sent = self.send(Command::Compact(answer));
        async move {
            sent?;
            answered.await.unwrap_or_else(|_| Err(gone()))
        }
    }

    fn send(&self, command: Command) -> Result<(), StoreError> {
        self.commands.as_ref().ok_or_else(gone)?.send(command).map_err(|_| gone())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
        {
            // A panic of the thread was answered already.
            let _ = thread.join();
        }
    }
}

/// One write that waits for the thread.
struct Waiting(Arc<AtomicUsize>);

impl Waiting {
    /// Refuses one more than [`MAX_WAITING`]: callers give up after their time, and what they asked for stays.
    fn one(waiting: &Arc<AtomicUsize>) -> Result<Self, StoreError> {
        let admitted = Self(Arc::clone(waiting));
        if waiting.fetch_add(1, Ordering::AcqRel) < MAX_WAITING {
            return Ok(admitted);
        }
        Err(StoreError::new(StoreErrorKind::Unavailable, "too many writes wait for the store"))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

fn gone() -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, "the store's writer has stopped: open the store again")
}

/// Work with the channel for its answer.
trait WriteTask: Send {
    fn now_ms(&self) -> Option<i64>;

    /// Runs the work. Returns `true` if it wrote. An error means that the transaction is void.
    fn run(&mut self, batch: &mut Batch<'_>) -> Result<bool, Fault>;

    /// Sends the answer, or the failure if the transaction failed.
    fn settle(self: Box<Self>, failure: Option<StoreError>);
}

struct PendingWrite<T, F> {
    now_ms: Option<i64>,
    work: Option<F>,
    result: Option<Result<T, StoreError>>,
    answer: oneshot::Sender<Result<T, StoreError>>,
    _waiting: Waiting,
}

impl<T, F> WriteTask for PendingWrite<T, F>
where
    T: Send,
    F: FnOnce(&mut Batch<'_>) -> Result<WriteResult<T>, Fault> + Send,
{
    fn now_ms(&self) -> Option<i64> {
        self.now_ms
    }

    fn run(&mut self, batch: &mut Batch<'_>) -> Result<bool, Fault> {
        let Some(work) = self.work.take() else { return Ok(false) };
        match work(batch) {
            Ok(WriteResult { value, wrote }) => {
                self.result = Some(Ok(value));
                Ok(wrote)
            }
            Err(Fault::Said(error)) => {
                self.result = Some(Err(error));
                Ok(false)
            }
            Err(fault) => Err(fault),
        }
    }

    fn settle(self: Box<Self>, failure: Option<StoreError>) {
        let result = match failure {
            Some(failure) => Err(failure),
            None => self.result.unwrap_or_else(|| Err(gone())),
        };
        // Fails only if the caller is gone; the work is done all the same.
        let _ = self.answer.send(result);
    }
}

fn run(shared: &Shared, inbox: &Receiver<Command>) {
    let mut sweeper = Sweeper::default();
    loop {
        let first =
            if shared.is_open() { inbox.recv().map_err(|_| RecvTimeoutError::Disconnected) } else { inbox.recv_timeout(REOPEN_EVERY) };
        let first = match first {
            Ok(command) => command,
            Err(RecvTimeoutError::Timeout) => {
                reopen(shared);
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let mut tasks = Vec::new();
        let mut compactions = Vec::new();
        for command in std::iter::once(first).chain(inbox.try_iter()).take(MOST_PER_BATCH) {
            match command {
                Command::Write(task) => tasks.push(task),
                Command::Compact(answer) => compactions.push(answer),
            }
        }
        if !shared.is_open() {
            reopen(shared);
        }
        if !tasks.is_empty() {
            serve(shared, tasks, &mut sweeper);
        }
        for answer in compactions {
            let _ = answer.send(shared.compact().map_err(StoreError::from));
        }
    }
}

fn serve(shared: &Shared, mut tasks: Vec<Box<dyn WriteTask>>, sweeper: &mut Sweeper) {
    let served = catch_unwind(AssertUnwindSafe(|| transact(shared, &mut tasks, sweeper)));
    let failure = match served {
        Ok(Ok(())) => None,
        Ok(Err(fault)) => Some(StoreError::from(fault)),
        Err(_) => Some(StoreError::new(StoreErrorKind::Unavailable, "the store's writer panicked")),
    };
    if failure.is_some() {
        // After a failed write the engine refuses all others until it is reopened.
        reopen(shared);
    }
    let mut failure = failure;
    let last = tasks.len() - 1;
    for (i, task) in tasks.into_iter().enumerate() {
        // One task gets the cause, because it cannot be cloned.
        let own = if i == last { failure.take() } else { failure.as_ref().map(|failure| StoreError::new(failure.kind, failure.message)) };
        task.settle(own);
    }
}

fn transact(shared: &Shared, tasks: &mut [Box<dyn WriteTask>], sweeper: &mut Sweeper) -> Result<(), Fault> {
    shared.transaction(|transaction| {
        let mut batch = Batch::new(transaction);
        let mut wrote = false;
        for task in tasks.iter_mut() {
            wrote |= task.run(&mut batch)?;
        }
        if let Some(now_ms) = tasks.iter().filter_map(|task| task.now_ms()).max().filter(|_| wrote) {
            sweeper.sweep(&mut batch, now_ms, tasks.len())?;
        }
        Ok(wrote)
    })
}

fn reopen(shared: &Shared) {
    // If it fails or panics, the store stays closed and is tried again later.
    let _ = catch_unwind(AssertUnwindSafe(|| shared.reopen()));
}
