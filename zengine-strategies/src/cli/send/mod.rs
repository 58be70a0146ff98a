//! `zengine send`.

mod message;
mod report;

use std::{path::PathBuf, sync::Arc, time::Duration};

use serde_json::value::RawValue;
use zengine_connector::message::Degrade;
use zengine_connector::runtime::{Rng as _, SystemRng};
use zengine_connector::store::{Memory, Stores};
use zengine_connector::{ClientMessageId, Embedded, Error, Outcome, SendOptions, TenantId};

use super::exit::{Exit, Failure};
use super::file::{File, FileArgument, Needs};
use super::host::Host;
use super::output::Out;
use super::strategy::{CliContext, CliStrategy, Strategies};
use super::{dry_run, host, output, progress};

pub(super) use report::Report;

/// Send one message, read as canonical JSON from standard input
///
/// Prints one JSON line with the outcome. Exits 0 if the message is delivered, 4 if it failed, 5 if it may have been
/// delivered, 6 if it cannot be sent now. With --dry-run nothing leaves the machine: each request to the provider is a JSON
/// line with method, url, headers and body, secrets as ***.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The strategy's name; `zengine strategies` lists them
    strategy: String,
    #[command(flatten)]
    file: FileArgument,
    /// The message's tenant. Defaults to the only tenant of the file's routes, else `cli`
    #[arg(long)]
    tenant: Option<TenantId>,
    /// The message's id: with --store, a message is sent once per id. Defaults to a new id
    #[arg(long)]
    id: Option<ClientMessageId>,
    /// Show the requests and send nothing
    #[arg(long)]
    dry_run: bool,
    /// Handling of content that the channel does not support
    #[arg(long, value_name = "HOW", value_enum, default_value_t = DegradeArgument::Refuse)]
    degrade: DegradeArgument,
    /// Maximum time for sending, all attempts together
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
    /// Keep sends and dead letters in this embedded store; without it, nothing outlives the command
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    store: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum DegradeArgument {
    /// Refuse the message
    Refuse,
    /// Convert the content to text
    Text,
}

pub(super) async fn run(arguments: Arguments, strategies: &Strategies, out: &mut Out) -> Result<Exit, Failure> {
    let strategy = strategies.find(&arguments.strategy)?;
    let file = File::read(&arguments.file.config, strategy, Needs::Config).await?;
    let id = match &arguments.id {
        Some(id) => id.clone(),
        None => generated()?,
    };
    let tenant = file.tenant(arguments.tenant.as_ref())?;
    let message = message::read()?;
    let send = Send { strategy, file: &file, tenant: &tenant, id: &id, options: options(&arguments), message: &message };
    if arguments.dry_run {
        return send.dry_run(out).await;
    }
    let stores = match &arguments.store {
        Some(path) => {
            let unusable = |error| Failure::from(Error::from(error)).with_exit(Exit::Broken);
            Stores::from(&Embedded::open(path).map_err(unusable)?)
        }
        None => Stores::from(Memory::new()),
    };
    let letters = stores.dead_letters.clone();
    let host = send.host(host::client()?, stores).await?;
    let outcome = progress::during("sending", Box::pin(send.send(&host))).await?;
    let report = Report::of(strategy.name(), &tenant, &id, &outcome, &letters).await;
    out.result(&report, report_outcome(&outcome))
}

/// A new id, random.
fn generated() -> Result<ClientMessageId, Failure> {
    let mut bytes = [0; 16];
    SystemRng.fill(&mut bytes);
    Ok(ClientMessageId::new(format!("cli-{:032x}", u128::from_be_bytes(bytes)))?)
}

fn options(arguments: &Arguments) -> SendOptions {
    let degrade = match arguments.degrade {
        DegradeArgument::Refuse => Degrade::Refuse,
        DegradeArgument::Text => Degrade::Text,
    };
    SendOptions::new().within(Duration::from_secs(arguments.timeout)).degrade(degrade)
}

struct Send<'a> {
    strategy: &'a CliStrategy,
    file: &'a File,
    tenant: &'a TenantId,
    id: &'a ClientMessageId,
    options: SendOptions,
    message: &'a RawValue,
}

impl Send<'_> {
    async fn host(&self, cx: CliContext, stores: impl Into<Stores>) -> Result<Host<'_>, Failure> {
        let host = Host::new(self.strategy, self.file, self.tenant, cx, stores, |builder| builder).await?;
        host.bind(self.tenant).await?;
        Ok(host)
    }

    async fn send(&self, host: &Host<'_>) -> Result<Outcome, Failure> {
        let sent = host.orchestrator.send_with(self.tenant, self.strategy.name(), self.id, self.message, self.options.clone());
        sent.await.map_err(|error| {
            let exit = Exit::of_refusal(&error);
            Failure::from(error).with_exit(exit)
        })
    }

    /// Prints the requests, and the outcome only if it is not delivered.
    async fn dry_run(&self, out: &mut Out) -> Result<Exit, Failure> {
        let recorder = Arc::new(dry_run::Recorder::new(self.strategy, self.file)?);
        let host = self.host(CliContext::recorded(Arc::<dry_run::Recorder>::clone(&recorder)), Memory::new()).await?;
        let outcome = self.send(&host).await?;
        for request in recorder.requests() {
            out.json(&request)?;
        }
        let exit = report_outcome(&outcome);
        // They are the emulator's words, not a provider's.
        if let Outcome::Failed(end) = &outcome
            && let Some(details) = end.error.provider_details().and_then(|words| words.details.as_deref())
        {
            output::note(&format!("the emulator says: {details}"));
        }
        Ok(exit)
    }
}

/// Prints the warnings or the error of an outcome to standard error; returns the exit code.
pub(super) fn report_outcome(outcome: &Outcome) -> Exit {
    let (exit, what, error) = match outcome {
        Outcome::Delivered(end) => {
            end.receipt.warnings.iter().for_each(output::violation);
            return Exit::Done;
        }
        Outcome::Failed(end) => (Exit::Failed, "the message failed", Some(&end.error)),
        Outcome::Unknown(end) => (Exit::Unknown, "the message may have been delivered", Some(&end.error)),
        Outcome::Deferred(end) => (Exit::Deferred, "the message cannot be sent now", end.error.as_ref()),
    };
    match error {
        Some(error) => output::error(&format!("{what}: {error}")),
        None => output::error(what),
    }
    exit
}
