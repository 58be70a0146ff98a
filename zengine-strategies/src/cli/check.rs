//! `zengine check`.

use std::sync::Arc;

use zengine_connector::error::Violation;
use zengine_connector::runtime::TokioClock;
use zengine_connector::{Error, store::Memory, store::Stores};

use super::exit::{Exit, Failure};
use super::file::{File, FileArgument, Needs, below};
use super::host::of_config;
use super::strategy::{CliContext, Strategies};

/// Check a file and report every violation, one JSON pointer per line
///
/// Makes no network calls. A valid file prints nothing and exits 0; otherwise each violation is a line on standard error,
/// `POINTER: what is wrong`, with pointers into the file, and the exit code is 2.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The strategy's name; `zengine strategies` lists them
    strategy: String,
    #[command(flatten)]
    file: FileArgument,
}

pub(super) async fn run(arguments: &Arguments, strategies: &Strategies) -> Result<Exit, Failure> {
    let strategy = strategies.find(&arguments.strategy)?;
    let file = File::read(&arguments.file.config, strategy, Needs::Config).await?;
    let registry = strategy.registry(&file.instance, CliContext::offline()).await;
    let registry = registry.map_err(|found| Failure::violations(below("/instance", found)))?;
    let stores = Stores::from(&Memory::new());
    file.set_up(strategy.name()).write(&registry, &stores, Arc::new(TokioClock::new())).await.map_err(of_set_up)?;
    Ok(Exit::Done)
}

/// Failure of a set-up, with pointers into the file.
fn of_set_up(error: Error) -> Failure {
    match error.context("field") {
        Some("routes") => error.into(),
        Some("secrets") => Failure::violations(vec![Violation::new("/secrets", error.message())]),
        _ => of_config(error),
    }
}
