//! The command line's arguments.

use std::{io::Write as _, time::Duration};

use zengine_connector::BoxError;

use super::Row;

/// How rows are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Print {
    /// One aligned table at the end.
    Table,
    /// One line of JSON per row, as soon as it is measured.
    Json,
    /// A table of `docs/performance.md`.
    Markdown,
}

/// The command line's arguments.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) print: Print,
    pub(crate) quick: bool,
    /// Only counts that are the same on every machine, and the end says whether all rows hold.
    pub(crate) gate: bool,
    filter: Option<String>,
}

impl Run {
    /// `[--json | --markdown] [--quick] [--gate] [part of a row's name]`.
    pub(crate) fn read(arguments: impl Iterator<Item = String>) -> Result<Self, BoxError> {
        let mut run = Self { print: Print::Table, quick: false, gate: false, filter: None };
        for argument in arguments {
            match &*argument {
                "--json" => run.print = Print::Json,
                "--markdown" => run.print = Print::Markdown,
                "--quick" => run.quick = true,
                "--gate" => run.gate = true,
                flag if flag.starts_with('-') => {
                    return Err(format!("{flag}: not an option; there are --json, --markdown, --quick, --gate and a row's name").into());
                }
                _ => run.filter = Some(argument),
            }
        }
        Ok(run)
    }

    /// Whether a family may have rows that are wanted; its rows begin with its name.
    pub(crate) fn wants_family(&self, name: &str) -> bool {
        self.filter.as_deref().is_none_or(|filter| name.contains(filter) || filter.starts_with(name))
    }

    /// Whether a row is wanted.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.filter.as_deref().is_none_or(|filter| name.contains(filter))
    }

    /// How long one round of an operation takes.
    pub(crate) fn round_time(&self) -> Duration {
        Duration::from_millis(if self.quick { 3 } else { 20 })
    }

    /// Rounds of each operation; the fastest counts.
    pub(crate) fn rounds(&self) -> u32 {
        if self.quick { 5 } else { 25 }
    }

    /// Repetitions under callgrind.
    pub(crate) fn repetitions_counted(&self) -> u32 {
        if self.quick { 50 } else { 500 }
    }

    /// A note for people; results go to standard output.
    pub(crate) fn say(&self, what: &str) {
        if self.print == Print::Table {
            eprintln!("{what}");
        }
    }

    /// Prints rows as they come, where that is wanted.
    pub(crate) fn each(&self, rows: &[Row]) -> Result<(), BoxError> {
        if self.print == Print::Json {
            let mut out = std::io::stdout().lock();
            for row in rows {
                writeln!(out, "{}", row.json()?)?;
            }
            out.flush()?;
        }
        Ok(())
    }

    /// Prints all rows, where they are wanted at the end.
    pub(crate) fn finish(&self, rows: &[Row]) -> Result<(), BoxError> {
        let mut out = std::io::stdout().lock();
        let lines: Vec<_> = [Row::HEAD.map(str::to_owned)].into_iter().chain(rows.iter().map(Row::cells)).collect();
        match self.print {
            Print::Json => {}
            Print::Markdown => {
                for (n, line) in lines.iter().enumerate() {
                    writeln!(out, "| {} |", line.join(" | "))?;
                    if n == 0 {
                        writeln!(out, "|{}", "---|".repeat(line.len()))?;
                    }
                }
            }
            Print::Table => {
                let width = |n: usize| lines.iter().map(|line| line[n].chars().count()).max().unwrap_or(0);
                let widths: Vec<usize> = (0..Row::HEAD.len()).map(width).collect();
                for line in &lines {
                    for (n, (cell, width)) in line.iter().zip(&widths).enumerate() {
                        let number = matches!(n, 1 | 4);
                        if number { write!(out, "{cell:>width$}  ")? } else { write!(out, "{cell:<width$}  ")? }
                    }
                    writeln!(out)?;
                }
            }
        }
        out.flush()?;
        Ok(())
    }
}
