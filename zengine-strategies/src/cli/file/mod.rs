//! The configuration file `{"instance", "config", "secrets", "routes"}`: the input of a strategy from the host and one tenant.
//!
//! It is checked as a whole, so that one run reports every violation, by JSON pointers into the file.

mod check;
mod secrets;

use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use zengine_connector::{TenantId, error::Violation, ids::RouteKey, json::text_of, registry::TenantSetup};

use super::{exit::Failure, host::TENANT, input::BYTE_ORDER_MARK, strategy::CliStrategy};

pub(super) use secrets::Secrets;

/// Maximum length of the file, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// The option that names the file.
#[derive(Debug, clap::Args)]
pub(super) struct FileArgument {
    /// The file with instance, config, secrets and routes
    #[arg(long, value_name = "FILE")]
    pub(super) config: PathBuf,
}

/// A checked file. Only binding the tenant runs the strategy's own checks.
#[derive(Debug, Default)]
pub(super) struct File {
    /// The constructor's input from the host; its secrets are references.
    pub(super) instance: Value,
    pub(super) config: Option<Value>,
    pub(super) secrets: Secrets,
    /// The tenants of the provider's keys.
    pub(super) routes: Vec<Route>,
    /// The routes that follow from the configuration, for a file without any.
    pub(super) derived: Vec<RouteKey>,
}

/// A key of the provider and its tenants.
#[derive(Debug, Deserialize)]
pub(super) struct Route {
    pub(super) kind: String,
    pub(super) value: String,
    pub(super) tenants: Vec<TenantId>,
}

/// Whether a command needs the tenant's configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    /// The configuration is required.
    Config,
    /// The configuration is optional.
    Nothing,
}

impl File {
    /// Reads a file and checks it.
    ///
    /// # Errors
    /// The file cannot be read, is not JSON, or has violations, all of which are reported.
    pub(super) async fn read(path: &Path, strategy: &CliStrategy, needs: Needs) -> Result<Self, Failure> {
        let (text, file) = load(path)?;
        let (file, violations) = check::check(&text, file, strategy, needs).await?;
        if violations.is_empty() { Ok(file) } else { Err(Failure::violations(violations)) }
    }

    /// The set-up of a tenant with the file's configuration, secrets and routes. A key of several tenants is a shared one.
    pub(super) fn set_up(&self, strategy: &str) -> TenantSetup {
        let config = self.config.clone().unwrap_or_default();
        let setup = self.secrets.set_up(TenantSetup::new(TENANT).strategy(strategy, config).allow_local_refs(true));
        self.routes.iter().fold(setup, |setup, Route { kind, value, tenants }| match **tenants {
            [_] => setup.route(kind.clone(), value),
            _ => setup.shared_route(kind.clone(), value),
        })
    }

    /// The tenant: the named one, else the only one of the routes, else [`TENANT`].
    pub(super) fn tenant(&self, named: Option<&TenantId>) -> Result<TenantId, Failure> {
        let mut routed = self.routes.iter().flat_map(|route| &route.tenants);
        let only = routed.next().filter(|first| routed.all(|tenant| tenant == *first));
        Ok(named.or(only).map_or_else(|| TenantId::new(TENANT), |tenant| Ok(tenant.clone()))?)
    }
}

fn load(path: &Path) -> Result<(String, Value), Failure> {
    let shown = path.display();
    let unreadable = |error| Failure::invalid(format!("{shown} cannot be read: {error}"));
    // Before it is opened: opening a pipe waits for its writer.
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(Failure::invalid(format!("{shown} is not a regular file")));
    }
    let mut text = vec![];
    std::fs::File::open(path).map_err(unreadable)?.take(MAX_FILE + 1).read_to_end(&mut text).map_err(unreadable)?;
    if text.len() as u64 > MAX_FILE {
        return Err(Failure::invalid(format!("{shown} is larger than {} KiB", MAX_FILE >> 10)));
    }
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&text);
    // The parser's message may quote the text.
    let file = serde_json::from_slice(text)
        .map_err(|error| Failure::invalid(format!("{shown} is not JSON (line {}, column {})", error.line(), error.column())))?;
    Ok((text_of(text).into_owned(), file))
}

/// Violations with their pointers relative to the file.
pub(super) fn below(member: &str, violations: impl IntoIterator<Item = Violation>) -> Vec<Violation> {
    violations
        .into_iter()
        .map(|mut violation| {
            violation.pointer.insert_str(0, member);
            violation
        })
        .collect()
}
