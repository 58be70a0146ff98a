//! The wait that an answer asks for: the `Retry-After` header, or a limit's reset.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, Response, StatusCode, header::RETRY_AFTER};
use jiff::{fmt::strtime::BrokenDownTime, tz::Offset};

/// Maximum wait. Longer waits are cut: a provider's typing error must not park a message for a year.
const CAP: Duration = Duration::from_secs(24 * 60 * 60);

/// The wait that the provider asks for, at most 24 hours (rule 36).
///
/// Reads seconds, of which a part is a whole one, and all three forms of an HTTP date (RFC 9110, 5.6.7); a date that has passed means no wait.
/// `None` if the header is absent or neither: then the normal backoff applies.
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
/// use zengine_connector::http::retry_after;
///
/// let mut headers = http::HeaderMap::new();
/// headers.insert("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT".parse()?);
/// let now = UNIX_EPOCH + Duration::from_secs(784_111_770);
/// assert_eq!(retry_after(&headers, now), Some(Duration::from_secs(7)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match seconds(text) {
        Some(seconds) => Duration::from_secs(seconds),
        None => until(http_date(text)?, now),
    };
    Some(wait.min(CAP))
}

/// The headers that say when a limit resets: seconds from now, or a time in seconds or milliseconds since 1970.
const RESETS: [&str; 4] = ["ratelimit-reset", "x-ratelimit-reset-after", "x-ratelimit-reset", "x-rate-limit-reset"];

/// The wait that an answer asks for, at most 24 hours: [`retry_after`], or for 429 the reset of the provider's limit
/// (`RateLimit-Reset`, `X-RateLimit-Reset`, `X-RateLimit-Reset-After`, `X-Rate-Limit-Reset`).
///
/// A reset counts only for 429: other answers have the header too, and there it asks for nothing.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use zengine_connector::http::retry_hint;
///
/// let answer = http::Response::builder().status(429).header("x-ratelimit-reset", "30").body(())?;
/// assert_eq!(retry_hint(&answer, SystemTime::now()), Some(Duration::from_secs(30)));
/// # Ok::<(), http::Error>(())
/// ```
pub fn retry_hint<B>(answer: &Response<B>, now: SystemTime) -> Option<Duration> {
    let reset = || RESETS.iter().find_map(|name| reset(answer.headers().get(*name)?.to_str().ok()?, now));
    retry_after(answer.headers(), now).or_else(|| if answer.status() == StatusCode::TOO_MANY_REQUESTS { reset() } else { None })
}

fn reset(text: &str, now: SystemTime) -> Option<Duration> {
    let (whole, up) = number(text.trim())?;
    let wait = match whole {
        0..1_000_000_000 => Duration::from_secs(whole + up),
        1_000_000_000..100_000_000_000 => until(UNIX_EPOCH + Duration::from_secs(whole + up), now),
        ms => UNIX_EPOCH.checked_add(Duration::from_millis(ms)).map_or(CAP, |at| until(at, now)),
    };
    Some(wait.min(CAP))
}

/// Parses a number of seconds. A part of a second is a whole one, and more digits than fit are a very long time.
fn seconds(text: &str) -> Option<u64> {
    number(text).map(|(whole, up)| whole.saturating_add(up))
}

/// The whole part of a number, and 1 if there is more.
fn number(text: &str) -> Option<(u64, u64)> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let up = u64::from(part.bytes().any(|digit| digit != b'0'));
    (!whole.is_empty() && is_number(whole) && is_number(part)).then(|| (whole.parse().unwrap_or(u64::MAX), up))
}

fn until(at: SystemTime, now: SystemTime) -> Duration {
    at.duration_since(now).unwrap_or(Duration::ZERO)
}

