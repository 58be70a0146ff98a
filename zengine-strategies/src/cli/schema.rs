//! `zengine schema`.

use super::{
    exit::{Exit, Failure},
    output::Out,
    strategies,
};

/// Print a JSON Schema of a strategy, as one line
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The strategy's name; `zengine strategies` lists them
    strategy: String,
    /// Which schema
    of: Of,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Of {
    /// A tenant's configuration: `config` of the file
    Config,
    /// A message: what `zengine send` reads
    Message,
    /// What the host sets: `instance` of the file
    Instance,
}

pub(super) fn run(arguments: &Arguments, out: &mut Out) -> Result<Exit, Failure> {
    let entry = strategies::find(&arguments.strategy)?;
    match arguments.of {
        Of::Config => out.json(&(entry.descriptor.config_schema)()),
        Of::Message => out.json(&(entry.descriptor.message_schema)()),
        Of::Instance => out.json(&(entry.instance_schema)()),
    }?;
    Ok(Exit::Done)
}
