//! `zengine keys`: the keys of an embedded store.

use serde::Serialize;
use zengine_connector::{Embedded, store::Resealed};

use super::dead_letters::{StoreArgument, store_failure};
use super::exit::{Exit, Failure};
use super::output::Out;
use super::progress;

/// Rotate the keys that encrypt an embedded store
///
/// Needs exclusive access to the store. A running host rotates with `Embedded::rotate_key` and `reseal`; only `drop` needs it stopped.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Make a new key the current one, and encrypt with it what older keys encrypted
    ///
    /// Everything stays readable if this is cut off; `reseal` then goes on.
    Rotate(OfStore),
    /// Encrypt with the current key what older keys encrypted
    Reseal(OfStore),
    /// Remove the older keys that nothing stored needs from the key file
    ///
    /// Keys of sends' fingerprints stay until the records expire: 24 hours after the last send, 14 days for one in doubt.
    Drop(OfStore),
}

#[derive(Debug, clap::Args)]
struct OfStore {
    #[command(flatten)]
    store: StoreArgument,
}

/// The line of `rotate` and `reseal`, of `docs/command-line.md`.
#[derive(Serialize)]
struct ResealedLine {
    key_id: String,
    #[serde(flatten)]
    report: Resealed,
}

/// The line of `drop`.
#[derive(Serialize)]
struct DroppedLine {
    key_id: String,
    dropped: Vec<String>,
}

pub(super) async fn run(arguments: Arguments, out: &mut Out) -> Result<Exit, Failure> {
    let open = |of: &OfStore| of.store.writing("A host rotates its keys by itself; to do it here, stop the host first");
    match arguments.command {
        Command::Rotate(of) => {
            let store = open(&of)?;
            store.rotate_key().map_err(store_failure)?;
            reseal(&store, out).await
        }
        Command::Reseal(of) => reseal(&open(&of)?, out).await,
        Command::Drop(of) => {
            let mut store = open(&of)?;
            let dropped = progress::during("dropping keys", store.drop_old_keys()).await.map_err(store_failure)?;
            out.json(&DroppedLine { key_id: store.keys().current().id().to_owned(), dropped })?;
            Ok(Exit::Done)
        }
    }
}

async fn reseal(store: &Embedded, out: &mut Out) -> Result<Exit, Failure> {
    let report = progress::during("encrypting anew", store.reseal()).await.map_err(store_failure)?;
    let exit = if report.unreadable > 0 { Exit::Broken } else { Exit::Done };
    let key_id = store.keys().current().id().to_owned();
    out.result(&ResealedLine { key_id, report }, exit)
}
