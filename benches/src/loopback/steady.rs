//! The measuring of a client that keeps a number of sends in flight.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use rustix::time::{ClockId, clock_gettime};
use zengine_connector::BoxError;

use crate::harness::now;

/// Sends of each task before the clock starts: connections are open then, buffers grown.
const LEAD: u32 = 4;

/// A way to send one message.
pub(super) trait Client: Send + Sync + 'static {
    fn send(&self) -> impl Future<Output = Result<(), BoxError>> + Send;
}

/// The cost of sends in one round.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    pub(super) per_second: f64,
    /// CPU time of this process, all its threads, for one send.
    pub(super) cpu_us: f64,
}

impl Cost {
    /// The time from the start of a send to its end, where one is in flight.
    pub(super) fn latency_us(self) -> f64 {
        1e6 / self.per_second
    }
}

/// Measures `sends` while as many tasks as `in_flight` send in loops. All tasks run before the clock starts and when it stops.
pub(super) async fn steady<C: Client>(client: &Arc<C>, in_flight: u32, sends: u32) -> Result<Cost, BoxError> {
    let meter = Arc::new(Meter { first: LEAD * in_flight, sends, ..Meter::default() });
    let task = |_| {
        let (client, meter) = (Arc::clone(client), Arc::clone(&meter));
        tokio::spawn(async move {
            while meter.runs() {
                client.send().await?;
                meter.count();
            }
            Ok::<_, BoxError>(())
        })
    };
    for task in (0..in_flight).map(task).collect::<Vec<_>>() {
        task.await??;
    }
    meter.cost().ok_or_else(|| "a measurement did not end".into())
}

/// Counts sends that have ended, and notes the time at the first and the last one that is measured.
#[derive(Debug, Default)]
struct Meter {
    first: u32,
    sends: u32,
    done: AtomicU32,
    begun: OnceLock<Times>,
    ended: OnceLock<Times>,
}

impl Meter {
    fn runs(&self) -> bool {
        self.ended.get().is_none()
    }

    fn count(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if done == self.first {
            self.begun.get_or_init(Times::now);
        } else if done == self.first + self.sends {
            self.ended.get_or_init(Times::now);
        }
    }

    fn cost(&self) -> Option<Cost> {
        let (begun, ended) = (self.begun.get()?, self.ended.get()?);
        let sends = f64::from(self.sends);
        let cpu = ended.cpu.saturating_sub(begun.cpu).as_secs_f64();
        Some(Cost { per_second: sends / (ended.real - begun.real).as_secs_f64(), cpu_us: cpu * 1e6 / sends })
    }
}

/// The clocks of this process.
#[derive(Debug)]
struct Times {
    real: Duration,
    cpu: Duration,
}

impl Times {
    fn now() -> Self {
        Self { real: now(), cpu: clock_gettime(ClockId::ProcessCPUTime).try_into().unwrap_or_default() }
    }
}
