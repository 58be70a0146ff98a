//! The delay between attempts (rules 35 to 37).

use std::time::Duration;

use super::settings::Retry;
use crate::runtime::Rng;

/// Maximum part by which a provider's hint is lengthened. It is never shortened (rule 36).
const HINT_STRETCH: f64 = 0.2;
/// Longest hint that is believed (rule 36).
const LONGEST_HINT: Duration = Duration::from_secs(24 * 3600);

/// The delay before the next attempt, after `made` attempts. The cap is applied before the jitter, so that callers at the
/// cap stay spread. A provider's hint is the minimum.
pub(crate) fn delay(retry: &Retry, made: u32, hint: Option<Duration>, rng: &dyn Rng) -> Duration {
    let doubled = 1_u32.checked_shl(made.saturating_sub(1)).map_or(Duration::MAX, |factor| retry.base_delay.saturating_mul(factor));
    let spread = doubled.min(retry.max_delay);
    let jittered = scale(spread, 1.0 + retry.jitter * (2.0 * rng.unit() - 1.0));
    let floor = hint.map_or(Duration::ZERO, |hint| scale(hint.min(LONGEST_HINT), 1.0 + HINT_STRETCH * rng.unit()));
    jittered.max(floor)
}

/// Multiplies a duration. Saturates at the maximum.
pub(crate) fn scale(time: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(time.as_secs_f64() * factor).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::SystemRng;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn rule_35_delays_double_and_spread_by_a_fifth() {
        let retry = Retry::default();
        let draws = |made| (0..10_000).map(move |_| delay(&Retry::default(), made, None, &SystemRng));
        assert!(draws(1).all(|d| (MS(400)..=MS(600)).contains(&d)));
        assert!(draws(2).all(|d| (MS(800)..=MS(1200)).contains(&d)));
        let mean = draws(1).map(|d| d.as_secs_f64()).sum::<f64>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.005, "{mean}");
        // At the cap, delays are spread on both sides of it.
        let capped: Vec<_> = (0..1000).map(|_| delay(&retry, 40, None, &SystemRng)).collect();
        assert!(capped.iter().any(|d| *d > retry.max_delay) && capped.iter().any(|d| *d < retry.max_delay));
    }

    #[test]
    fn rule_35_no_attempt_number_or_cap_overflows() {
        let endless = Retry { max_attempts: u32::MAX, max_delay: Duration::MAX, jitter: 0.0, ..Retry::default() };
        let mut last = Duration::ZERO;
        for made in [1, 2, 10, 31, 32, 33, 64, 1000, u32::MAX] {
            let next = delay(&endless, made, None, &SystemRng);
            assert!(next >= last, "{made}");
            last = next;
        }
    }

    #[test]
    fn rule_36_a_hint_is_a_floor() {
        let retry = Retry::default();
        for _ in 0..1000 {
            let d = delay(&retry, 1, Some(MS(2000)), &SystemRng);
            assert!((MS(2000)..=MS(2400)).contains(&d), "{d:?}");
            assert!(delay(&retry, 1, Some(Duration::ZERO), &SystemRng) >= MS(400));
        }
        let day = Duration::from_secs(86_400);
        for endless in [day, 25 * day / 24, Duration::MAX] {
            let d = delay(&retry, 1, Some(endless), &SystemRng);
            assert!((day..=day * 6 / 5).contains(&d), "{d:?}");
        }
    }

    #[test]
    fn rule_37_two_sends_do_not_share_a_sequence() {
        let retry = Retry::default();
        let sequence = || (0..16).map(|_| delay(&retry, 1, None, &SystemRng)).collect::<Vec<_>>();
        assert_ne!(sequence(), sequence());
    }
}
