//! How a command ends: exit codes, and what is said on standard error.

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
    said: Vec<Said>,
}

#[derive(Debug)]
enum Said {
    Error(String),
    Violation(Violation),
}

impl Failure {
    /// An end with one line.
    pub(super) fn new(exit: Exit, line: impl Into<String>) -> Self {
        Self { exit, said: vec![Said::Error(line.into())] }
    }

    /// What was given is wrong.
    pub(super) fn invalid(line: impl Into<String>) -> Self {
        Self::new(Exit::Invalid, line)
    }

    /// What was given is wrong at these places; one line each.
    pub(super) fn violations(violations: Vec<Violation>) -> Self {
        Self { exit: Exit::Invalid, said: violations.into_iter().map(Said::Violation).collect() }
    }

    /// Whoever read our output has gone: nothing is said.
    fn quiet() -> Self {
        Self { exit: Exit::Done, said: vec![] }
    }

    /// The same with another end, where something was said.
    #[must_use = "returns the failure with the end"]
    pub(super) fn with_exit(mut self, exit: Exit) -> Self {
        if !self.said.is_empty() {
            self.exit = exit;
        }
        self
    }

    /// The same with another end, where only whoever read our output has gone: the exit code still tells.
    #[must_use = "returns the failure with the end"]
    pub(super) fn unread(mut self, exit: Exit) -> Self {
        if self.said.is_empty() {
            self.exit = exit;
        }
        self
    }

    /// Says it, and gives the exit code.
    pub(super) fn report(self) -> ExitCode {
        for said in &self.said {
            match said {
                Said::Error(line) => output::error(line),
                Said::Violation(violation) => output::violation(violation),
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
            io::ErrorKind::BrokenPipe => Self::quiet(),
            _ => Self::new(Exit::Broken, error.to_string()),
        }
    }
}
