//! `zengine check`.

use zengine_connector::{TenantId, store::Memory};

use super::exit::{Exit, Failure};
use super::file::{File, FileArgument, Needs};
use super::host::{Host, TENANT};
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
    let tenant = TenantId::new(TENANT)?;
    let host = Host::new(strategy, &file, &tenant, CliContext::offline(), Memory::new(), |builder| builder).await?;
    host.bind(&tenant).await?;
    file.check_routes()?;
    Ok(Exit::Done)
}
