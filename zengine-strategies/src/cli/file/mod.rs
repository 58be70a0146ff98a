//! The file: `{"instance", "config", "secrets", "routes"}`, what the host and one tenant would give a strategy.
//!
//! It is checked as a whole, so that everything wrong with it is said at once, by JSON pointers into the file.

mod check;
mod secrets;

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use zengine_connector::{TenantId, Violation};

use super::{exit::Failure, host::TENANT, strategies::ErasedStrategy};

pub(super) use secrets::Secrets;

/// The option that names the file.
#[derive(Debug, clap::Args)]
pub(super) struct FileArgument {
    /// The file with instance, config, secrets and routes
    #[arg(long, value_name = "FILE")]
    pub(super) config: PathBuf,
}

/// A file that fits its strategy, as far as can be said without the strategy.
#[derive(Debug, Default)]
pub(super) struct File {
    /// What the host gives the constructor; its secrets are references.
    pub(super) instance: Value,
    /// The tenant's configuration.
    pub(super) config: Option<Value>,
    /// Every secret.
    pub(super) secrets: Secrets,
    /// Whose the provider's keys are.
    pub(super) routes: Vec<Route>,
}

/// Whose a key of the provider's is.
#[derive(Debug, Deserialize)]
pub(super) struct Route {
    pub(super) kind: String,
    pub(super) value: String,
    pub(super) tenants: Vec<TenantId>,
}

/// Whether a command needs the tenant's configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    /// It does.
    Config,
    /// It gets by without.
    Nothing,
}

impl File {
    /// Reads a file and checks it.
    ///
    /// # Errors
    /// The file cannot be read or is no JSON; or everything that is wrong with it.
    pub(super) fn read(path: &Path, strategy: &ErasedStrategy, needs: Needs) -> Result<Self, Failure> {
        let file = load(path)?;
        let (file, violations) = check::check(file, strategy, needs)?;
        if violations.is_empty() { Ok(file) } else { Err(Failure::violations(violations)) }
    }

    /// Whose configuration it is: the tenant that somebody names, else the only one of the routes.
    pub(super) fn tenant(&self, named: Option<&TenantId>) -> Result<TenantId, Failure> {
        let mut routed = self.routes.iter().flat_map(|route| &route.tenants);
        let only = routed.next().filter(|first| routed.all(|tenant| tenant == *first));
        Ok(named.or(only).map_or_else(|| TenantId::new(TENANT), |tenant| Ok(tenant.clone()))?)
    }
}

/// The file as JSON.
fn load(path: &Path) -> Result<Value, Failure> {
    let shown = path.display();
    let text = std::fs::read(path).map_err(|error| Failure::invalid(format!("{shown} cannot be read: {error}")))?;
    // The parser's own words may quote the text.
    serde_json::from_slice(&text)
        .map_err(|error| Failure::invalid(format!("{shown} is not JSON (line {}, column {})", error.line(), error.column())))
}

/// The same violations with their pointers seen from the file.
pub(super) fn below(member: &str, violations: impl IntoIterator<Item = Violation>) -> Vec<Violation> {
    violations
        .into_iter()
        .map(|mut violation| {
            violation.pointer.insert_str(0, member);
            violation
        })
        .collect()
}
