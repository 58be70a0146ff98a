//! The command line.

use std::path::PathBuf;

/// The command line's arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// File in which the store is kept between runs; without one it goes with the process.
    pub store: Option<PathBuf>,
    /// File to which the emulator appends one JSON line per request.
    pub journal: Option<PathBuf>,
}

const USAGE: &str = "usage: quickstart [--store FILE] [--journal FILE]";

impl Arguments {
    /// Reads the command line.
    ///
    /// # Errors
    /// How it is to be used.
    pub fn read(words: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut arguments = Self::default();
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let (name, value) = match word.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (word, None),
            };
            let place = match name.as_str() {
                "--store" => &mut arguments.store,
                "--journal" => &mut arguments.journal,
                "--help" | "-h" => return Err(USAGE.to_owned()),
                other => return Err(format!("unknown argument {other}\n{USAGE}")),
            };
            let value = value.or_else(|| words.next()).filter(|value| !value.is_empty());
            *place = Some(value.ok_or_else(|| format!("{name} needs a file\n{USAGE}"))?.into());
        }
        Ok(arguments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_a_value_are_read_and_the_rest_is_refused() {
        let read = |line: &str| Arguments::read(line.split_whitespace().map(str::to_owned));
        let both = read("--store a.db --journal=b.jsonl").unwrap();
        assert_eq!((both.store, both.journal), (Some("a.db".into()), Some("b.jsonl".into())));
        assert!(read("--store").is_err());
        assert!(read("--shop x").unwrap_err().contains("--shop"));
    }
}
