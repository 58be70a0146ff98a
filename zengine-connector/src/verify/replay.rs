//! The age of a signed request.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::strategy::{CredentialFault, VerifyError};

/// The window in which a signed timestamp is trusted. An older request may be a replay.
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
/// use zengine_connector::verify::Freshness;
///
/// let now = UNIX_EPOCH + Duration::from_secs(1_000_000);
/// assert!(Freshness::DEFAULT.check_unix_seconds(Some("999999"), now).is_ok());
/// assert!(Freshness::DEFAULT.check_unix_seconds(Some("1"), now).is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    max_age: Duration,
    max_ahead: Duration,
}

impl Freshness {
    /// At most five minutes old, and one minute ahead.
    pub const DEFAULT: Self = Self::new(Duration::from_secs(300), Duration::from_secs(60));

    /// At most `max_age` old, and at most `max_ahead` ahead of the local clock; both bounds are inside.
    pub const fn new(max_age: Duration, max_ahead: Duration) -> Self {
        Self { max_age, max_ahead }
    }

    /// Checks a time.
    ///
    /// # Errors
    /// [`VerifyError::Unauthenticated`] outside the window.
    pub fn check(&self, at: SystemTime, now: SystemTime) -> Result<(), VerifyError> {
        let fresh = match now.duration_since(at) {
            Ok(age) => age <= self.max_age,
            Err(ahead) => ahead.duration() <= self.max_ahead,
        };
        if fresh { Ok(()) } else { Err(VerifyError::Unauthenticated(CredentialFault::Stale)) }
    }

    /// Checks a header that holds whole seconds since the Unix epoch.
    ///
    /// # Errors
    /// [`VerifyError::Unauthenticated`] outside the window, and if the header is absent or not such a number.
    pub fn check_unix_seconds(&self, header: Option<&str>, now: SystemTime) -> Result<(), VerifyError> {
        let header = header.ok_or(VerifyError::Unauthenticated(CredentialFault::Missing))?;
        let seconds = header.parse().ok().filter(|_| header.bytes().all(|byte| byte.is_ascii_digit()));
        let at = seconds.and_then(|seconds| UNIX_EPOCH.checked_add(Duration::from_secs(seconds)));
        self.check(at.ok_or(VerifyError::Unauthenticated(CredentialFault::Malformed))?, now)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: u64 = 1_760_000_000;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn both_ends_of_the_window_are_inside() {
        for (seconds, fresh) in [(NOW, true), (NOW - 300, true), (NOW - 301, false), (NOW + 60, true), (NOW + 61, false), (0, false)] {
            assert_eq!(Freshness::DEFAULT.check_unix_seconds(Some(&seconds.to_string()), at(NOW)).is_ok(), fresh, "{seconds}");
        }
        assert!(Freshness::DEFAULT.check(at(NOW) - Duration::new(300, 1), at(NOW)).is_err());
    }

    #[test]
    fn what_is_not_a_number_of_seconds_is_refused() {
        for header in [
            None,
            Some(""),
            Some("-1"),
            Some("+1760000000"),
            Some("1760000000.0"),
            Some(" 1760000000"),
            Some("99999999999999999999"),
            Some("18446744073709551615"),
        ] {
            assert!(Freshness::DEFAULT.check_unix_seconds(header, at(NOW)).is_err(), "{header:?}");
        }
    }

    proptest! {
        #[test]
        fn no_header_and_no_clock_panics(header in any::<String>(), seconds in any::<u64>(), now in 0..u64::from(u32::MAX)) {
            prop_assert!(Freshness::DEFAULT.check_unix_seconds(Some(&header), at(now)).is_err() || header.parse::<u64>().is_ok());
            let fresh = Freshness::DEFAULT.check_unix_seconds(Some(&seconds.to_string()), at(now)).is_ok();
            prop_assert_eq!(fresh, seconds <= now + 60 && seconds >= now.saturating_sub(300));
        }
    }
}
