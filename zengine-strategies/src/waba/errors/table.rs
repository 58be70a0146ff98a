//! The codes, as data (Meta's page of error codes, and the pages of groups, calls, flows, usernames and marketing messages).

use std::ops::RangeInclusive;
use std::sync::LazyLock;

use serde::de::DeserializeOwned;
use serde::de::value::{Error, StrDeserializer};

use super::{Class, Wait};

static TABLE: LazyLock<Vec<Row>> = LazyLock::new(|| lines().filter_map(row).collect());

/// Codes and their meaning.
type Row = (RangeInclusive<i64>, Class);

/// The meaning of a code, if it is known. Code 1, 100 with subcode 33, and 190 are decided in `classify`: they need more than the code.
/// 2388xxx are mostly subcodes of 100.
pub(super) fn find(code: i64) -> Option<Class> {
    TABLE.iter().find(|(codes, _)| codes.contains(&code)).map(|(_, class)| *class)
}

/// The lines of the table, without comments.
pub(super) fn lines() -> impl Iterator<Item = &'static str> {
    include_str!("codes.txt").lines().filter(|line| !line.starts_with('#'))
}

/// Parses a line. `None` if it is malformed: a test reads every line.
pub(super) fn row(line: &'static str) -> Option<Row> {
    let mut words = line.splitn(6, ' ');
    let codes = words.next()?;
    let (first, last) = codes.split_once('-').unwrap_or((codes, codes));
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
    let class = Class { kind, reach, scope, wait, what: words.next()? };
    Some((first.parse().ok()?..=last.parse().ok()?, class))
}

fn word<T: DeserializeOwned>(word: &str) -> Option<T> {
    T::deserialize(StrDeserializer::<Error>::new(word)).ok()
}
