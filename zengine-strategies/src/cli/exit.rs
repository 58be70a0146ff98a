//! How a command ends: exit codes, and what is lines on standard error.

use std::{io, process::ExitCode};

use zengine_connector::{Disposition, Error, ErrorKind, Violation};

use super::output;

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// Done; a message was delivered.
    Done = 0,
    /// The command itself could not do its work: a port is taken, standard output is broken.
    Broken = 1,
    /// What it was given is wrong: arguments, file, message.
    Invalid = 2,
    /// A request was rejected.
    Rejected = 3,
    /// A message was refused, or surely not sent.
    Failed = 4,
    /// A message may have been delivered.
    Unknown = 5,
    /// A message cannot be sent now.
    Deferred = 6,
    /// A channel works, with less.
    Degraded = 7,
    /// A channel does not work.
    Unhealthy = 8,
    /// Nobody can tell how a channel is.
    Inconclusive = 9,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command ends early, in lines for standard error. They never hold a secret, a recipient or a body.
#[derive(Debug)]
pub(super) struct Failure {
    exit: Exit,
    lines: Vec<FailureLine>,
}

#[derive(Debug)]
enum FailureLine {
    Error(String),
    Violation(Violation),
}

impl Failure {
    /// An end with one line.
    pub(super) fn new(exit: Exit, line: impl Into<String>) -> Self {
        Self { exit, lines: vec![FailureLine::Error(line.into())] }
    }

    /// What was given is wrong.
    pub(super) fn invalid(line: impl Into<String>) -> Self {
        Self::new(Exit::Invalid, line)
    }

    /// What was given is wrong at these places; one line each.
    pub(super) fn violations(violations: Vec<Violation>) -> Self {
        Self { exit: Exit::Invalid, lines: violations.into_iter().map(FailureLine::Violation).collect() }
    }

    /// Whoever read our output has gone: nothing is lines.
    fn closed_output() -> Self {
        Self { exit: Exit::Done, lines: vec![] }
    }

    /// The same with another end, where something was lines.
    #[must_use = "returns the failure with the end"]
    pub(super) fn with_exit(mut self, exit: Exit) -> Self {
        if !self.lines.is_empty() {
            self.exit = exit;
        }
        self
    }

    /// The same with another end, where only whoever read our output has gone: the exit code still tells.
    #[must_use = "returns the failure with the end"]
    pub(super) fn with_exit_on_closed_output(mut self, exit: Exit) -> Self {
        if self.lines.is_empty() {
            self.exit = exit;
        }
        self
    }

    /// Says it, and gives the exit code.
    pub(super) fn report(self) -> ExitCode {
        for line in &self.lines {
            match line {
                FailureLine::Error(text) => output::error(text),
                FailureLine::Violation(violation) => output::violation(violation),
            }
        }
        self.exit.into()
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        if !error.violations().is_empty() {
            return Self::violations(error.violations().to_vec());
        }
        if error.kind() == ErrorKind::UnknownStrategy {
            let known = error.context("known").unwrap_or_default();
            let meant = error.context("did_you_mean").map(|name| format!("; did you mean {name}?")).unwrap_or_default();
            return Self::invalid(format!("there is no such strategy; known: {known}{meant}"));
        }
        let exit = if error.disposition() == Disposition::Reject { Exit::Invalid } else { Exit::Broken };
        Self::new(exit, error.to_string())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::closed_output(),
            _ => Self::new(Exit::Broken, error.to_string()),
        }
    }
}
