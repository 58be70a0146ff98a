//! `zengine dead-letters`: what failed for good, in an embedded store.

mod letter;
mod list;
mod redrive;
mod show;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use zengine_connector::{
    Embedded, Error,
    store::{StoreError, StoreErrorKind},
};

use super::{
    exit::{Exit, Failure},
    output::Out,
};

/// Look at what could not be sent or read, and send it again
///
/// In the embedded store of a host. Listing and showing work beside the running host; redriving needs the store for itself.
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
}

pub(super) async fn run(arguments: Arguments, out: &mut Out) -> Result<Exit, Failure> {
    match arguments.command {
        Command::List(arguments) => list::run(&arguments, out).await,
        Command::Show(arguments) => show::run(&arguments, out).await,
        Command::Redrive(arguments) => redrive::run(&arguments, out).await,
    }
}

/// The option that names the store.
#[derive(Debug, clap::Args)]
struct StoreArgument {
    /// The host's embedded store; its key file lies beside it
    #[arg(long, value_name = "FILE")]
    store: PathBuf,
}

impl StoreArgument {
    /// Opens it for reading, also beside a running host.
    fn reading(&self) -> Result<Embedded, Failure> {
        self.opened(Embedded::open_read_only(self.existing()?))
    }

    /// Opens it for writing, which one process does at a time.
    fn writing(&self) -> Result<Embedded, Failure> {
        self.opened(Embedded::open(self.existing()?))
    }

    /// A misspelt path must not become a new store.
    fn existing(&self) -> Result<&Path, Failure> {
        if self.store.is_file() { Ok(&self.store) } else { Err(Failure::invalid(format!("there is no store at {}", self.store.display()))) }
    }

    fn opened(&self, opened: Result<Embedded, StoreError>) -> Result<Embedded, Failure> {
        opened.map_err(|error| {
            let exit = if error.kind == StoreErrorKind::Corrupt { Exit::Invalid } else { Exit::Broken };
            let more = match error.kind {
                StoreErrorKind::StoreBusy => ". Redrive in that host (Orchestrator::redrive), or stop it first",
                _ => "",
            };
            Failure::new(exit, format!("{}: {error}{more}", self.store.display()))
        })
    }
}

/// What a store says when it does not answer.
fn store_failure(error: StoreError) -> Failure {
    Failure::from(Error::from(error)).with_exit(Exit::Broken)
}
