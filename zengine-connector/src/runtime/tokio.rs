//! The ports on tokio.

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use tokio::time::Instant;

use super::{BoxFuture, Clock, Spawner};

/// The system's clock, with tokio's timer. You must use it inside a tokio runtime.
#[derive(Clone, Copy, Debug)]
pub struct TokioClock {
    start: Instant,
}

impl TokioClock {
    /// A clock whose monotonic zero is now.
    #[allow(clippy::disallowed_methods)] // this is the port
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for TokioClock {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Clock for TokioClock {
    #[allow(clippy::disallowed_methods)] // this is the port
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    #[allow(clippy::disallowed_methods)] // this is the port
    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

/// Spawns tasks on the current tokio runtime. Outside of one, as while a process ends, it takes no task.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokioSpawner;

impl Spawner for TokioSpawner {
    fn spawn(&self, future: BoxFuture<'static, ()>) -> bool {
        tokio::runtime::Handle::try_current().map(|runtime| runtime.spawn(future)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_taken_in_a_runtime_and_refused_outside_of_one() {
        let (done, ran) = futures_channel::oneshot::channel();
        assert!(!TokioSpawner.spawn(Box::pin(async {})), "there is no runtime");
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            assert!(TokioSpawner.spawn(Box::pin(async { done.send(()).unwrap() })));
            ran.await.expect("the task runs");
        });
    }
}
