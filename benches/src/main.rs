//! Benchmarks of zengine-connector, beside peers in the same run.
//!
//! ```sh
//! cargo run --release -p zengine-benches                 # one table
//! cargo run --release -p zengine-benches -- --json       # one line of JSON per row
//! cargo run --release -p zengine-benches -- inbound      # only rows whose name holds a word
//! cargo run -p zengine-benches -- --gate                 # only counts; exit 1 where one is over its limit
//! ```
//!
//! `docs/performance.md` says what each row means.

mod disk;
mod embedded;
mod families;
mod harness;
mod inbound;
mod log;
mod loopback;
mod noop;
mod peers;
mod sends;
mod start;
mod tenants;

use std::process::ExitCode;

use zengine_connector::BoxError;

use families::FAMILIES;
use harness::{Counting, REPEAT, Row, Run};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() -> Result<ExitCode, BoxError> {
    let mut arguments = std::env::args().skip(1).peekable();
    // Some rows are measured in processes of their own, which are this program again.
    match arguments.peek().map(String::as_str) {
        Some(REPEAT) => return repeat(arguments.nth(1), arguments.next()),
        Some(loopback::SERVE) => return loopback::serve().map(|()| ExitCode::SUCCESS),
        Some(inbound::PRINT_BODY) => return inbound::print_body(arguments.nth(1).as_deref()).map(|()| ExitCode::SUCCESS),
        Some(start::FIRST_EVENT) => return start::first_event().map(|()| ExitCode::SUCCESS),
        _ => {}
    }
    let run = Run::read(arguments)?;
    let mut all: Vec<Row> = vec![];
    for family in FAMILIES.iter().filter(|family| run.wants_family(family.name)) {
        run.say(family.name);
        let mut rows = if run.gate { vec![] } else { (family.timed)(&run)? };
        rows.extend(family.counted.iter().flat_map(|counted| counted.rows(&run)));
        rows.retain(|row| run.wants(&row.name));
        run.each(&rows)?;
        all.extend(rows);
    }
    run.finish(&all)?;
    let missed = all.iter().any(|row| row.ok() == Some(false));
    Ok(if run.gate && missed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Repeats one operation, for callgrind to count.
fn repeat(name: Option<String>, times: Option<String>) -> Result<ExitCode, BoxError> {
    let (Some(name), Some(times)) = (name, times) else { return Err("repeat takes a name and a number".into()) };
    let counted = FAMILIES.iter().flat_map(|family| family.counted).find(|counted| counted.name == name).ok_or("no such operation")?;
    let mut case = (counted.make)();
    (case.run)(16); // what happens once
    (case.run)(times.parse()?);
    Ok(ExitCode::SUCCESS)
}
