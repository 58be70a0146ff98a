//! Something to measure, and the measuring of several such things side by side.

use std::time::Duration;

use super::{Run, alloc, now};

/// What running an operation a number of times took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sample {
    time: Duration,
    allocations: u64,
}

impl std::ops::AddAssign for Sample {
    fn add_assign(&mut self, other: Self) {
        self.time += other.time;
        self.allocations += other.allocations;
    }
}

/// Measures `work`; what stands outside of it (making ids, filling a store) costs nothing. Callgrind counts inside this
/// function only, by its name.
#[inline(never)]
pub(crate) fn measured(work: impl FnOnce()) -> Sample {
    let (calls, begun) = (alloc::allocated().calls, now());
    work();
    let time = now().saturating_sub(begun);
    Sample { time, allocations: alloc::allocated().calls.wrapping_sub(calls) }
}

/// Nanoseconds of each of `n` operations.
fn measured_ns(sample: Sample, n: u32) -> f64 {
    sample.time.as_secs_f64() * 1e9 / f64::from(n)
}

/// An operation to measure.
pub(crate) struct Case<'a> {
    /// Runs the operation so many times, inside one [`measured`].
    pub(crate) run: Box<dyn FnMut(u32) -> Sample + 'a>,
}

impl<'a> Case<'a> {
    /// An operation that is called in a loop.
    pub(crate) fn new<T>(mut once: impl FnMut() -> T + 'a) -> Self {
        Self::many(move |n| {
            measured(|| {
                for _ in 0..n {
                    std::hint::black_box(once());
                }
            })
        })
    }

    /// An operation that prepares its repetitions.
    pub(crate) fn many(run: impl FnMut(u32) -> Sample + 'a) -> Self {
        Self { run: Box::new(run) }
    }
}

/// What one operation costs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// Of the fastest round.
    pub(crate) ns: f64,
    /// Of the round with the fewest.
    pub(crate) allocations: f64,
}

/// Measures operations in turns, so that the machine's moods meet all of them.
pub(crate) fn side_by_side<const N: usize>(run: &Run, mut cases: [Case<'_>; N]) -> [Cost; N] {
    let counts = cases.each_mut().map(|case| repetitions(case, run.round_time()));
    let mut costs = [Cost { ns: f64::INFINITY, allocations: f64::INFINITY }; N];
    for _ in 0..run.rounds() {
        for ((case, &n), cost) in cases.iter_mut().zip(&counts).zip(&mut costs) {
            let sample = (case.run)(n);
            cost.ns = cost.ns.min(measured_ns(sample, n));
            cost.allocations = cost.allocations.min(per(sample.allocations, n));
        }
    }
    costs
}

/// Allocations of one operation, without any clock: the same on every machine.
pub(crate) fn allocations(case: &mut Case<'_>) -> f64 {
    (case.run)(16); // buffers that are used again grow
    let n = 100;
    per((case.run)(n).allocations, n)
}

#[allow(clippy::cast_precision_loss, reason = "counts below 2^53")]
fn per(total: u64, n: u32) -> f64 {
    total as f64 / f64::from(n)
}

/// How many repetitions fill a round; at most a million, since some operations leave something behind each time.
fn repetitions(case: &mut Case<'_>, round: Duration) -> u32 {
    let mut n = 1;
    loop {
        let time = (case.run)(n).time;
        if time >= round || n >= 1_000_000 {
            return n;
        }
        // At most ten times as many: the first runs are cold and lie.
        let factor = round.as_secs_f64() / time.as_secs_f64().max(1e-9);
        n = (f64::from(n) * factor.clamp(1.5, 10.0)).min(1e6).ceil() as u32;
    }
}
