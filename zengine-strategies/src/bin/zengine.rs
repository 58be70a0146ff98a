//! The `zengine` command.

use zengine_strategies::cli;

fn main() -> std::process::ExitCode {
    cli::run(&cli::Strategies::shipped())
}
