//! Sends on the embedded store, held to its durable writes in the same run.

use std::sync::Arc;

use zengine_connector::{BoxError, Stores, store::Embedded};

use super::{bare::Bare, cores::Pinned, sender::Sender, steady::steady, writes::Writes};
use crate::{
    embedded::{GROUP, Puts},
    harness::{Bound, Row, Run, median},
};

const MANY: &str = "loopback/embedded-256-in-flight";
const WRITES: &str = "loopback/embedded-writes-per-send";
const ONE: &str = "loopback/embedded-one-at-a-time";

/// Rates with 256 in flight, the latency of one at a time, and writes per delivered send.
pub(super) fn rows(run: &Run, url: &str) -> Result<Vec<Row>, BoxError> {
    if ![MANY, WRITES, ONE].into_iter().any(|name| run.wants(name)) {
        return Ok(vec![]);
    }
    let folder = tempfile::tempdir()?;
    // Opened before the client is pinned: the store's thread may run on either core.
    let store = Embedded::open(folder.path().join("bench.db"))?;
    let _pinned = Pinned::to_first_core();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (rounds, many, few) = if run.quick { (3, 2_000, 20) } else { (9, 8_000, 200) };

    let (writes, stores) = Writes::counted(Stores::from(&store));
    let puts = Arc::new(Puts::into(&store));
    let [mut sends, mut groups, mut bare_sends, mut latency, mut lone, mut bare_latency] = <[Vec<f64>; 6]>::default();
    let sender = runtime.block_on(async {
        let (sender, bare) = (Arc::new(Sender::new(url, stores)?), Arc::new(Bare::new(url)?));
        for _ in 0..rounds {
            sends.push(steady(&sender, GROUP, many).await?.per_second);
            groups.push(puts.per_second_in_groups(many / GROUP).await?);
            bare_sends.push(steady(&bare, GROUP, many).await?.per_second);
            latency.push(steady(&sender, 1, few).await?.latency_us());
            lone.push(puts.alone_us(few).await?);
            bare_latency.push(steady(&bare, 1, few).await?.latency_us());
        }
        Ok::<_, BoxError>(sender)
    })?;
    let [sends, groups, bare_sends, latency, lone, bare_latency] = [sends, groups, bare_sends, latency, lone, bare_latency].map(median);

    let writes_each = f64::from(writes.count()) / f64::from(sender.sent());
    Ok(vec![
        Row::new(MANY, sends, "sends/s")
            .peer("durable writes/s ÷ writes per send", groups / writes_each)
            .peer("reqwest json", bare_sends)
            .must(Bound::RatioAtLeast(0.7))
            .stretch(Bound::RatioAtLeast(0.85)),
        Row::new(WRITES, writes_each, "writes").must(Bound::AtMost(3.0)),
        Row::new(ONE, latency, "us")
            .peer("bare call + writes × 1.5 × lone write", bare_latency + writes_each * 1.5 * lone)
            .peer("reqwest json", bare_latency)
            .peer("lone write", lone)
            .must(Bound::RatioAtMost(1.0)),
    ])
}
