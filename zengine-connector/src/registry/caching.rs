//! Settings of the caches of tenants.

use std::time::Duration;

use crate::error::{Error, require, require_time};

/// The most entries that a cache may be told to keep.
const MOST: usize = 100_000_000;

/// The caches of tenants' configurations, secrets and routes: for how long, and how many.
///
/// ```
/// use std::time::Duration;
/// use zengine_connector::registry::Caching;
///
/// let caching = Caching { secret_ttl: Duration::from_secs(60), ..Caching::default() };
/// assert!(caching.check().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caching {
    /// Time that a tenant's configuration is used without asking again; a new version takes effect within it. Defaults to
    /// 30 seconds (rule 85).
    pub config_ttl: Duration,
    /// Time that secrets are used without asking again; a rotated one takes effect within it. Defaults to 5 minutes
    /// (rule 85).
    pub secret_ttl: Duration,
    /// Time that secrets serve on while their store is down, under an unchanged version of the configuration. Defaults to
    /// 1 hour (rule 85); at least `secret_ttl`.
    pub stale_secret_max: Duration,
    /// Time that the tenants behind a provider's key are remembered; if there is none, `refusal_ttl`. Defaults to 30 seconds.
    pub route_ttl: Duration,
    /// Time that is remembered what cannot be had: a missing or wrong configuration, a key without a tenant, a store that fails
    /// while a request is verified. Defaults to 1 second: long enough for a storm of requests, too short to be noticed by the
    /// person who repairs it.
    pub refusal_ttl: Duration,
    /// Time after which an unused bound tenant is forgotten. Defaults to 1 hour; at least `config_ttl`.
    pub idle: Duration,
    /// Maximum bound tenants, one for each tenant and strategy; the least used go first. Defaults to 10,000; at least 1.
    pub max_bound: usize,
    /// Maximum provider keys remembered. Defaults to 10,000; at least 1.
    pub max_routes: usize,
}

impl Default for Caching {
    fn default() -> Self {
        Self {
            config_ttl: Duration::from_secs(30),
            secret_ttl: Duration::from_secs(300),
            stale_secret_max: Duration::from_secs(3600),
            route_ttl: Duration::from_secs(30),
            refusal_ttl: Duration::from_secs(1),
            idle: Duration::from_secs(3600),
            max_bound: 10_000,
            max_routes: 10_000,
        }
    }
}

impl Caching {
    /// Asks the directory and the secret store at every use: for tests, and for hosts whose stores cache by themselves. A
    /// tenant is still configured only when something changed.
    pub fn off() -> Self {
        let zero = Duration::ZERO;
        Self { config_ttl: zero, secret_ttl: zero, stale_secret_max: zero, route_ttl: zero, refusal_ttl: zero, ..Self::default() }
    }

    /// Checks that the settings can work together.
    ///
    /// # Errors
    /// `Settings`, naming the field and the rule it breaks.
    pub fn check(&self) -> Result<(), Error> {
        for (field, time) in [
            ("caching.config_ttl", self.config_ttl),
            ("caching.secret_ttl", self.secret_ttl),
            ("caching.stale_secret_max", self.stale_secret_max),
            ("caching.route_ttl", self.route_ttl),
            ("caching.refusal_ttl", self.refusal_ttl),
        ] {
            require_time(field, time, Duration::ZERO)?;
        }
        require_time("caching.idle", self.idle, Duration::from_millis(1))?;
        require(
            self.stale_secret_max >= self.secret_ttl,
            "caching.stale_secret_max",
            "at least `secret_ttl` (rule 85)",
            self.stale_secret_max,
        )?;
        require(self.idle >= self.config_ttl, "caching.idle", "at least `config_ttl`", self.idle)?;
        require((1..=MOST).contains(&self.max_bound), "caching.max_bound", "from 1 to 100,000,000", self.max_bound)?;
        require((1..=MOST).contains(&self.max_routes), "caching.max_routes", "from 1 to 100,000,000", self.max_routes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn presets_are_possible() {
        for preset in [Caching::default(), Caching::off()] {
            preset.check().unwrap();
        }
    }

    #[test]
    fn an_impossible_setting_is_named() {
        let (day, most) = (Duration::from_secs(86_400), Duration::MAX);
        let base = Caching::default;
        for (caching, field) in [
            (Caching { secret_ttl: day, ..base() }, "caching.stale_secret_max"),
            (Caching { config_ttl: day, ..base() }, "caching.idle"),
            (Caching { idle: Duration::ZERO, ..Caching::off() }, "caching.idle"),
            (Caching { max_bound: 0, ..base() }, "caching.max_bound"),
            (Caching { max_routes: 0, ..base() }, "caching.max_routes"),
            (Caching { max_bound: usize::MAX, ..base() }, "caching.max_bound"),
            (Caching { max_routes: usize::MAX, ..base() }, "caching.max_routes"),
            (Caching { config_ttl: most, ..base() }, "caching.config_ttl"),
            (Caching { secret_ttl: most, ..base() }, "caching.secret_ttl"),
            (Caching { stale_secret_max: most, ..base() }, "caching.stale_secret_max"),
            (Caching { route_ttl: most, ..base() }, "caching.route_ttl"),
            (Caching { refusal_ttl: most, ..base() }, "caching.refusal_ttl"),
            (Caching { idle: most, ..base() }, "caching.idle"),
        ] {
            let error = caching.check().unwrap_err();
            assert_eq!((error.kind(), error.context("field")), (ErrorKind::Settings, Some(field)));
            assert!(error.context("rule").is_some(), "{field}");
        }
    }
}
