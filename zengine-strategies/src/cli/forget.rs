//! `zengine forget`.

use serde::Serialize;
use zengine_connector::{Identity, Memory, Orchestrator, TenantId, orchestrator::Forgotten, store::Stores};

use super::dead_letters::StoreArgument;
use super::exit::{Exit, Failure};
use super::output::Out;
use super::{output, progress};

/// Erase what an embedded store keeps of a tenant, or of a person
///
/// Removes dead letters, sessions and replies that wait to be polled; records of sends stay until they expire. Prints the counts
/// as one JSON line; exits 1 if something could not be read or removed. Needs exclusive access to the store: a running host
/// forgets by itself.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    store: StoreArgument,
    /// The tenant; `(none)` is what led to no tenant
    #[arg(long)]
    tenant: TenantId,
    /// One identity of a person, such as a phone number or an e-mail address: erases that person's data alone
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

pub(super) async fn run(arguments: &Arguments, out: &mut Out) -> Result<Exit, Failure> {
    let person = arguments.person.as_deref().map(Identity::guess).transpose()?;
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
    let exit = if forgotten.is_complete() { Exit::Done } else { Exit::Broken };
    let Forgotten { letters, sessions, unreadable, busy, not_done, .. } = forgotten;
    for (port, error) in &not_done {
        output::error(&format!("{port}: {error}"));
    }
    let not_done = not_done.into_iter().map(|(port, _)| port).collect();
    out.json(&ForgottenLine { letters, sessions, unreadable, busy, not_done })
        .map_err(|failure| failure.with_exit_on_closed_output(exit))?;
    Ok(exit)
}
