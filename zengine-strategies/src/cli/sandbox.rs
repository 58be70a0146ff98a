//! `zengine sandbox`.

use std::{
    fmt::Write as _,
    fs::OpenOptions,
    io::{self, Write as _},
    path::PathBuf,
};

use serde_json::{Value, json};

use super::{
    exit::{Exit, Failure},
    host::TENANT,
    output::{Out, STRONG},
    strategies::{self, ErasedStrategy},
};
use crate::private_file;

/// Run emulators of the providers on this machine until Ctrl-C
///
/// Prints the address and credentials of each: with `--json` as one line per emulator, with a `file` that the other commands
/// take as --config. All of them listen on 127.0.0.1. Each accepts control calls over HTTP under /_sandbox: faults, webhooks,
/// the journal; a GET of /_sandbox lists them. Exits 0 on Ctrl-C or SIGTERM.
#[derive(Debug, clap::Args)]
#[command(after_help = all_options())]
pub(super) struct Arguments {
    /// The strategies. Defaults to all that have an emulator
    strategies: Vec<String>,
    /// The port of the first emulator; further ones take the next ports. 0 takes free ones
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// An option of the emulator, listed below; repeatable
    #[arg(long, value_name = "KEY=VALUE", value_parser = option)]
    set: Vec<(String, String)>,
    /// The callback address of webhooks
    #[arg(long, value_name = "URL")]
    webhook: Option<String>,
    /// Seed of ids and random faults; the same seed gives the same run
    #[arg(long)]
    seed: Option<u64>,
    /// Append each request as a JSON line to this file, which gets the mode 0600
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    /// Write a file for --config of the other commands, with the mode 0600
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// One JSON line per emulator
    #[arg(long)]
    json: bool,
}

/// Path prefix of control calls.
const CONTROL: &str = "/_sandbox";

/// Options of an emulator; absent ones have defaults.
#[derive(Debug, Default)]
pub(super) struct EmulatorOptions {
    /// The port; 0 takes a free one.
    pub(super) port: u16,
    pub(super) webhook: Option<String>,
    pub(super) seed: Option<u64>,
    pub(super) journal: Option<PathBuf>,
    /// The provider's own options.
    set: Vec<(String, String)>,
}

impl EmulatorOptions {
    /// One of the provider's options: the last `--set`, else the environment's `ZENGINE_SANDBOX_<KEY>`.
    pub(super) fn get(&self, key: &str) -> Option<String> {
        let set = self.set.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value.clone());
        set.or_else(|| std::env::var(variable(key)).ok().filter(|value| !value.is_empty()))
    }
}

/// The environment variable of an option.
fn variable(key: &str) -> String {
    format!("ZENGINE_SANDBOX_{}", key.to_ascii_uppercase())
}

/// An option reads `KEY=VALUE`.
fn option(text: &str) -> Result<(String, String), &'static str> {
    let (key, value) = text.split_once('=').ok_or("an option reads KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// The options of all emulators, for the help.
fn all_options() -> String {
    let mut text = "Options for --set:\n".to_owned();
    for strategy in strategies::all() {
        for (key, what) in strategy.emulator.iter().flat_map(|emulator| emulator.options) {
            // Writing into a String does not fail.
            let _ = writeln!(text, "  {key:<14} {what} ({}; or {})", strategy.name(), variable(key));
        }
    }
    text
}

/// Refuses options that none of the emulators has.
fn known(set: &[(String, String)], selected: &[&ErasedStrategy]) -> Result<(), Failure> {
    let keys: Vec<_> = selected.iter().filter_map(|strategy| strategy.emulator.as_ref()).flat_map(|emulator| emulator.options).collect();
    match set.iter().find(|(key, _)| !keys.iter().any(|(known, _)| known == key)) {
        Some((key, _)) => {
            let keys: Vec<_> = keys.iter().map(|(key, _)| *key).collect();
            Err(Failure::invalid(format!("there is no option `{key}`; there are {}", keys.join(", "))))
        }
        None => Ok(()),
    }
}

/// A running emulator. It stops when it is dropped.
pub(super) trait RunningEmulator {
    fn base_url(&self) -> String;
    /// Numbers and tokens for clients. None of it is secret: it grants access to the emulator only.
    fn details(&self) -> Value;
    /// A file for `--config`, with one tenant.
    fn file(&self, tenant: &str) -> Value;
}

pub(super) async fn run(arguments: &Arguments, out: &mut Out) -> Result<Exit, Failure> {
    // Before anything is printed: the reader may stop this process at once.
    let mut shutdown = ShutdownSignal::new()?;
    let mut running = vec![];
    let selected = selected(&arguments.strategies)?;
    known(&arguments.set, &selected)?;
    for (n, strategy) in selected.into_iter().enumerate() {
        let (options, Some(face)) = (options(arguments, n), &strategy.emulator) else { continue };
        let emulator = (face.start)(&options).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidInput => Failure::invalid(error.to_string()),
            _ => Failure::new(Exit::Broken, format!("the emulator of {} cannot start: {error}", strategy.name())),
        })?;
        if let Some(path) = arguments.write.as_ref().filter(|_| n == 0) {
            let text = format!("{:#}\n", emulator.file(TENANT));
            private_file::open(path, OpenOptions::new().write(true).truncate(true))
                .and_then(|mut file| file.write_all(text.as_bytes()))
                .map_err(|error| Failure::new(Exit::Broken, format!("{} cannot be written: {error}", path.display())))?;
        }
        if arguments.json { out.json(&line(strategy, &*emulator)) } else { out.text(&text(strategy, &*emulator)) }?;
        running.push(emulator);
    }
    shutdown.received().await;
    Ok(Exit::Done)
}

