//! How long what is known of tenants is used without asking again.

use std::time::Duration;

use crate::error::{Error, ErrorKind};

/// How long what is known of tenants is used without asking again, and how much of it is kept.
///
/// ```
/// use std::time::Duration;
/// use zengine_connector::Caching;
///
/// let caching = Caching { secret_ttl: Duration::from_secs(60), ..Caching::default() };
/// assert!(caching.check().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caching {
    /// A tenant's configuration; a new version takes effect within this time. 30 seconds (rule 85).
    pub config_ttl: Duration,
    /// Secrets; a rotated one takes effect within this time. 5 minutes (rule 85).
    pub secret_ttl: Duration,
    /// Secrets known before their store went down, and only for an unchanged version; never shorter than `secret_ttl`.
    /// 1 hour (rule 85).
    pub stale_secret_max: Duration,
    /// Which tenants are behind a provider's key, also where there is none. 30 seconds.
    pub route_ttl: Duration,
    /// That a tenant does not use a strategy, or is configured wrongly. 1 second: long enough for a storm of requests,
    /// too short to be noticed by whoever repairs it.
    pub refusal_ttl: Duration,
    /// A bound tenant that nobody uses is forgotten after this time. 1 hour.
    pub idle: Duration,
    /// The most bound tenants, one per tenant and strategy; the least used go first. 10,000.
    pub max_bound: usize,
    /// The most provider keys remembered. 10,000.
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

    /// For hosts with very many tenants: ten times as many of them bound, and forgotten sooner.
    pub fn many_tenants() -> Self {
        Self { max_bound: 100_000, max_routes: 100_000, idle: Duration::from_secs(900), ..Self::default() }
    }

    /// Whether the settings go together.
    ///
    /// # Errors
    /// `Settings`, naming the field.
    pub fn check(&self) -> Result<(), Error> {
        let wrong = |message, field| Err(Error::new(ErrorKind::Settings, message).with_context("field", field));
        if self.stale_secret_max < self.secret_ttl {
            return wrong("stale secrets cannot end before fresh ones", "stale_secret_max").map_err(|e| e.with_context("rule", 85));
        }
        if self.idle < self.config_ttl {
            return wrong("a bound tenant would be forgotten before its configuration is old", "idle");
        }
        if self.idle.is_zero() {
            return wrong("a bound tenant must be kept for some time", "idle");
        }
        if self.max_bound == 0 {
            return wrong("at least one tenant must fit", "max_bound");
        }
        if self.max_routes == 0 {
            return wrong("at least one route must fit", "max_routes");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_possible() {
        for preset in [Caching::default(), Caching::off(), Caching::many_tenants()] {
            preset.check().unwrap();
        }
    }

    #[test]
    fn an_impossible_setting_is_named() {
        let day = Duration::from_secs(86_400);
        let base = Caching::default;
        for (caching, field) in [
            (Caching { secret_ttl: day, ..base() }, "stale_secret_max"),
            (Caching { config_ttl: day, ..base() }, "idle"),
            (Caching { idle: Duration::ZERO, ..Caching::off() }, "idle"),
            (Caching { max_bound: 0, ..base() }, "max_bound"),
            (Caching { max_routes: 0, ..base() }, "max_routes"),
        ] {
            let error = caching.check().unwrap_err();
            assert_eq!((error.kind(), error.context("field")), (ErrorKind::Settings, Some(field)));
        }
    }
}
