//! `zengine dead-letters`: the dead letters of an embedded store.

mod letter;
mod list;
mod many;
mod redrive;
mod replay;
mod show;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use zengine_connector::store::{StoreError, StoreErrorKind};
use zengine_connector::{Embedded, Error};

use super::exit::{Exit, Failure};
use super::output::Out;
use super::strategy::Strategies;

/// Inspect messages that could not be sent or handled, and send or hand them over again
///
/// Reads the embedded store of a host. `list` and `show` work beside the running host; `redrive` and `replay` need exclusive access.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(list::Arguments),
    Show(show::Arguments),
    Redrive(redrive::Arguments),
    Replay(replay::Arguments),
}

pub(super) async fn run(arguments: Arguments, strategies: &Strategies, out: &mut Out) -> Result<Exit, Failure> {
    match arguments.command {
        Command::List(arguments) => list::run(&arguments, strategies, out).await,
        Command::Show(arguments) => show::run(&arguments, strategies, out).await,
        Command::Redrive(arguments) => redrive::run(&arguments, strategies, out).await,
        Command::Replay(arguments) => replay::run(&arguments, strategies).await,
    }
}

/// The option that names the store.
#[derive(Debug, clap::Args)]
pub(super) struct StoreArgument {
    /// The host's embedded store; its key file lies beside it
    #[arg(long, value_name = "FILE")]
    store: PathBuf,
}

impl StoreArgument {
    /// Opens the store for reading, also beside a running host.
    fn reading(&self) -> Result<Embedded, Failure> {
        Self::opened(Embedded::open_read_only(self.existing()?), "try again later")
    }

    /// Opens the store for writing; one process at a time. `if_busy` says what to do while a host has it open.
    pub(super) fn writing(&self, if_busy: &str) -> Result<Embedded, Failure> {
        Self::opened(Embedded::open(self.existing()?), if_busy)
    }

    /// The path of an existing store: a misspelt one must not create a new store.
    fn existing(&self) -> Result<&Path, Failure> {
        if self.store.is_file() { Ok(&self.store) } else { Err(Failure::invalid(format!("there is no store at {}", self.store.display()))) }
    }

    fn opened(opened: Result<Embedded, StoreError>, if_busy: &str) -> Result<Embedded, Failure> {
        opened.map_err(|error| {
            let more = if error.kind == StoreErrorKind::StoreBusy { format!(". {if_busy}") } else { String::new() };
            Failure::new(Exit::Broken, format!("{error}{more}"))
        })
    }
}

/// Failure of a redrive or replay that did nothing.
fn refused(error: Error) -> Failure {
    let exit = Exit::of_refusal(&error);
    Failure::from(error).with_exit(exit)
}

/// Failure of a store operation.
pub(super) fn store_failure(error: StoreError) -> Failure {
    Failure::from(Error::from(error)).with_exit(Exit::Broken)
}
