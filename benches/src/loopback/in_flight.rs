//! Sends on the memory store with a number of them in flight, beside `reqwest` with the same number.

use std::sync::Arc;

use zengine_connector::{BoxError, store::Memory};

use super::{
    bare::Bare,
    cores::Pinned,
    sender::Sender,
    steady::{Cost, steady},
};
use crate::harness::{Bound, Row, Run, median};

const REQWEST: &str = "reqwest json";

/// Two rows for each number in flight: sends per second, and CPU time of the client's process per send.
pub(super) fn rows(run: &Run, url: &str) -> Result<Vec<Row>, BoxError> {
    let _pinned = Pinned::to_first_core();
    let mut rows = vec![];
    for in_flight in [1, 64, 256] {
        let (rate, cpu) = (format!("loopback/{in_flight}-in-flight"), format!("loopback/{in_flight}-in-flight/cpu"));
        if !run.wants(&rate) && !run.wants(&cpu) {
            continue;
        }
        let [ours, bare] = beside_reqwest(run, url, in_flight)?;
        let rates = [&ours, &bare].map(|costs| median(costs.iter().map(|cost| cost.per_second)));
        let times = [&ours, &bare].map(|costs| median(costs.iter().map(|cost| cost.cpu_us)));
        rows.push(
            Row::new(rate, rates[0], "sends/s").peer(REQWEST, rates[1]).must(Bound::RatioAtLeast(0.8)).stretch(Bound::RatioAtLeast(0.95)),
        );
        rows.push(
            Row::new(cpu, times[0], "us per send").peer(REQWEST, times[1]).must(Bound::RatioAtMost(1.25)).stretch(Bound::RatioAtMost(1.08)),
        );
    }
    Ok(rows)
}

/// Rounds of both clients, in turns.
fn beside_reqwest(run: &Run, url: &str, in_flight: u32) -> Result<[Vec<Cost>; 2], BoxError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (rounds, sends) = match (run.quick, in_flight) {
        (true, _) => (3, 2_000),
        (false, 1) => (9, 4_000),
        (false, _) => (9, 16_000),
    };
    runtime.block_on(async {
        let (sender, bare) = (Arc::new(Sender::new(url, Memory::new())?), Arc::new(Bare::new(url)?));
        let mut costs = [vec![], vec![]];
        for _ in 0..rounds {
            costs[0].push(steady(&sender, in_flight, sends).await?);
            costs[1].push(steady(&bare, in_flight, sends).await?);
        }
        Ok(costs)
    })
}
