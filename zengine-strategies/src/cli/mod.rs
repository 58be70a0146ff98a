//! The `zengine` command: try a provider without writing code.
//!
//! | command | file | what |
//! |---|---|---|
//! | `strategies` | `list` | which strategies there are |
//! | `schema` | `schema` | the JSON Schema of a configuration, a message, an instance |
//! | `check` | `check` | everything that is wrong with a file |
//! | `send` | `send`, `dry_run` | sends a message, or shows the requests that would be made |
//! | `receive` | `receive` | a provider's request as events |
//! | `health` | `health` | how a tenant's channel is |
//! | `sandbox` | `sandbox` | emulators of the providers, until they are stopped |
//! | `dead-letters` | `dead_letters` | what failed for good, in an embedded store |
//! | `new` | `new` | a strategy of one's own, as a crate |
//! | `completions` | `completions` | completions for a shell |
//!
//! Each command is a file with `Arguments` and `run`; `arguments` names it. All of them say the same things by the same
//! exit codes. What they print, and the file they read, is a public interface: `docs/command-line.md`.

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

use std::process::ExitCode;

use clap::FromArgMatches as _;

use arguments::{Cli, Command};
use exit::Failure;
use output::Out;

/// Runs the command with the arguments of the process.
pub fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        // What a panic says may hold what was read; where it happened does not.
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
