//! `zengine sandbox`.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::PathBuf;

use serde_json::{Value, json};

use super::emulator::{Emulator, EmulatorOptions, RunningEmulator, variable};
use super::exit::{Exit, Failure};
use super::host::TENANT;
use super::output::{Out, STRONG};
use super::strategy::{CliStrategy, Strategies};
use crate::private_file;

/// Run emulators of the providers on this machine until Ctrl-C
///
/// Prints the address and credentials of each: with `--json` as one line per emulator, with a `file` that the other commands
/// take as --config. All of them listen on 127.0.0.1. Each accepts control calls over HTTP under /_sandbox: faults, webhooks,
/// the journal; a GET of /_sandbox lists them. Exits 0 on Ctrl-C or SIGTERM.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The strategies. Defaults to all that have an emulator
    strategies: Vec<String>,
    /// The port of the first emulator; further ones take the next ports. 0 takes free ones
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// An option of an emulator's own, listed below; once for each. Goes to every emulator that knows it
    #[arg(long, value_name = "NAME=VALUE", value_parser = setting)]
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

fn setting(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("an option reads NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// The options of all emulators, as text for the help.
pub(super) fn options(strategies: &Strategies) -> String {
    let mut text = String::new();
    for (strategy, emulator) in strategies.all().filter_map(|strategy| Some((strategy, strategy.emulator?))) {
        // Writing into a String does not fail.
        let _ = writeln!(text, "Options of {}, for --set or from the environment:", strategy.name());
        for (name, what) in emulator.options {
            let _ = writeln!(text, "  {name:<14} {what} [env: {}]", variable(name));
        }
    }
    text
}

pub(super) async fn run(arguments: &Arguments, strategies: &Strategies, out: &mut Out) -> Result<Exit, Failure> {
    // Before anything is printed: the reader may stop this process at once.
    let shutdown = shutdown()?;
    let mut running = vec![];
    let selected = selected(&arguments.strategies, strategies)?;
    let known = || selected.iter().flat_map(|(_, emulator)| emulator.options).map(|(name, _)| *name);
    if let Some((name, _)) = arguments.set.iter().find(|(name, _)| known().all(|known| known != name)) {
        return Err(Failure::unknown("option of an emulator", name, known()));
    }
    let is_repeated = |n: usize, name: &str| arguments.set[..n].iter().any(|(earlier, _)| earlier == name);
    if let Some((_, (name, _))) = arguments.set.iter().enumerate().find(|(n, (name, _))| is_repeated(*n, name)) {
        return Err(Failure::invalid(format!("--set {name} is given twice")));
    }
    for (n, (strategy, Emulator { start, .. })) in selected.into_iter().enumerate() {
        let later = if arguments.port == 0 { 0 } else { u16::try_from(n).unwrap_or(u16::MAX) };
        let options = EmulatorOptions {
            port: arguments.port.saturating_add(later),
            webhook: arguments.webhook.clone(),
            seed: arguments.seed,
            journal: arguments.journal.clone(),
            set: arguments.set.clone(),
        };
        let emulator = start(&options).map_err(|error| {
            let exit = if error.kind() == io::ErrorKind::InvalidInput { Exit::Invalid } else { Exit::Broken };
            Failure::new(exit, format!("the emulator of {} cannot start: {error}", strategy.name()))
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
    shutdown.await;
    Ok(Exit::Done)
}

/// The selected strategies, with their emulators.
fn selected<'a>(names: &[String], strategies: &'a Strategies) -> Result<Vec<(&'a CliStrategy, Emulator)>, Failure> {
    if names.is_empty() {
        return Ok(strategies.all().filter_map(|strategy| Some((strategy, strategy.emulator?))).collect());
    }
    let mut found: Vec<(&CliStrategy, Emulator)> = vec![];
    for name in names {
        let strategy = strategies.find(name)?;
        let emulator = strategy.emulator.ok_or_else(|| Failure::invalid(format!("{name} has no emulator")))?;
        if found.iter().all(|(other, _)| other.name() != strategy.name()) {
            found.push((strategy, emulator));
        }
    }
    Ok(found)
}

fn line(strategy: &CliStrategy, emulator: &dyn RunningEmulator) -> Value {
    let base_url = emulator.base_url();
    let control = format!("{base_url}{CONTROL}");
    let mut line = json!({ "strategy": strategy.name(), "base_url": base_url, "control": control, "file": emulator.file(TENANT) });
    if let (Some(line), Value::Object(details)) = (line.as_object_mut(), emulator.details()) {
        line.extend(details);
    }
    line
}

/// An emulator as text for people: nested values as one indented line each.
fn text(strategy: &CliStrategy, emulator: &dyn RunningEmulator) -> String {
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

/// Waits for Ctrl-C and, on Unix, for SIGTERM. Both are caught from the call on.
#[cfg(unix)]
fn shutdown() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps, reason = "signals may be refused elsewhere")]
fn shutdown() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        // An error means that there is no console.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_has_a_name_and_perhaps_an_equals_sign_in_its_value() {
        assert_eq!(setting("token=a=b"), Ok(("token".into(), "a=b".into())));
        assert_eq!(setting("token="), Ok(("token".into(), String::new())));
        assert!(setting("token").is_err() && setting("=a").is_err());
    }
}
