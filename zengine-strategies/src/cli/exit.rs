//! Exit codes, and the lines on standard error.

use std::{io, process::ExitCode};

use zengine_connector::error::{Disposition, Violation};
use zengine_connector::private::closest;
use zengine_connector::{Error, ErrorKind};

use super::output;

/// An exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// Done; a message was delivered.
    Done = 0,
    /// The command itself failed: a port is taken, standard output is broken.
    Broken = 1,
    /// Invalid input: arguments, file, message.
    Invalid = 2,
    Rejected = 3,
    /// A message was refused, or certainly not sent.
    Failed = 4,
    /// A message may have been delivered.
    Unknown = 5,
    /// A message cannot be sent now.
    Deferred = 6,
    /// A channel works with restrictions.
    Degraded = 7,
    /// A channel does not work.
    Unhealthy = 8,
    /// The health of a channel cannot be determined.
    Inconclusive = 9,
}

impl Exit {
    /// The code for a call that sent nothing: the request is wrong, a record cannot be read, or it is too early.
    pub(super) fn of_refusal(error: &Error) -> Self {
        match error.disposition() {
            Disposition::Reject => Self::Invalid,
            Disposition::RetryAfter(_) if error.kind() == ErrorKind::Corrupt => Self::Broken,
            Disposition::RetryAfter(_) => Self::Deferred,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A failed command: its exit code and lines for standard error, which never contain a secret, a recipient or a body.
#[derive(Debug)]
pub(super) struct Failure {
    exit: Exit,
    error: Option<String>,
    violations: Vec<Violation>,
}

impl Failure {
    /// A failure with one line.
    pub(super) fn new(exit: Exit, line: impl Into<String>) -> Self {
        Self { exit, error: Some(line.into()), violations: vec![] }
    }

    /// Invalid input.
    pub(super) fn invalid(line: impl Into<String>) -> Self {
        Self::new(Exit::Invalid, line)
    }

    /// A name that does not exist, with the known ones and a suggestion.
    pub(super) fn unknown(what: &str, name: &str, known: impl Iterator<Item = &'static str>) -> Self {
        let known: Vec<_> = known.collect();
        let meant = closest(name, known.iter().copied()).map(|name| format!("; did you mean {name}?")).unwrap_or_default();
        Self::invalid(format!("there is no such {what}; known: {}{meant}", known.join(", ")))
    }

    /// Invalid input at these places; one line each.
    pub(super) fn violations(violations: Vec<Violation>) -> Self {
        Self { exit: Exit::Invalid, error: None, violations }
    }

    /// The reader closed standard output: prints nothing.
    fn closed_output() -> Self {
        Self { exit: Exit::Done, error: None, violations: vec![] }
    }

    fn is_closed_output(&self) -> bool {
        self.error.is_none() && self.violations.is_empty()
    }

    /// Sets the exit code, unless the failure is a closed output.
    #[must_use = "returns the failure with the exit code"]
    pub(super) fn with_exit(self, exit: Exit) -> Self {
        if self.is_closed_output() { self } else { Self { exit, ..self } }
    }

    /// Sets the exit code if the failure is a closed output, so that the code still reports the result.
    #[must_use = "returns the failure with the exit code"]
    pub(super) fn with_exit_on_closed_output(self, exit: Exit) -> Self {
        if self.is_closed_output() { Self { exit, ..self } } else { self }
    }

    /// Prints the lines and returns the exit code.
    pub(super) fn report(self) -> ExitCode {
        self.error.iter().for_each(|line| output::error(line));
        self.violations.iter().for_each(output::violation);
        self.exit.into()
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        if !error.violations().is_empty() {
            return Self::violations(error.violations().to_vec());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_cannot_be_read_is_neither_invalid_input_nor_a_matter_of_time() {
        for (kind, exit) in
            [(ErrorKind::Mismatch, Exit::Invalid), (ErrorKind::Corrupt, Exit::Broken), (ErrorKind::DeadLetterFailed, Exit::Deferred)]
        {
            assert_eq!(Exit::of_refusal(&Error::new(kind, "x")), exit);
        }
    }
}
