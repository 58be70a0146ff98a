//! `zengine dead-letters redrive`.

use std::time::Duration;

use zengine_connector::ClientMessageId;
use zengine_connector::pipeline::RedriveOptions;
use zengine_connector::store::{DeadLetter, LetterDirection, Stores};

use super::{LetterArguments, letter::find, refused};
use crate::cli::exit::{Exit, Failure};
use crate::cli::file::{File, Needs};
use crate::cli::host::Host;
use crate::cli::output::Out;
use crate::cli::send::{Report, report_outcome};
use crate::cli::strategy::Strategies;
use crate::cli::{host, output, progress};

/// Send the message of a dead letter again
///
/// Prints the outcome and exits as `zengine send` does. Needs exclusive access to the store: while a host runs, redrive in
/// that host. A message that may have arrived already is sent again only if the provider drops duplicates, or with --force.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    letter: LetterArguments,
    /// Send the message although it may have arrived already; give the reason
    #[arg(long, value_name = "REASON")]
    force: Option<String>,
    /// Maximum time for sending, all attempts together
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
}

pub(super) async fn run(arguments: &Arguments, strategies: &Strategies, out: &mut Out) -> Result<Exit, Failure> {
    let store = arguments.letter.store.writing("Redrive in that host (Orchestrator::redrive), or stop it first")?;
    let letter = find(&*store.dead_letters(), &arguments.letter.id).await?;
    let (DeadLetter { tenant, strategy: name, .. }, id) = (&letter, sent(&letter)?);
    let strategy = strategies.find(name.as_str())?;
    let file = File::read(&arguments.letter.file.config, strategy, Needs::Config).await?;
    let stores = Stores::from(&store);
    let letters = stores.dead_letters.clone();
    let host = Host::new(strategy, &file, tenant, host::client()?, stores, |builder| builder).await?;
    host.bind(tenant).await?;
    if let Some(reason) = &arguments.force {
        output::note(&format!("forced, because: {reason}"));
    }
    let redriven = progress::during("sending", host.orchestrator.redrive(&arguments.letter.id, options(arguments))).await;
    let outcome = redriven.map_err(refused)?;
    let report = Report::of(strategy.name(), tenant, id, &outcome, &letters).await;
    out.result(&report, report_outcome(&outcome))
}

/// The id under which the message was sent. Inbound events have none.
fn sent(letter: &DeadLetter) -> Result<&ClientMessageId, Failure> {
    match (letter.direction, &letter.client_message_id) {
        (LetterDirection::Outbound, Some(id)) => Ok(id),
        _ => Err(Failure::invalid("only messages that were to be sent can be redriven; an event is replayed")),
    }
}

fn options(arguments: &Arguments) -> RedriveOptions {
    let mut options = RedriveOptions::new();
    if let Some(reason) = &arguments.force {
        options = options.force(reason);
    }
    options.time = Some(Duration::from_secs(arguments.timeout));
    options
}
