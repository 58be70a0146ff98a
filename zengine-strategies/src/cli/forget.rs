//! `zengine forget`.

use serde::Serialize;
use zengine_connector::message::IdentityKind;
use zengine_connector::store::Stores;
use zengine_connector::{Identity, Memory, Orchestrator, TenantId, orchestrator::Forgotten};

use super::dead_letters::StoreArgument;
use super::exit::{Exit, Failure};
use super::output::Out;
use super::{output, progress};

/// Erase what an embedded store keeps of a tenant, or of a person
///
/// Removes dead letters, sessions and replies that wait to be polled; records of sends stay until they expire. Prints the counts
/// as one JSON line; exits 1 if something could not be read or removed. Needs exclusive access to the store: a running host forgets by
/// itself.
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

pub(super) async fn run(arguments: &Arguments, out: &mut Out) -> Result<Exit, Failure> {
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
    let exit = if forgotten.is_complete() { Exit::Done } else { Exit::Broken };
    let Forgotten { letters, sessions, kept, unreadable, busy, not_done, .. } = forgotten;
    if exit == Exit::Done && letters + sessions + kept == 0 {
        output::note("the store has no dead letter or session of this tenant: is its name right, or is it erased already?");
    }
    for (port, error) in &not_done {
        output::error(&format!("{port}: {error}"));
    }
    let not_done = not_done.into_iter().map(|(port, _)| port).collect();
    out.result(&ForgottenLine { letters, sessions, unreadable, busy, not_done }, exit)
}
