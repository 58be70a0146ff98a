//! Counts of one operation that do not depend on how busy the machine is: allocations, and instructions by callgrind.
//!
//! The program runs itself under callgrind twice, with different numbers of repetitions; the difference is free of what
//! happens once. Callgrind's processor has no SHA extensions, so hashing counts as what the portable code needs.

use std::{
    env,
    process::{Command, Stdio},
};

use super::{Bound, Case, Row, Run, case::allocations};

/// An operation that can be made anew in another process.
#[derive(Clone, Copy)]
pub(crate) struct Counted {
    /// Its rows are `name/allocations` and `name/instructions`.
    pub(crate) name: &'static str,
    /// Makes the operation.
    pub(crate) make: fn() -> Case<'static>,
    /// Allocations it must not exceed.
    pub(crate) allocations: Option<f64>,
    /// Allocations above which the gate fails, where what it must hold is not reached yet.
    pub(crate) ceiling: Option<f64>,
    /// Allocations that would be good to reach.
    pub(crate) stretch: Option<f64>,
}

/// The argument that makes this program repeat one operation and end.
pub(crate) const REPEAT: &str = "repeat";

impl Counted {
    /// The rows of its counts. Instructions only in a release build, and where valgrind is installed.
    pub(crate) fn rows(&self, run: &Run) -> Vec<Row> {
        let mut rows = vec![];
        let name = format!("{}/allocations", self.name);
        if run.wants(&name) {
            let mut row = Row::new(name, allocations(&mut (self.make)()), "per op");
            if let Some(limit) = self.ceiling.filter(|_| run.gate).or(self.allocations) {
                row = row.must(Bound::AtMost(limit));
            }
            if let Some(limit) = self.stretch {
                row = row.stretch(Bound::AtMost(limit));
            }
            rows.push(row);
        }
        let name = format!("{}/instructions", self.name);
        if !cfg!(debug_assertions)
            && run.wants(&name)
            && let Some(count) = self.count(run)
        {
            rows.push(Row::new(name, count, "per op"));
        }
        rows
    }

    /// `None` where valgrind is missing or fails, which is said on standard error.
    fn count(&self, run: &Run) -> Option<f64> {
        let few = run.repetitions_counted();
        match (total(self.name, few), total(self.name, 3 * few)) {
            (Ok(short), Ok(long)) => Some((long - short) / f64::from(2 * few)),
            (Err(why), _) | (_, Err(why)) => {
                eprintln!("{}: instructions are not counted: {why}", self.name);
                None
            }
        }
    }
}

fn total(name: &str, n: u32) -> Result<f64, String> {
    let this = env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=*harness::case::measured*"])
        .arg(this)
        .args([REPEAT, name, &n.to_string()])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("valgrind does not start: {error}"))?;
    let printed = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("{}: {}", output.status, printed.lines().last().unwrap_or_default()));
    }
    let collected = printed.lines().find_map(|line| line.split_once("Collected :")).map(|(_, count)| count.trim().parse());
    match collected {
        Some(Ok(count)) if count > 0.0 => Ok(count),
        _ => Err("callgrind gives no count".to_owned()),
    }
}
