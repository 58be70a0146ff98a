//! `zengine schema`.

use super::exit::{Exit, Failure};
use super::output::Out;
use super::strategy::Strategies;

/// Print a JSON Schema of a strategy, as one line
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The strategy's name; `zengine strategies` lists them
    strategy: String,
    /// Which schema
    of: SchemaArgument,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum SchemaArgument {
    /// A tenant's configuration: `config` of the file
    Config,
    /// A message: the input of `zengine send`
    Message,
    /// The host's settings: `instance` of the file
    Instance,
}

pub(super) fn run(arguments: &Arguments, strategies: &Strategies, out: &mut Out) -> Result<Exit, Failure> {
    let strategy = strategies.find(&arguments.strategy)?;
    match arguments.of {
        SchemaArgument::Config => out.json(&(strategy.descriptor.config_schema)()),
        SchemaArgument::Message => out.json(&(strategy.descriptor.message_schema)()),
        SchemaArgument::Instance => out.json(&strategy.instance_schema()),
    }?;
    Ok(Exit::Done)
}
