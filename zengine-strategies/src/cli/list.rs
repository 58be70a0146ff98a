//! `zengine strategies`.

use std::fmt::Write as _;

use serde::Serialize;
use zengine_connector::message::{Channel, Idempotency};
use zengine_connector::strategy::{Descriptor, Direction, Reply};

use super::exit::{Exit, Failure};
use super::output::{Out, STRONG};
use super::strategy::{CliStrategy, Strategies};

/// List the strategies of this build
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// One JSON line per strategy
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, strategies: &Strategies, out: &mut Out) -> Result<Exit, Failure> {
    if arguments.json {
        for strategy in strategies.all() {
            out.json(&StrategyLine::of(strategy))?;
        }
    } else {
        out.text(&table(strategies))?;
    }
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct StrategyLine {
    name: &'static str,
    summary: &'static str,
    channel: Channel,
    direction: Direction,
    idempotency: Idempotency,
    reply: Reply,
}

impl StrategyLine {
    fn of(strategy: &CliStrategy) -> Self {
        let Descriptor { name, summary, channel, direction, idempotency, reply, .. } = *strategy.descriptor;
        Self { name, summary, channel, direction, idempotency, reply }
    }
}

fn table(strategies: &Strategies) -> String {
    let ways = |direction: Direction| match (direction.inbound, direction.outbound) {
        (true, true) => "in + out",
        (true, false) => "in",
        _ => "out",
    };
    let width = strategies.names().map(str::len).max().unwrap_or_default();
    let mut text = String::new();
    for strategy in strategies.all() {
        let Descriptor { name, summary, direction, .. } = *strategy.descriptor;
        // Writing into a String does not fail.
        let _ = writeln!(text, "{STRONG}{name:width$}{STRONG:#}  {:8}  {summary}", ways(direction));
    }
    text
}
