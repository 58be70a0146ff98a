//! `zengine completions`.

use clap_complete::Shell;

use super::arguments;
use super::exit::{Exit, Failure};
use super::output::Out;
use super::strategy::Strategies;

/// Print a script with completions for a shell
///
/// For bash: `zengine completions bash > /etc/bash_completion.d/zengine`
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The shell
    shell: Shell,
}

pub(super) fn run(arguments: &Arguments, strategies: &Strategies, out: &mut Out) -> Result<Exit, Failure> {
    // Into memory first: the generator panics on a closed pipe.
    let mut script = vec![];
    clap_complete::generate(arguments.shell, &mut arguments::command(strategies), strategies.program, &mut script);
    out.bytes(&script)?;
    Ok(Exit::Done)
}
