//! `zengine sweep`.

use zengine_connector::{Memory, Orchestrator, pipeline::Swept, store::Stores};

use super::dead_letters::StoreArgument;
use super::exit::{Exit, Failure};
use super::output::Out;
use super::progress;

/// Records per page.
const PAGE: usize = 100;

/// End sends in doubt whose time is over, and publish what is pending
///
/// Sends nothing. Prints the counts as one JSON line; exits 1 if a send could not be completed. Needs exclusive access to the
/// store: a running host sweeps it by itself.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    store: StoreArgument,
}

pub(super) async fn run(arguments: &Arguments, out: &mut Out) -> Result<Exit, Failure> {
    let store = arguments.store.writing("A host sweeps its store by itself; to do it here, stop the host first")?;
    let secrets = Memory::new().secrets();
    let builder = Orchestrator::builder().stores(Stores::from(&store)).secrets(secrets);
    let orchestrator = builder.sweep_every(None).build()?;
    let swept = progress::during("sweeping", sweep_all(&orchestrator)).await?;
    let exit = if swept.failed > 0 { Exit::Broken } else { Exit::Done };
    out.result(&swept, exit)
}

async fn sweep_all(orchestrator: &Orchestrator) -> Result<Swept, Failure> {
    let mut swept = Swept::default();
    loop {
        let page = orchestrator.sweep(swept.next.as_deref(), PAGE).await;
        swept.add(page.map_err(|error| Failure::from(error).with_exit(Exit::Broken))?);
        if swept.next.is_none() {
            return Ok(swept);
        }
    }
}
