//! The writer thread: all waiting work shares one transaction, and every answer is sent after it is on disk.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError::Disconnected, Sender, channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use futures_channel::oneshot;
use redb::WriteTransaction;

use super::{
    fault::{Fault, catch_engine, damaged, io_error},
    file::Shared,
    sweep::Sweeper,
    work::Done,
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
    /// Held by every write that waits, and by this.
    place: Arc<()>,
    thread: Option<JoinHandle<()>>,
}

enum Command {
    Write(Work, Caller),
    Compact(oneshot::Sender<Result<bool, StoreError>>),
}

/// Work for a transaction.
struct Work {
    now_ms: Option<i64>,
    run: Box<Run>,
}

/// Keeps the answer, and returns `true` if it wrote. An error means that the transaction is void.
type Run = dyn FnOnce(&WriteTransaction) -> Result<bool, Fault> + Send;

/// The caller of some work, who learns how the transaction ended.
struct Caller {
    ended: oneshot::Sender<Result<(), StoreError>>,
    _place: Arc<()>,
}

impl Writer {
    pub(super) fn start(shared: Arc<Shared>) -> Result<Self, StoreError> {
        let (commands, inbox) = channel();
        let thread = std::thread::Builder::new().name("zengine-store".to_owned()).spawn(move || run(&shared, &inbox)).map_err(io_error)?;
        Ok(Self { commands: Some(commands), place: Arc::default(), thread: Some(thread) })
    }

    /// Runs work inside the next transaction. The work runs even if the future is dropped once it has been polled.
    pub(super) async fn write<T, F>(&self, now_ms: Option<i64>, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&WriteTransaction) -> Result<Done<T>, Fault> + Send + 'static,
    {
        let ((answer, answered), (ended, has_ended)) = (oneshot::channel(), oneshot::channel());
        let run = move |transaction: &WriteTransaction| {
            let (result, wrote) = match work(transaction) {
                Ok(Done::Wrote(value)) => (Ok(value), true),
                Ok(Done::Looked(value)) => (Ok(value), false),
                Err(Fault::Said(error)) => (Err(error), false),
                Err(fault) => return Err(fault),
            };
            // Fails only if the caller is gone; the work is done all the same.
            let _ = answer.send(result);
            Ok(wrote)
        };
        let caller = Caller { ended, _place: self.place()? };
        self.send(Command::Write(Work { now_ms, run: Box::new(run) }, caller))?;
        has_ended.await.map_err(|_| gone())??;
        answered.await.map_err(|_| gone())?
    }

    pub(super) async fn compact(&self) -> Result<bool, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.send(Command::Compact(answer))?;
        answered.await.map_err(|_| gone())?
    }

    /// A place among the waiting writes. Refuses one more than [`MAX_WAITING`]: callers give up after their time, and what they
    /// asked for stays.
    fn place(&self) -> Result<Arc<()>, StoreError> {
        let place = Arc::clone(&self.place);
        if Arc::strong_count(&place) > 1 + MAX_WAITING {
            return Err(StoreError::new(StoreErrorKind::Unavailable, "too many writes wait for the store"));
        }
        Ok(place)
    }

    fn send(&self, command: Command) -> Result<(), StoreError> {
        self.commands.as_ref().and_then(|commands| commands.send(command).ok()).ok_or_else(gone)
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

fn gone() -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, "the store's writer has stopped: open the store again")
}

fn run(shared: &Shared, inbox: &Receiver<Command>) {
    let mut sweeper = Sweeper::default();
    loop {
        let first = if shared.is_open() { inbox.recv().map_err(|_| Disconnected) } else { inbox.recv_timeout(REOPEN_EVERY) };
        if matches!(first, Err(Disconnected)) {
            return;
        }
        let (mut jobs, mut compactions) = (Vec::new(), Vec::new());
        for command in first.into_iter().chain(inbox.try_iter()).take(MOST_PER_BATCH) {
            match command {
                Command::Write(work, caller) => jobs.push((work, caller)),
                Command::Compact(answer) => compactions.push(answer),
            }
        }
        if !shared.is_open() {
            reopen(shared);
        }
        if !jobs.is_empty() {
            serve(shared, jobs, &mut sweeper);
        }
        for answer in compactions {
            let _ = answer.send(compact(shared));
        }
    }
}

fn compact(shared: &Shared) -> Result<bool, StoreError> {
    let compacted = shared.compact();
    if let Err(Fault::Engine(error)) = &compacted
        && !matches!(error, redb::Error::TransactionInProgress)
    {
        // Before the answer, so that the caller's next write succeeds.
        reopen(shared);
    }
    Ok(compacted?)
}

fn serve(shared: &Shared, jobs: Vec<(Work, Caller)>, sweeper: &mut Sweeper) {
    let (works, callers): (Vec<_>, Vec<_>) = jobs.into_iter().unzip();
    let served = catch_engine(|| transact(shared, works, sweeper)).unwrap_or_else(|| Err(damaged()));
    let mut failure = served.err().map(StoreError::from);
    if failure.is_some() {
        // After a failed write the engine refuses all others until it is reopened.
        reopen(shared);
    }
    let last = callers.len() - 1;
    for (i, caller) in callers.into_iter().enumerate() {
        // One caller gets the cause, because it cannot be cloned.
        let own = if i == last { failure.take() } else { failure.as_ref().map(|failure| StoreError::new(failure.kind, failure.message)) };
        let _ = caller.ended.send(own.map_or(Ok(()), Err));
    }
}

fn transact(shared: &Shared, works: Vec<Work>, sweeper: &mut Sweeper) -> Result<(), Fault> {
    shared.transaction(|transaction| {
        let (jobs, now_ms) = (works.len(), works.iter().filter_map(|work| work.now_ms).max());
        let mut wrote = false;
        for work in works {
            wrote |= (work.run)(transaction)?;
        }
        if let Some(now_ms) = now_ms.filter(|_| wrote) {
            sweeper.sweep(transaction, now_ms, jobs)?;
        }
        Ok(wrote)
    })
}

fn reopen(shared: &Shared) {
    // If it panics, the store stays closed and is tried again later.
    let _ = catch_engine(|| shared.reopen());
}
