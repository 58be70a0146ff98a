//! Checks of settings.

use std::{
    fmt::{Debug, Display},
    time::Duration,
};

use super::{Error, ErrorKind};

/// The longest time that a setting may hold: longer ones would overflow sums of times.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

/// Refuses a setting that cannot work, naming its field, the rule it breaks and its value.
pub(crate) fn require(fine: bool, field: &'static str, rule: impl Display, actual: impl Debug) -> Result<(), Error> {
    if fine {
        return Ok(());
    }
    let error = Error::new(ErrorKind::Settings, "a setting is impossible").with_context("field", field);
    Err(error.with_context("rule", rule).with_context("actual", format_args!("{actual:?}")))
}

/// Refuses a time that is shorter than `least` or longer than a year.
pub(crate) fn require_time(field: &'static str, time: Duration, least: Duration) -> Result<(), Error> {
    require((least..=LONGEST).contains(&time), field, format_args!("from {least:?} to 366 days"), time)
}
