//! `zengine health`.

use serde::Serialize;
use zengine_connector::{StrategyName, TenantId, store::Memory, strategy::HealthStatus};

use super::exit::{Exit, Failure};
use super::file::{File, FileArgument, Needs};
use super::host::Host;
use super::output::Out;
use super::strategy::Strategies;
use super::{host, progress};

/// Query the health of a tenant's channel; nothing is sent
///
/// Prints one JSON line with `status` and, unless it is healthy, `reason`. Exits 0 if the channel is healthy or the strategy
/// has no check (`passive`), 7 if it is degraded, 8 if it is unhealthy, 9 if the result is inconclusive.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The strategy's name; `zengine strategies` lists them
    strategy: String,
    #[command(flatten)]
    file: FileArgument,
    /// The tenant to query. Defaults to the only tenant of the file's routes, else `cli`
    #[arg(long)]
    tenant: Option<TenantId>,
}

#[derive(Serialize)]
struct HealthLine<'a> {
    strategy: &'a StrategyName,
    tenant: &'a TenantId,
    #[serde(flatten)]
    status: &'a HealthStatus,
}

pub(super) async fn run(arguments: &Arguments, strategies: &Strategies, out: &mut Out) -> Result<Exit, Failure> {
    let strategy = strategies.find(&arguments.strategy)?;
    let name = StrategyName::new(strategy.name())?;
    let file = File::read(&arguments.file.config, strategy, Needs::Config).await?;
    let tenant = &file.tenant(arguments.tenant.as_ref())?;
    let host = Host::new(strategy, &file, tenant, host::client()?, Memory::new(), |builder| builder).await?;
    host.bind(tenant).await?;
    let status = progress::during("asking the provider", host.orchestrator.health(tenant, strategy.name())).await?;
    let exit = match status {
        HealthStatus::Healthy | HealthStatus::Passive => Exit::Done,
        HealthStatus::Degraded(_) => Exit::Degraded,
        HealthStatus::Unhealthy(_) => Exit::Unhealthy,
        _ => Exit::Inconclusive,
    };
    out.result(&HealthLine { strategy: &name, tenant, status: &status }, exit)
}
