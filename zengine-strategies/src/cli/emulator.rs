//! An emulator in the command: its options, and what `zengine sandbox` prints of it.

use std::{env, io, path::PathBuf, sync::Arc};

use serde_json::Value;
use zengine_connector::HttpClient;

/// An emulator that `zengine sandbox` can start, and that answers in a dry run.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs, reason = "written as a literal")]
pub struct Emulator {
    /// The names of its own options, for `--set`, and one line of help for each.
    pub options: &'static [(&'static str, &'static str)],
    /// Starts it. An error with [`io::ErrorKind::InvalidInput`] is about the options.
    pub start: fn(&EmulatorOptions) -> io::Result<Box<dyn RunningEmulator>>,
    /// Makes the client of a dry run for an instance and a configuration: the emulator's own request handler, in process.
    pub dry_run: fn(&Value, &Value) -> io::Result<Arc<dyn HttpClient>>,
}

/// Options of an emulator; absent ones have defaults.
#[derive(Default)]
#[non_exhaustive]
pub struct EmulatorOptions {
    /// The port; 0 takes a free one.
    pub port: u16,
    /// The callback address of webhooks.
    pub webhook: Option<String>,
    /// Seed of ids and random faults.
    pub seed: Option<u64>,
    /// The file that gets each request as a JSON line.
    pub journal: Option<PathBuf>,
    pub(super) set: Vec<(String, String)>,
}

// The emulator's own options may hold credentials.
redacted!(EmulatorOptions { port, seed });

impl EmulatorOptions {
    /// An option of the emulator's own: the last `--set NAME=VALUE`, else the environment's `ZENGINE_SANDBOX_NAME`.
    pub fn get(&self, name: &str) -> Option<String> {
        let set = self.set.iter().rev().find(|(own, _)| own == name).map(|(_, value)| value.clone());
        set.or_else(|| env::var(variable(name)).ok().filter(|value| !value.is_empty()))
    }
}

/// The environment variable of an option.
pub(super) fn variable(name: &str) -> String {
    format!("ZENGINE_SANDBOX_{}", name.to_ascii_uppercase())
}

/// A running emulator. It stops when it is dropped.
pub trait RunningEmulator {
    /// The address for clients, without a slash at the end.
    fn base_url(&self) -> String;
    /// Senders and credentials for clients, as an object. None of it is secret: it grants access to the emulator only.
    fn details(&self) -> Value;
    /// A file for `--config`, with one tenant.
    fn file(&self, tenant: &str) -> Value;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_of_an_option_counts_and_none_is_printed() {
        let set = [("number", "1"), ("secret", "a"), ("secret", "canary")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let options = EmulatorOptions { set: set.to_vec(), ..EmulatorOptions::default() };
        assert_eq!((options.get("secret").as_deref(), options.get("other")), (Some("canary"), None));
        assert!(!format!("{options:?}").contains("canary"));
    }
}
