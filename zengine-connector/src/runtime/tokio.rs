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

/// Spawns tasks on the current tokio runtime. Outside of one, as while a process ends, the task is dropped.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokioSpawner;

impl Spawner for TokioSpawner {
    fn spawn(&self, future: BoxFuture<'static, ()>) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(future);
        }
    }
}
