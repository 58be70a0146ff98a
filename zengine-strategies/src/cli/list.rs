//! `zengine strategies`.

use std::fmt::Write as _;

use serde::Serialize;
use zengine_connector::{Channel, Descriptor, Direction, Idempotency, Reply};

use super::{
    exit::{Exit, Failure},
    output::{Out, STRONG},
    strategies::{self, Entry},
};

/// List the strategies that this program was built with
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// One JSON line per strategy
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, out: &mut Out) -> Result<Exit, Failure> {
    if arguments.json {
        for entry in strategies::all() {
            out.json(&Line::of(entry))?;
        }
    } else {
        out.text(&table())?;
    }
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct Line {
    name: &'static str,
    summary: &'static str,
    channel: Channel,
    direction: Direction,
    idempotency: Idempotency,
    reply: Reply,
}

impl Line {
    fn of(entry: &Entry) -> Self {
        let Descriptor { name, summary, channel, direction, idempotency, reply, .. } = *entry.descriptor;
        Self { name, summary, channel, direction, idempotency, reply }
    }
}

fn table() -> String {
    let ways = |direction: Direction| match (direction.inbound, direction.outbound) {
        (true, true) => "in + out",
        (true, false) => "in",
        _ => "out",
    };
    let width = strategies::all().map(|entry| entry.descriptor.name.len()).max().unwrap_or_default();
    let mut text = String::new();
    for entry in strategies::all() {
        let Descriptor { name, summary, direction, .. } = *entry.descriptor;
        // Writing into a String does not fail.
        let _ = writeln!(text, "{STRONG}{name:width$}{STRONG:#}  {:8}  {summary}", ways(direction));
    }
    text
}
