//! `zengine forget`.

use serde::Serialize;
use zengine_connector::message::IdentityKind;
use zengine_connector::store::Stores;
use zengine_connector::{Embedded, Identity, Memory, Orchestrator, StrategyName, TenantId, orchestrator::Forgotten};

use super::dead_letters::{StoreArgument, store_failure};
use super::exit::{Exit, Failure};
use super::output::Out;
use super::strategy::Strategies;
use super::{output, progress};

/// Erase what an embedded store keeps of a tenant, or of a person
///
/// Removes dead letters, sessions and replies that wait to be polled; records of sends stay until they expire. Prints the counts
/// as one JSON line; exits 1 if something could not be read or removed, and 2 if the store keeps nothing of the tenant. Needs exclusive access to the store: a running host
/// forgets by itself.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    store: StoreArgument,
    /// The tenant; `(none)` is what led to no tenant
    #[arg(long)]
    tenant: TenantId,
    /// One identity of a person: `+…`, an e-mail address, `wa_id:…`, or another `kind:value`. Erases that person's data alone
    #[arg(long, value_name = "IDENTITY")]
    person: Option<String>,
}

/// The counts of `docs/command-line.md`.
#[derive(Serialize)]
struct ForgottenLine {
    letters: u64,
    sessions: u64,
    unreadable: u64,
    busy: u64,
    not_done: Vec<&'static str>,
}

/// Reads a person's identity. A misspelt one must not be taken for an opaque id that nobody has. The errors never repeat it.
fn person(text: &str) -> Result<Identity, Failure> {
    let id = Identity::guess(text)?;
    if id.kind() != IdentityKind::Opaque || text.starts_with("opaque:") {
        return Ok(id);
    }
    if text.bytes().all(|b| b.is_ascii_digit() || b" -.()/".contains(&b)) {
        return Err(Failure::invalid("--person: write + before a phone number, or wa_id: before a WhatsApp id"));
    }
    let kinds = IdentityKind::ALL.iter().map(|kind| kind.as_str());
    match text.split_once(':') {
        Some((kind, _)) => Err(Failure::unknown("kind of identity for --person", kind, kinds)),
        None => Err(Failure::invalid("--person: write +… or an e-mail address, or kind:value such as username:… or opaque:…")),
    }
}

/// Whether the store has a row of the tenant, for a strategy of this command.
async fn has_row(store: &Embedded, tenant: &TenantId, strategies: &Strategies) -> Result<bool, Failure> {
    for strategy in strategies.all() {
        let name = StrategyName::new(strategy.name())?;
        if store.directory().config(tenant, &name).await.map_err(store_failure)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

pub(super) async fn run(arguments: &Arguments, strategies: &Strategies, out: &mut Out) -> Result<Exit, Failure> {
    let person = arguments.person.as_deref().map(person).transpose()?;
    let store = arguments.store.writing("A host forgets by itself; to do it here, stop the host first")?;
    let secrets = Memory::new().secrets();
    let builder = Orchestrator::builder().stores(Stores::from(&store)).secrets(secrets);
    let orchestrator = builder.sweep_every(None).build()?;
    let forgotten = progress::during("forgetting", async {
        match &person {
            Some(person) => orchestrator.forget_person(&arguments.tenant, person).await,
            None => orchestrator.forget(&arguments.tenant).await,
        }
    })
    .await?;
    let is_broken = !forgotten.is_complete();
    let Forgotten { letters, sessions, kept, unreadable, busy, not_done, .. } = forgotten;
    let is_unknown = !is_broken && letters + sessions + kept == 0 && !has_row(&store, &arguments.tenant, strategies).await?;
    let exit = match (is_broken, is_unknown) {
        (true, _) => Exit::Broken,
        (false, true) => Exit::Invalid,
        (false, false) => Exit::Done,
    };
    if is_unknown {
        output::note("the store has no dead letter, session or row of this tenant: is its name right, or is it erased already?");
    }
    for (port, error) in &not_done {
        output::error(&format!("{port}: {error}"));
    }
    let not_done = not_done.into_iter().map(|(port, _)| port).collect();
    out.result(&ForgottenLine { letters, sessions, unreadable, busy, not_done }, exit)
}
