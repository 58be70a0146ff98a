//! What the pipeline adds to a provider call that does nothing, beside that bare call.
//!
//! ```sh
//! cargo run --release -p zengine-benches
//! ```
//!
//! Wall times depend on the machine: compare rows of one run with each other.
#![allow(clippy::print_stdout, reason = "a benchmark prints its table")]

use std::{hint::black_box, sync::Arc, time::Duration};

use serde_json::json;
use zengine_connector::{
    BoxError, ClientMessageId, Clock, Identity, Orchestrator, OutboundMessage, OutboundStrategy, SendOptions, StrategyName,
    StrategyRegistry, TenantId, TokioClock,
    store::Memory,
    testing::{Contexts, Recording},
};

/// Sends in one measurement.
const SENDS: u32 = 20_000;
/// Measurements of each row; the fastest counts.
const ROUNDS: u32 = 5;

fn main() -> Result<(), BoxError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    runtime.block_on(async {
        let bare = bare().await?;
        println!("{:<44} {:>10} {:>8}", "row", "ns", "ratio");
        row("bare call of the strategy", bare, bare);
        row("send: whole pipeline, memory stores", fresh_sends().await?, bare);
        row("send: replay of a delivered message", replays().await?, bare);
        Ok(())
    })
}

fn row(name: &str, time: Duration, bare: Duration) {
    println!("{name:<44} {:>10} {:>8.1}", time.as_nanos(), time.as_secs_f64() / bare.as_secs_f64());
}

fn message() -> Result<OutboundMessage, BoxError> {
    let text = "A text of about a hundred bytes, which is what most messages that people really send look like today.";
    Ok(OutboundMessage::text(Identity::phone("+15551230001")?, text))
}

/// The fastest of several rounds, per send.
fn fastest(rounds: impl IntoIterator<Item = Duration>) -> Duration {
    rounds.into_iter().min().unwrap_or_default() / SENDS
}

async fn bare() -> Result<Duration, BoxError> {
    let (clock, message) = (TokioClock::new(), message()?);
    let mut rounds = vec![];
    for _ in 0..ROUNDS {
        let strategy: Recording = Recording::new();
        let names = (TenantId::new("acme")?, StrategyName::new("recording")?);
        let cx = Contexts::new(names.0, names.1, Arc::new(TokioClock::new())).send(ClientMessageId::new("1")?);
        let before = clock.monotonic();
        for _ in 0..SENDS {
            let _ = black_box(strategy.send(&(), &message, &cx).await)?;
        }
        rounds.push(clock.monotonic().saturating_sub(before));
    }
    Ok(fastest(rounds))
}

fn orchestrator() -> Result<(Orchestrator, TenantId), BoxError> {
    let (stores, tenant) = (Memory::new(), TenantId::new("acme")?);
    stores.directory().put(&tenant, &StrategyName::new("recording")?, json!({}));
    let registry = StrategyRegistry::builder().register(Recording::new()).build()?;
    Ok((Orchestrator::builder(registry).stores(stores).build()?, tenant))
}

async fn fresh_sends() -> Result<Duration, BoxError> {
    let (clock, message) = (TokioClock::new(), message()?);
    let mut rounds = vec![];
    for _ in 0..ROUNDS {
        let (orchestrator, tenant) = orchestrator()?;
        let ids: Vec<_> = (0..SENDS).map(|n| ClientMessageId::new(n.to_string())).collect::<Result<_, _>>()?;
        let before = clock.monotonic();
        for id in ids {
            let _ = black_box(orchestrator.send(&tenant, "recording", &message, SendOptions::new(id)).await)?;
        }
        rounds.push(clock.monotonic().saturating_sub(before));
    }
    Ok(fastest(rounds))
}

async fn replays() -> Result<Duration, BoxError> {
    let (clock, message) = (TokioClock::new(), message()?);
    let (orchestrator, tenant) = orchestrator()?;
    let mut rounds = vec![];
    for _ in 0..ROUNDS {
        let before = clock.monotonic();
        for _ in 0..SENDS {
            let options = SendOptions::new(ClientMessageId::new("the same")?);
            let _ = black_box(orchestrator.send(&tenant, "recording", &message, options).await)?;
        }
        rounds.push(clock.monotonic().saturating_sub(before));
    }
    Ok(fastest(rounds))
}
