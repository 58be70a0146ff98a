//! Meta's rate limits: messages per second of a number, and messages of a number to one person.

use std::collections::HashMap;
use std::sync::Mutex;

use super::Number;
use super::check::Checked;
use super::errors::GraphError;
use super::shared::Rules;
use crate::sandbox::lock;

/// Window of management calls, in milliseconds.
const HOUR_MS: u64 = 3_600_000;
/// Maximum messages per second of a number also in use in the phone app.
const COEXISTING: u32 = 20;
/// Interval of messages to the same person, in milliseconds.
const PAIR_MS: u64 = 6_000;
/// Maximum burst of messages to the same person.
const PAIR_BURST: u64 = 45;

/// Counts accepted requests; refused ones do not count.
#[derive(Debug, Default)]
pub(in crate::sandbox) struct RateLimits(Mutex<Counters>);

#[derive(Debug, Default)]
struct Counters {
    /// By number: the current second and its messages.
    seconds: HashMap<String, (u64, u32)>,
    /// By number and person: the time when the messages sent so far no longer count.
    next_free: HashMap<(String, String), u64>,
    /// By account: the start of the current hour and its management calls.
    hours: HashMap<String, (u64, u32)>,
}

impl RateLimits {
    pub(in crate::sandbox) fn clear(&self) {
        *lock(&self.0) = Counters::default();
    }

    /// Counts a management call of an account, or refuses it with 80008 and the minutes until calls are allowed again.
    pub(in crate::sandbox) fn manage(&self, rules: &Rules, account: &str, now_ms: u64) -> Checked {
        let Some(most) = rules.management_limit else { return Ok(()) };
        let hours = &mut lock(&self.0).hours;
        let (began, count) = hours.get(account).copied().filter(|(began, _)| began + HOUR_MS > now_ms).unwrap_or((now_ms, 0));
        if count >= most {
            let minutes = (began + HOUR_MS - now_ms).div_ceil(60_000);
            return Err(GraphError::new(80_008).with_usage(account, minutes));
        }
        hours.insert(account.to_owned(), (began, count + 1));
        Ok(())
    }

    /// Counts a message, or refuses it with 130429 or 131056.
    pub(in crate::sandbox) fn admit(&self, rules: &Rules, number: &Number, person: &str, now_ms: u64) -> Checked {
        let counters = &mut *lock(&self.0);
        let second = now_ms / 1_000;
        let per_second = rules.throughput.map(|most| if number.coexists { most.min(COEXISTING) } else { most });
        let number = number.id.as_str();
        let pair = (number.to_owned(), person.to_owned());
        let next_free = counters.next_free.get(&pair).copied().unwrap_or(0).max(now_ms) + PAIR_MS;
        if rules.pair_limit && next_free > now_ms + PAIR_BURST * PAIR_MS {
            return Err(GraphError::new(131_056));
        }
        let (at, count) = counters.seconds.get(number).copied().unwrap_or_default();
        let count = if at == second { count + 1 } else { 1 };
        if per_second.is_some_and(|most| count > most) {
            return Err(GraphError::new(130_429));
        }
        if per_second.is_some() {
            counters.seconds.insert(number.to_owned(), (second, count));
        }
        if rules.pair_limit {
            counters.next_free.insert(pair, next_free);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(limits: &(RateLimits, Rules), person: &str, now_ms: u64, count: usize) -> Vec<i64> {
        (0..count)
            .map(|_| limits.0.admit(&limits.1, &Number::new("1", "9"), person, now_ms).map_or_else(|error| error.code, |()| 0))
            .collect()
    }

    #[test]
    fn a_number_sends_so_many_messages_per_second() {
        let limits = (RateLimits::default(), Rules { throughput: Some(2), ..Rules::default() });
        assert_eq!(codes(&limits, "a", 1_000, 3), [0, 0, 130_429]);
        assert_eq!(codes(&limits, "b", 1_999, 1), [130_429], "the limit is the number's, not the pair's");
        assert_eq!(codes(&limits, "a", 2_000, 1), [0]);
        assert!(limits.0.admit(&limits.1, &Number::new("2", "9"), "a", 1_000).is_ok(), "another number has a limit of its own");
    }

    #[test]
    fn a_coexisting_number_is_slower() {
        let (limits, rules) = (RateLimits::default(), Rules { throughput: Some(80), ..Rules::default() });
        let number = Number::new("1", "9").coexisting();
        let taken = (0..80).filter(|_| limits.admit(&rules, &number, "a", 1_000).is_ok()).count();
        assert_eq!(taken, 20);
    }

    #[test]
    fn a_pair_may_send_a_burst_of_45_messages_then_one_every_six_seconds() {
        let limits = (RateLimits::default(), Rules { pair_limit: true, ..Rules::default() });
        assert_eq!(codes(&limits, "a", 0, 46), [vec![0; 45], vec![131_056]].concat());
        assert_eq!(codes(&limits, "b", 0, 1), [0]);
        assert_eq!(codes(&limits, "a", 5_999, 1), [131_056]);
        assert_eq!(codes(&limits, "a", 6_000, 2), [0, 131_056]);
    }
}