/// Parses an HTTP date. The name of the day is skipped.
fn http_date(text: &str) -> Option<SystemTime> {
    const FORMS: [&str; 3] = ["%d %b %y %H:%M:%S GMT", "%d %b %Y %H:%M:%S GMT", "%b %d %H:%M:%S %Y"];
    let (_day, date) = text.split_once([' ', ','])?;
    let date = date.trim_start().replace('-', " ").replace("UTC", "GMT");
    let date = FORMS.iter().find_map(|form| BrokenDownTime::parse(form, &date).ok()?.to_datetime().ok())?;
    Offset::UTC.to_timestamp(date).ok().map(SystemTime::from)
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    /// Sun, 06 Nov 1994 08:49:37 GMT
    const DATE: u64 = 784_111_777;

    fn wait(header: &str, now: u64) -> Option<u64> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_str(header).unwrap());
        retry_after(&headers, UNIX_EPOCH + Duration::from_secs(now)).map(|wait| wait.as_secs())
    }

    #[test]
    fn rule_36_seconds_are_a_wait_and_a_part_of_one_is_a_whole_one() {
        for (header, seconds) in [("0", 0), ("1", 1), (" 120 ", 120), ("007", 7), ("86400", 86_400), ("1.5", 2), ("0.001", 1), ("3.0", 3)] {
            assert_eq!(wait(header, DATE), Some(seconds), "{header}");
        }
    }

    #[test]
    fn rule_36_all_three_forms_of_a_date_are_a_wait() {
        for header in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06-Nov-1994 08:49:37 GMT",
        ] {
            assert_eq!(wait(header, DATE - 90), Some(90), "{header}");
        }
    }

    #[test]
    fn rule_36_a_past_date_is_no_wait() {
        for now in [DATE, DATE + 1, DATE + 1_000_000_000] {
            assert_eq!(wait("Sun, 06 Nov 1994 08:49:37 GMT", now), Some(0));
        }
    }

    #[test]
    fn rule_36_garbage_is_ignored() {
        for header in [
            "",
            "-1",
            "+1",
            "1.5s",
            ".5",
            "1s",
            "soon",
            "0x10",
            "1 2",
            "١",
            "Sun, 06 Nov 1994 08:49:37 PST",
            "Sun, 06 Nov 1994 08:49:37 +0000",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, 06 Nov 1994 08:61:37 GMT",
            "Sun, 06 Nov 1994 08:49 GMT",
            "Sun, 06 Nov 1994 08:49:37:00 GMT",
            "Sun, 06 Nov 19945 08:49:37 GMT",
            "Sun, 06 Nuv 1994 08:49:37 GMT",
            "06 Nov 1994 08:49:37 GMT",
            "1994-11-06T08:49:37Z",
            "Sun, 06 Nov 1994 08:49:37 GMT and then some more",
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_bytes(header.as_bytes()).unwrap());
            assert_eq!(retry_after(&headers, UNIX_EPOCH), None, "{header}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), UNIX_EPOCH), None);
    }

    #[test]
    fn rule_36_no_wait_is_longer_than_a_day() {
        for header in ["86401", "99999999999999999999999999", "Sun, 06 Nov 1994 08:49:37 GMT"] {
            assert_eq!(wait(header, 0), Some(86_400), "{header}");
        }
    }

    #[test]
    fn a_limits_reset_is_a_wait_of_429_alone() {
        let hint = |status: u16, name: &str, value: &str| {
            let answer = Response::builder().status(status).header(name, value).body(()).unwrap();
            retry_hint(&answer, UNIX_EPOCH + Duration::from_secs(1_760_000_000)).map(|wait| wait.as_secs())
        };
        for (name, value, seconds) in [
            ("ratelimit-reset", "30", Some(30)),
            ("x-ratelimit-reset-after", "0.42", Some(1)),
            ("x-ratelimit-reset", "1760000012", Some(12)),
            ("x-ratelimit-reset", "1760000012.5", Some(13)),
            ("x-ratelimit-reset", "1760000012000", Some(12)),
            ("x-ratelimit-reset", "1759999999", Some(0)),
            ("x-rate-limit-reset", "999999999", Some(86_400)),
            ("x-rate-limit-reset", "999999999.5", Some(86_400)),
            ("x-rate-limit-reset", "99999999999.5", Some(86_400)),
            ("x-rate-limit-reset", "99999999999999999999999", Some(86_400)),
            ("ratelimit-reset", "-1", None),
            ("ratelimit-reset", ".5", None),
            ("ratelimit-reset", "soon", None),
            ("x-ratelimit-remaining", "0", None),
        ] {
            assert_eq!(hint(429, name, value), seconds, "{name}: {value}");
            assert_eq!(hint(503, name, value), None, "{name}: {value}");
        }
        assert_eq!(hint(503, "retry-after", "7"), Some(7));
    }

    #[test]
    fn a_two_digit_year_is_near_the_present() {
        let now = 1_760_000_000; // 2025
        assert_eq!(wait("Sunday, 06-Nov-94 08:49:37 GMT", now), Some(0));
        assert_eq!(wait("Thursday, 09-Oct-25 08:53:30 GMT", now), Some(10));
    }

    proptest! {
        #[test]
        fn no_header_panics_and_none_waits_for_more_than_a_day(header in "[ -~]{0,60}", now in any::<u32>()) {
            prop_assert!(wait(&header, now.into()).unwrap_or(0) <= 86_400);
        }

        #[test]
        fn a_written_date_reads_back(at in 0..4_102_444_800_u64, ahead in 0..86_400_u64) {
            let stamp = jiff::Timestamp::from_second(i64::try_from(at).unwrap()).unwrap();
            let text = stamp.to_zoned(jiff::tz::TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
            prop_assert_eq!(wait(&text, at.saturating_sub(ahead)), Some(at - at.saturating_sub(ahead)));
        }
    }
}
