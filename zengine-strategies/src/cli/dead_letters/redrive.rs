//! `zengine dead-letters redrive`.

use std::time::Duration;

use zengine_connector::pipeline::RedriveOptions;
use zengine_connector::store::{DeadLetter, DeadLetterPort, LetterDirection, Stores};
use zengine_connector::{ClientMessageId, FailureId, StrategyName, TenantId};

use super::many::{self, Chosen};
use super::{StoreArgument, letter::find, refused};
use crate::cli::exit::{Exit, Failure};
use crate::cli::file::{File, FileArgument, Needs};
use crate::cli::host::Host;
use crate::cli::output::Out;
use crate::cli::send::{Report, report_outcome};
use crate::cli::strategy::{CliStrategy, Strategies};
use crate::cli::{host, output, progress};

/// Send the messages of dead letters again
///
/// Prints the outcome and exits as `zengine send` does. Needs exclusive access to the store: while a host runs, redrive in
/// that host. A message that may have arrived already is sent again only if the provider drops duplicates, or with --force.
/// Several letters of one tenant are redriven one after the other; each has a line, and a note counts how they ended.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The letters' `failure_id`s, all of one tenant and strategy
    #[arg(required_unless_present = "all", conflicts_with = "all", value_name = "ID")]
    ids: Vec<FailureId>,
    /// Every redrivable letter of a message, or those that --tenant, --strategy and --outcome choose
    #[arg(long)]
    all: bool,
    /// With --all: only letters of this tenant; required where there are letters of several
    #[arg(long, requires = "all")]
    pub(super) tenant: Option<TenantId>,
    /// With --all: only letters of this strategy; required where there are letters of several
    #[arg(long, value_name = "NAME", requires = "all")]
    pub(super) strategy: Option<StrategyName>,
    /// With --all: only letters of messages that surely did not arrive, or only of those that may have
    #[arg(long, requires = "all", value_parser = ["failed", "unknown"])]
    pub(super) outcome: Option<String>,
    /// With --all: maximum number of letters
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = many::limits())]
    pub(super) limit: usize,
    #[command(flatten)]
    store: StoreArgument,
    #[command(flatten)]
    file: FileArgument,
    /// Send messages although they may have arrived already; give the reason
    #[arg(long, value_name = "REASON")]
    force: Option<String>,
    /// Maximum time for sending one message, all attempts together
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
}

pub(super) async fn run(arguments: &Arguments, strategies: &Strategies, out: &mut Out) -> Result<Exit, Failure> {
    let store = arguments.store.writing("Redrive in that host (Orchestrator::redrive), or stop it first")?;
    let letters = store.dead_letters();
    let chosen = match &arguments.ids[..] {
        [] => many::choose(&*letters, arguments).await?,
        [id] => {
            let letter = find(&*letters, id).await?;
            let redrive = Redrive::new(arguments, strategies, letter.strategy.as_str(), Stores::from(&store)).await?;
            return redrive.one(&letter, out).await;
        }
        ids => {
            let mut chosen = vec![];
            for id in ids {
                chosen.push(Chosen::of(&find(&*letters, id).await?)?);
            }
            chosen
        }
    };
    let Some(strategy) = many::strategy_of(&chosen)? else {
        output::note("no letter matches");
        return Ok(Exit::Done);
    };
    let redrive = Redrive::new(arguments, strategies, strategy.as_str(), Stores::from(&store)).await?;
    many::run(&redrive, chosen, out).await
}

/// The common parts of the redrives of one call.
pub(super) struct Redrive<'a> {
    strategy: &'a CliStrategy,
    file: File,
    stores: Stores,
    options: RedriveOptions,
}

impl<'a> Redrive<'a> {
    async fn new(arguments: &Arguments, strategies: &'a Strategies, strategy: &str, stores: Stores) -> Result<Self, Failure> {
        let strategy = strategies.find(strategy)?;
        let file = File::read(&arguments.file.config, strategy, Needs::Config).await?;
        if let Some(reason) = &arguments.force {
            output::note(&format!("forced, because: {reason}"));
        }
        Ok(Self { strategy, file, stores, options: options(arguments) })
    }

    /// A host for one tenant, bound.
    pub(super) async fn host(&self, tenant: &TenantId) -> Result<Host<'_>, Failure> {
        let host = Host::new(self.strategy, &self.file, tenant, host::client()?, self.stores.clone(), |builder| builder).await?;
        host.bind(tenant).await?;
        Ok(host)
    }

    pub(super) fn strategy(&self) -> &str {
        self.strategy.name()
    }

    pub(super) fn letters(&self) -> &DeadLetterPort {
        &self.stores.dead_letters
    }

    pub(super) fn options(&self) -> &RedriveOptions {
        &self.options
    }

    async fn one(&self, letter: &DeadLetter, out: &mut Out) -> Result<Exit, Failure> {
        let id = sent(letter)?;
        let host = self.host(&letter.tenant).await?;
        let redriven = progress::during("sending", host.orchestrator.redrive(&letter.failure_id, self.options.clone())).await;
        let outcome = redriven.map_err(refused)?;
        let report = Report::of(self.strategy(), &letter.tenant, id, &outcome, self.letters()).await;
        out.result(&report, report_outcome(&outcome))
    }
}

/// The id under which the message was sent. Inbound events have none.
pub(super) fn sent(letter: &DeadLetter) -> Result<&ClientMessageId, Failure> {
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
