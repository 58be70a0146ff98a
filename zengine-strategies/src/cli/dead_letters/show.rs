//! `zengine dead-letters show`.

use zengine_connector::FailureId;

use super::StoreArgument;
use super::letter::{DeadLetterLine, find, open_failure};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Out;
use crate::cli::strategy::Strategies;

/// Show one dead letter as a JSON line
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The letter's `failure_id`
    id: FailureId,
    #[command(flatten)]
    store: StoreArgument,
    /// Include the outbound content as `message` or the inbound as `event`, and the provider's own words: personal data
    #[arg(long)]
    message: bool,
}

pub(super) async fn run(arguments: &Arguments, strategies: &Strategies, out: &mut Out) -> Result<Exit, Failure> {
    let store = arguments.store.reading()?;
    let letter = find(&*store.dead_letters(), &arguments.id).await?;
    let mut line = DeadLetterLine::of(&letter, strategies)?;
    if arguments.message {
        let content = letter.open(&*store.keys()).map_err(|error| open_failure(&error))?;
        line = line.with_content(letter.direction, &content)?;
        if let Some(details) = letter.provider_details(&*store.keys()).map_err(|error| open_failure(&error))? {
            line = line.with_details(&details)?;
        }
    }
    out.json(&line)?;
    Ok(Exit::Done)
}
