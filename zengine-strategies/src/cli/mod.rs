//! The `zengine` command: try a provider without writing code.
//!
//! | command | file | what |
//! |---|---|---|
//! | `strategies` | `list` | the available strategies |
//! | `schema` | `schema` | the JSON Schema of a configuration, a message, an instance |
//! | `check` | `check` | the violations of a file |
//! | `send` | `send`, `dry_run` | sends a message, or shows the requests it would make |
//! | `receive` | `receive` | a provider's request as events |
//! | `health` | `health` | the health of a tenant's channel |
//! | `sandbox` | `sandbox` | emulators of the providers, until they are stopped |
//! | `dead-letters` | `dead_letters` | the dead letters of an embedded store |
//! | `sweep` | `sweep` | ends what no duplicate resolves, in an embedded store |
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
mod exit;
mod file;
mod health;
mod host;
mod input;
mod list;
mod new;
mod no_network;
mod output;
mod progress;
mod receive;
mod sandbox;
mod schema;
mod send;
mod strategies;
mod sweep;

use std::process::ExitCode;

use clap::FromArgMatches as _;

use arguments::{Cli, Command};
use exit::Failure;
use output::Out;

/// Runs the command with the arguments of the process.
pub fn main() -> ExitCode {
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
    let matches = arguments::command().color(color).get_matches();
    let ended = Cli::from_arg_matches(&matches).map_err(|error| Failure::invalid(error.to_string())).and_then(|cli| run(cli.command));
    match ended {
        Ok(exit) => exit.into(),
        Err(failure) => failure.report(),
    }
}

fn run(command: Command) -> Result<exit::Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(command.run(&mut Out::new()))
}
