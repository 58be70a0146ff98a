//! The `zengine` command: try a provider without writing code.
//!
//! A crate with a strategy of its own gets the same command for it in a few lines: [`run`] takes a list of strategies, those of
//! this crate, or yours, or both. `zengine new` writes a crate that has such a program.
//!
//! ```no_run
//! use std::process::ExitCode;
//! use zengine_strategies::cli::{self, Strategies};
//!
//! fn main() -> ExitCode {
//!     cli::run(&Strategies::shipped().named("acme", env!("CARGO_PKG_VERSION"))) // .with(CliStrategy::new(…))
//! }
//! ```
//!
//! | command | file | what |
//! |---|---|---|
//! | `strategies` | `list` | the available strategies |
//! | `schema` | `schema` | the JSON Schema of a configuration, a message, an instance |
//! | `check` | `check` | the violations of a file |
//! | `send` | `send`, `dry_run` | sends a message, or shows the requests it would make |
//! | `receive` | `receive` | a provider's request as events |
//! | `health` | `health` | the health of a tenant's channel |
//! | `sandbox` | `sandbox`, `emulator` | emulators of the providers, until they are stopped |
//! | `dead-letters` | `dead_letters` | the dead letters of an embedded store |
//! | `sweep` | `sweep` | ends what no duplicate resolves, in an embedded store |
//! | `forget` | `forget` | erases what an embedded store keeps of a tenant or a person |
//! | `keys` | `keys` | rotates the keys of an embedded store |
//! | `new` | `new` | a new strategy, as a crate |
//! | `completions` | `completions` | completions for a shell |
//!
//! Each command is a file with `Arguments` and `run`; `arguments` names it. All share the same exit codes. Their output and
//! the file they read are a public interface: `docs/command-line.md`.

mod arguments;
mod check;
mod completions;
mod dead_letters;
mod dry_run;
mod emulator;
mod exit;
mod file;
mod forget;
mod health;
mod host;
mod input;
mod keys;
mod list;
mod new;
mod output;
mod progress;
mod receive;
mod sandbox;
mod schema;
mod send;
mod strategy;
mod sweep;

use std::process::ExitCode;

use clap::FromArgMatches as _;

pub use emulator::{Emulator, EmulatorOptions, RunningEmulator};
pub use strategy::{CliContext, CliStrategy, Strategies};

use arguments::{Cli, Command};
use exit::Failure;
use output::Out;

/// Runs the command for these strategies with the arguments of the process; the whole of a program's `main`.
///
/// Sets the panic hook of the process, so that no message of a panic is printed, and runs a tokio runtime of its own. Must not be
/// called from within one.
pub fn run(strategies: &Strategies) -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        if zengine_connector::private::is_damage_of_a_store() {
            return;
        }
        // A panic's message may contain input; its location does not.
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        output::error(&format!("this is a bug in zengine, at {place}: please report it"));
    }));
    let color = arguments::color(std::env::args_os().skip(1));
    output::choose_color(color);
    let matches = arguments::command(strategies).color(color).get_matches();
    let ended = Cli::from_arg_matches(&matches)
        .map_err(|error| Failure::invalid(error.to_string()))
        .and_then(|cli| block_on(cli.command, strategies));
    match ended {
        Ok(exit) => exit.into(),
        Err(failure) => failure.report(),
    }
}

fn block_on(command: Command, strategies: &Strategies) -> Result<exit::Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(command.run(strategies, &mut Out::new()))
}
