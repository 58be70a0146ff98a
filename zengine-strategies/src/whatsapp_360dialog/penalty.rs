//! A guard against the provider's penalty: a number whose look-ups of files fail too often is blocked from all of them.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use zengine_connector::strategy::{SessionErrorKind, Sessions};
use zengine_connector::{ErrorKind, SendError, schemars};

/// Failures within the window after which no further look-up is made: below every published limit.
const MOST: usize = 4;
/// Time after which open look-ups are taken for answered, to try again.
const ANSWERED: Duration = Duration::from_secs(1);
/// The session key of the failures of all processes.
const KEY: &str = "media.failures";
/// Tries to write the session, where other processes write at the same time.
const TRIES: usize = 3;

/// The provider's rule: so many failed look-ups of files (`GET /{media-id}`) within a window block all look-ups of the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(crate = "zengine_connector::schemars")]
#[non_exhaustive]
pub enum MediaPenalty {
    /// 20 failures within 60 minutes block for 30: the current media page.
    #[default]
    Current,
    /// 5 failures within 60 minutes block for 60: an older page.
    Older,
}

struct Rule {
    failures: usize,
    window: Duration,
    block: Duration,
}

impl MediaPenalty {
    const fn rule(self) -> Rule {
        let (failures, block) = match self {
            Self::Current => (20, 30),
            Self::Older => (5, 60),
        };
        Rule { failures, window: Duration::from_secs(60 * 60), block: Duration::from_secs(block * 60) }
    }
}

/// The latest failed look-ups of a number: of this process and, as far as the sessions tell, of others.
#[derive(Debug, Default)]
pub(super) struct Failures(Mutex<LookUps>);

#[derive(Debug, Default)]
struct LookUps {
    failed: Times,
    /// Look-ups of this process that have no answer yet. Each may fail.
    open: usize,
}

/// A look-up that was admitted, until its answer is here and counted.
#[must_use = "hold it until the answer is counted"]
pub(super) struct LookUp<'a>(&'a Failures);

impl Drop for LookUp<'_> {
    fn drop(&mut self) {
        self.0.lock().open -= 1;
    }
}

/// Times in milliseconds. Each failure has one of its own.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Times(BTreeSet<u64>);

impl Failures {
    fn lock(&self) -> MutexGuard<'_, LookUps> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Admits a look-up.
    ///
    /// # Errors
    /// `Busy`, not sent, with the time after which it may be tried: while too many have failed, or could fail with those that are open.
    pub(super) async fn admit(&self, penalty: MediaPenalty, sessions: &Sessions, now: SystemTime) -> Result<LookUp<'_>, SendError> {
        // A store that does not answer hides only the failures of other processes.
        let others = sessions.get::<Times>(KEY).await.ok().flatten().map(|stored| stored.value).unwrap_or_default();
        let (rule, now) = (penalty.rule(), ms(now));
        let mut of = self.lock();
        of.failed.0.extend(others.0);
        of.failed.forget(&rule, now);
        let left = of.failed.blocked_until(&rule).and_then(|until| until.checked_sub(now)).filter(|left| *left > 0);
        let is_full = of.failed.0.len() + of.open + 1 >= rule.failures;
        match left.map(Duration::from_millis).or(is_full.then_some(ANSWERED)) {
            None => {
                of.open += 1;
                Ok(LookUp(self))
            }
            Some(left) => {
                let error =
                    SendError::of(ErrorKind::Busy, "too many look-ups of files have failed or are open: more could block the number");
                Err(error.retry_after(left).not_sent())
            }
        }
    }

    /// Counts a look-up that the provider answered with an error.
    pub(super) async fn count(&self, penalty: MediaPenalty, sessions: &Sessions, now: SystemTime) {
        let (rule, now) = (penalty.rule(), ms(now));
        self.lock().failed.add(&rule, now);
        for _ in 0..TRIES {
            let Ok(stored) = sessions.get::<Times>(KEY).await else { return };
            let (mut times, version) = stored.map_or_else(Default::default, |stored| (stored.value, Some(stored.version)));
            times.add(&rule, now);
            match sessions.put(KEY, &times, version, rule.window.max(rule.block)).await {
                Err(error) if error.kind == SessionErrorKind::Conflict => {}
                _ => return,
            }
        }
    }
}

impl Times {
    fn add(&mut self, rule: &Rule, now: u64) {
        let free = (now..=now.saturating_add(rule.failures as u64)).find(|at| !self.0.contains(at)).unwrap_or(now);
        self.0.insert(free);
        self.forget(rule, now);
    }

    /// Forgets what no rule counts any more: the past, times of a clock that was far ahead, and more than the rule has.
    fn forget(&mut self, rule: &Rule, now: u64) {
        let (window, block) = (rule.window.as_millis(), rule.block.as_millis());
        let span = u64::try_from(window.max(block)).unwrap_or(u64::MAX);
        self.0.retain(|at| at.saturating_add(span) > now && *at <= now.saturating_add(span));
        while self.0.len() > rule.failures {
            self.0.pop_first();
        }
    }

    /// The end of the pause: once the oldest of the last failures leaves the window, or the provider's own block has passed.
    fn blocked_until(&self, rule: &Rule) -> Option<u64> {
        let after = |at: &u64, time: Duration| at.saturating_add(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        let own = self.0.iter().rev().nth(MOST - 1).map(|at| after(at, rule.window));
        let blocked = (self.0.len() >= rule.failures).then(|| self.0.last().map(|at| after(at, rule.block))).flatten();
        own.max(blocked)
    }
}

fn ms(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000;

    fn times(minutes: &[u64], penalty: MediaPenalty) -> Times {
        let mut times = Times::default();
        for minute in minutes {
            times.add(&penalty.rule(), 1_000_000_000 + minute * MINUTE);
        }
        times
    }

    fn until(minutes: &[u64], penalty: MediaPenalty) -> Option<u64> {
        times(minutes, penalty).blocked_until(&penalty.rule()).map(|until| (until - 1_000_000_000) / MINUTE)
    }

    #[test]
    fn four_failures_within_an_hour_stop_until_the_first_of_them_is_an_hour_old() {
        assert_eq!(until(&[0, 10, 20], MediaPenalty::Current), None);
        assert_eq!(until(&[0, 10, 20, 30], MediaPenalty::Current), Some(60));
        assert_eq!(until(&[0, 10, 20, 30, 40], MediaPenalty::Older), Some(100));
        assert_eq!(until(&[0, 10, 20, 61], MediaPenalty::Current), None, "the first has left the window");
    }

    #[test]
    fn failures_of_one_moment_are_several() {
        assert_eq!(times(&[5, 5, 5, 5], MediaPenalty::Current).0.len(), 4);
    }

    #[test]
    fn no_more_is_kept_than_the_rule_counts() {
        assert_eq!(times(&[7; 100], MediaPenalty::Current).0.len(), 20);
        assert_eq!(times(&[7; 100], MediaPenalty::Older).0.len(), 5);
    }

    #[test]
    fn a_clock_that_was_a_day_ahead_blocks_nothing_later() {
        let penalty = MediaPenalty::Current;
        let mut times = times(&[24 * 60; 10], penalty);
        times.forget(&penalty.rule(), 1_000_000_000);
        assert!(times.0.is_empty());
    }
}
