//! `zengine dead-letters replay`.

use zengine_connector::orchestrator::Replayed;
use zengine_connector::store::{DeadLetter, LetterDirection, Stores};
use zengine_connector::{FailureId, HandlerContext, HandlerError, InboundEvent, TenantId};

use super::{StoreArgument, letter::find, refused};
use crate::cli::exit::{Exit, Failure};
use crate::cli::file::{File, FileArgument, Needs};
use crate::cli::host::Host;
use crate::cli::output::Out;
use crate::cli::strategy::Strategies;
use crate::cli::{host, output};

/// Print the event of an inbound dead letter and remove the letter
///
/// The event goes the way of a delivery, with standard output in place of a host's handler: one JSON line per event, which
/// counts as stored once it is written. Redirect it into a file. An event that led to no tenant is routed by the file's
/// routes. Exits 4 if the event still cannot be handled, 6 if it was not stored; the letter then stays. Needs exclusive
/// access to the store: while a host runs, replay in that host.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The letter's `failure_id`
    id: FailureId,
    #[command(flatten)]
    store: StoreArgument,
    #[command(flatten)]
    file: FileArgument,
}

pub(super) async fn run(arguments: &Arguments, strategies: &Strategies) -> Result<Exit, Failure> {
    let store = arguments.store.writing("Replay in that host (Orchestrator::replay), or stop it first")?;
    let letter = find(&*store.dead_letters(), &arguments.id).await?;
    if letter.direction != LetterDirection::Inbound {
        return Err(Failure::invalid("only events can be replayed; a message is redriven"));
    }
    let strategy = strategies.find(letter.strategy.as_str())?;
    let file = File::read(&arguments.file.config, strategy, Needs::Config).await?;
    let tenant = tenant_of(&letter)?;
    let host = Host::new(strategy, &file, &tenant, host::client()?, Stores::from(&store), |builder| builder.on_inbound(print)).await?;
    if tenant == letter.tenant {
        host.bind(&tenant).await?;
    }
    let replayed = host.orchestrator.replay(&arguments.id).await.map_err(refused)?;
    Ok(match replayed {
        Replayed::Stored => Exit::Done,
        Replayed::Settled => {
            output::note("the event was stored before and is not printed again; the letter is removed");
            Exit::Done
        }
        Replayed::Poison(_) => {
            output::note("the event still cannot be handled; the letter stays");
            Exit::Failed
        }
        Replayed::NotStored => {
            output::note("the event is not stored; the letter stays");
            Exit::Deferred
        }
    })
}

/// The handler: standard output.
async fn print(event: InboundEvent, _: HandlerContext) -> Result<(), HandlerError> {
    Out::new().json(&event).map_err(|_| "standard output cannot be written".into())
}

/// The letter's tenant; the default one if its event led to none.
fn tenant_of(letter: &DeadLetter) -> Result<TenantId, Failure> {
    match letter.tenant.as_str() {
        DeadLetter::NO_TENANT => Ok(TenantId::new(host::TENANT)?),
        _ => Ok(letter.tenant.clone()),
    }
}
