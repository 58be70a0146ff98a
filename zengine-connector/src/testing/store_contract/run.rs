//! The runtime of the cases.

use std::{panic::resume_unwind, sync::Arc};

use tokio::{runtime::Builder, sync::Barrier};

/// Number of rounds of a case of concurrent callers.
pub(super) const ROUNDS: usize = 50;

/// Threads of a runtime: several also on a machine with one processor, so that tasks interrupt each other.
const THREADS: usize = 4;

/// Runs a case on a runtime of its own.
#[doc(hidden)]
pub fn run(case: impl Future<Output = ()>) {
    Builder::new_multi_thread().worker_threads(THREADS).enable_all().build().unwrap().block_on(case);
}

/// Runs many tasks that start together, and returns their results in order.
pub(super) async fn at_once<T: Send + 'static, F>(tasks: usize, work: impl Fn(usize) -> F) -> Vec<T>
where
    F: Future<Output = T> + Send + 'static,
{
    let start = Arc::new(Barrier::new(tasks));
    let started: Vec<_> = (0..tasks)
        .map(|n| {
            let (start, work) = (Arc::clone(&start), work(n));
            tokio::spawn(async move {
                start.wait().await;
                work.await
            })
        })
        .collect();
    let mut results = Vec::with_capacity(tasks);
    for task in started {
        results.push(task.await.unwrap_or_else(|error| resume_unwind(error.into_panic())));
    }
    results
}
