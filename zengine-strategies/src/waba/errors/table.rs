//! The codes, as data (Meta's page of error codes, and the pages of groups, calls, flows, usernames and marketing messages).

use std::ops::RangeInclusive;
use std::sync::LazyLock;

use serde::de::DeserializeOwned;
use serde::de::value::{Error, StrDeserializer};
use zengine_connector::ErrorKind;

use super::{Class, Wait};

pub(super) const CODES: &str = include_str!("codes.txt");
pub(super) const WORDS: &str = include_str!("texts.txt");
/// Maximum length of a text whose words count, in bytes: a longer one is no sentence about the call.
const LONGEST_SENTENCE: usize = 500;
/// Maximum wait that is taken from words, in seconds.
const LONGEST_WAIT: u64 = 24 * 3600;

static TABLE: LazyLock<Vec<Row>> = LazyLock::new(|| lines(CODES).filter_map(row).collect());
static TEXTS: LazyLock<Vec<TextRow>> = LazyLock::new(|| lines(WORDS).filter_map(text_row).collect());

/// Codes and their meaning.
type Row = (RangeInclusive<i64>, Class);
/// A status, words, and their meaning.
type TextRow = (u16, &'static str, Class);

/// The meaning of a code, if it is known. Code 1, 100 with subcode 33, and 190 are decided in `classify`: they need more than the code.
/// 2388xxx are mostly subcodes of 100.
pub(super) fn find(code: i64) -> Option<Class> {
    TABLE.iter().find(|(codes, _)| codes.contains(&code)).map(|(_, class)| *class)
}

/// The meaning of a refusal without a code, by its status and the provider's words. The wait is the one that they name.
pub(super) fn of_text(status: u16, text: &str) -> Option<Class> {
    if text.len() > LONGEST_SENTENCE {
        return None;
    }
    // Every second part stands between quotation marks.
    let text = text.to_lowercase().split(['"', '`']).step_by(2).collect::<Vec<_>>().join(" ");
    let has = |word: &str| text.contains(&word.replace('_', " "));
    let fits = |words: &str| words.split(',').all(|word| word.strip_prefix('!').map_or_else(|| has(word), |word| !has(word)));
    let (.., class) = TEXTS.iter().find(|(of, words, _)| *of == status && fits(words))?;
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).peekable();
    let seconds = std::iter::from_fn(|| Some((words.next()?, words.peek().copied()))).find_map(|(number, unit)| {
        let number: u64 = number.parse().ok()?;
        unit?.starts_with("sec").then_some(number.min(LONGEST_WAIT))
    });
    let wait = seconds.filter(|_| class.kind == ErrorKind::RateLimited).map(Wait::Seconds);
    Some(Class { wait: wait.or(class.wait), ..*class })
}

/// The lines of a table, without comments.
pub(super) fn lines(table: &'static str) -> impl Iterator<Item = &'static str> {
    table.lines().filter(|line| !line.starts_with('#'))
}

/// Parses a line. `None` if it is malformed: a test reads every line.
pub(super) fn row(line: &'static str) -> Option<Row> {
    let (codes, rest) = line.split_once(' ')?;
    let (first, last) = codes.split_once('-').unwrap_or((codes, codes));
    Some((first.parse().ok()?..=last.parse().ok()?, class(rest)?))
}

/// Parses a line of the words. `None` if it is malformed: a test reads every line.
pub(super) fn text_row(line: &'static str) -> Option<TextRow> {
    let (status, rest) = line.split_once(' ')?;
    let (words, rest) = rest.split_once(' ')?;
    Some((status.parse().ok()?, words, class(rest)?))
}

fn class(line: &'static str) -> Option<Class> {
    let mut words = line.splitn(5, ' ');
    let (kind, reach) = (word(words.next()?)?, word(words.next()?)?);
    let scope = match words.next()? {
        "-" => None,
        scope => Some(word(scope)?),
    };
    let wait = match words.next()? {
        "-" => None,
        "usage" => Some(Wait::Usage),
        "pair" => Some(Wait::Pair),
        seconds => Some(Wait::Seconds(seconds.parse().ok()?)),
    };
    Some(Class { kind, reach, scope, wait, what: words.next()? })
}

fn word<T: DeserializeOwned>(word: &str) -> Option<T> {
    T::deserialize(StrDeserializer::<Error>::new(word)).ok()
}