/// The selected strategies that have an emulator.
fn selected(names: &[String]) -> Result<Vec<&'static ErasedStrategy>, Failure> {
    if names.is_empty() {
        return Ok(strategies::all().filter(|strategy| strategy.emulator.is_some()).collect());
    }
    let mut found: Vec<&'static ErasedStrategy> = vec![];
    for name in names {
        let strategy = strategies::find(name)?;
        if strategy.emulator.is_none() {
            return Err(Failure::invalid(format!("{name} has no emulator")));
        }
        if found.iter().all(|other| other.name() != strategy.name()) {
            found.push(strategy);
        }
    }
    Ok(found)
}

fn options(arguments: &Arguments, n: usize) -> EmulatorOptions {
    let later = u16::try_from(n).unwrap_or(u16::MAX);
    EmulatorOptions {
        port: if arguments.port == 0 { 0 } else { arguments.port.saturating_add(later) },
        set: arguments.set.clone(),
        webhook: arguments.webhook.clone(),
        seed: arguments.seed,
        journal: arguments.journal.clone(),
    }
}

fn line(strategy: &ErasedStrategy, emulator: &dyn RunningEmulator) -> Value {
    let base_url = emulator.base_url();
    let control = format!("{base_url}{CONTROL}");
    let mut line = json!({ "strategy": strategy.name(), "base_url": base_url, "control": control, "file": emulator.file(TENANT) });
    if let (Some(line), Value::Object(details)) = (line.as_object_mut(), emulator.details()) {
        line.extend(details);
    }
    line
}

/// An emulator as text for people: nested values as one indented line each.
fn text(strategy: &ErasedStrategy, emulator: &dyn RunningEmulator) -> String {
    let base_url = emulator.base_url();
    let mut text = format!("{STRONG}{}{STRONG:#}  {base_url}\n  control {base_url}{CONTROL}\n", strategy.name());
    let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    for (name, value) in emulator.details().as_object().into_iter().flatten() {
        // Writing into a String does not fail.
        let _ = match value {
            Value::Array(items) => items.iter().try_for_each(|item| {
                let members = item.as_object().into_iter().flatten();
                writeln!(text, "  {}", members.map(|(name, value)| format!("{name} {}", word(value))).collect::<Vec<_>>().join("  "))
            }),
            value => writeln!(text, "  {name} {}", word(value)),
        };
    }
    text
}

/// Ctrl-C and, on Unix, SIGTERM.
struct ShutdownSignal {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl ShutdownSignal {
    #[cfg(unix)]
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    #[cfg(unix)]
    async fn received(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    #[cfg(not(unix))]
    #[allow(clippy::unnecessary_wraps, reason = "signals may be refused elsewhere")]
    fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    async fn received(&mut self) {
        // An error means that there is no console.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
