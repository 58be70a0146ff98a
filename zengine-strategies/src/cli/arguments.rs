//! Command-line arguments. A new command is a file with `Arguments` and `run`, a variant here and a line in `Command::run`.

use std::ffi::OsString;

use clap::{ColorChoice, CommandFactory as _, Parser, Subcommand};

use super::exit::{Exit, Failure};
use super::output::Out;
use super::strategy::Strategies;
use super::{check, completions, dead_letters, forget, health, keys, list, new, receive, sandbox, schema, send, sweep};

/// Try a messaging provider without writing code.
///
/// Results go to standard output, those for programs as one compact JSON value per line; everything else goes to standard
/// error.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, max_term_width = 100, after_long_help = EXIT_CODES)]
pub(super) struct Cli {
    /// When to use colours; `auto` means on a terminal only, and never with `NO_COLOR` set
    #[arg(long, global = true, value_name = "WHEN", default_value_t = ColorChoice::Auto, display_order = 900)]
    color: ColorChoice,
    #[command(subcommand)]
    pub(super) command: Command,
}

const EXIT_CODES: &str = "Exit codes:
  0  done; the message was delivered
  1  the command could not do its work (a port is taken, a file cannot be written)
  2  invalid input: arguments, file or message
  3  a received request is rejected
  4  the message failed: refused, or certainly not sent
  5  unknown: the message may have been delivered
  6  deferred: the message cannot be sent now
  7  the channel is degraded
  8  the channel is unhealthy
  9  the channel's health is inconclusive";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Strategies(list::Arguments),
    Schema(schema::Arguments),
    Check(check::Arguments),
    Send(send::Arguments),
    Receive(receive::Arguments),
    Health(health::Arguments),
    Sandbox(sandbox::Arguments),
    DeadLetters(dead_letters::Arguments),
    Sweep(sweep::Arguments),
    Forget(forget::Arguments),
    Keys(keys::Arguments),
    New(new::Arguments),
    Completions(completions::Arguments),
}

impl Command {
    pub(super) async fn run(self, strategies: &Strategies, out: &mut Out) -> Result<Exit, Failure> {
        match self {
            Self::Strategies(arguments) => list::run(&arguments, strategies, out),
            Self::Schema(arguments) => schema::run(&arguments, strategies, out),
            Self::Check(arguments) => check::run(&arguments, strategies).await,
            Self::Send(arguments) => Box::pin(send::run(arguments, strategies, out)).await,
            Self::Receive(arguments) => receive::run(arguments, strategies, out).await,
            Self::Health(arguments) => health::run(&arguments, strategies, out).await,
            Self::Sandbox(arguments) => sandbox::run(&arguments, strategies, out).await,
            Self::DeadLetters(arguments) => dead_letters::run(arguments, strategies, out).await,
            Self::Sweep(arguments) => sweep::run(&arguments, out).await,
            Self::Forget(arguments) => forget::run(&arguments, out).await,
            Self::Keys(arguments) => keys::run(arguments, out).await,
            Self::New(arguments) => new::run(&arguments, out),
            Self::Completions(arguments) => completions::run(&arguments, strategies, out),
        }
    }
}

/// The whole command line of a program with these strategies.
pub(super) fn command(strategies: &Strategies) -> clap::Command {
    let command = Cli::command().name(strategies.program).bin_name(strategies.program).version(strategies.version);
    command.mut_subcommand("sandbox", |sandbox| sandbox.after_long_help(sandbox::options(strategies)))
}

/// The value of `--color`, read before the other arguments so that errors in them can be coloured.
pub(super) fn color(words: impl IntoIterator<Item = OsString>) -> ColorChoice {
    let mut words = words.into_iter();
    let mut choice = ColorChoice::Auto;
    while let Some(word) = words.next() {
        let value = match word.to_str() {
            Some("--") => break,
            Some("--color") => words.next().and_then(|word| word.into_string().ok()),
            Some(word) => word.strip_prefix("--color=").map(str::to_owned),
            None => None,
        };
        // The argument parser refuses a wrong value.
        choice = value.and_then(|value| value.parse().ok()).unwrap_or(choice);
    }
    choice
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_consistent() {
        command(&Strategies::shipped()).debug_assert();
    }

    #[test]
    fn the_color_is_known_before_the_arguments_are_read() {
        let color = |line: &str| color(line.split_whitespace().map(OsString::from));
        assert_eq!(color("strategies --json"), ColorChoice::Auto);
        assert_eq!(color("--color never strategies"), ColorChoice::Never);
        assert_eq!(color("strategies --color=always"), ColorChoice::Always);
        assert_eq!(color("strategies --color=pink"), ColorChoice::Auto);
        assert_eq!(color("strategies -- --color=always"), ColorChoice::Auto);
    }
}
