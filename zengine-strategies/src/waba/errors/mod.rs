//! The meaning of WhatsApp's error codes, for refused sends and for messages that failed later.
//!
//! Decided on the code, never on the HTTP status, the title or the subcode alone: throttling is usually HTTP 400 here, and
//! 134102 comes with HTTP 500 although it is permanent. A send is classed as safe to repeat ([`Reach::NotSent`]) only if
//! the documentation says that it was not accepted: 4, 80007, 130429, 131056, 131057, and 132069 and 134101 after their
//! long waits. What a provider before Meta documents beyond that stands in `partner`.

mod partner;
mod shapes;
mod table;
#[cfg(test)]
mod tests;
mod wire;

use std::{ops::RangeInclusive, time::Duration};

use zengine_connector::error::Scope;
use zengine_connector::message::{ProviderError, RawJson};
use zengine_connector::{ErrorKind, Reach};

pub(crate) use shapes::Dialect;
pub(crate) use wire::GraphError;

/// The meaning of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Class {
    /// The kind of the error.
    pub(crate) kind: ErrorKind,
    /// How far a refused send got.
    pub(crate) reach: Reach,
    /// The scope of a throttle; `None` if it limits this message only.
    pub(crate) scope: Option<Scope>,
    /// The wait before a retry.
    pub(crate) wait: Option<Wait>,
    /// The message of the error, a literal.
    pub(crate) what: &'static str,
}

/// The wait before a retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// After this many seconds.
    Seconds(u64),
    /// After 4^n seconds, n counted from 0 (the pair limit).
    Pair,
    /// As the usage header says.
    Usage,
}

impl Class {
    /// The wait after this attempt (from 1), if there is one. `header`: the wait of `Retry-After`. `usage`: the wait of
    /// `X-Business-Use-Case-Usage`.
    pub(crate) fn wait(&self, attempt: u32, header: Option<Duration>, usage: impl FnOnce() -> Option<Duration>) -> Option<Duration> {
        let own = match self.wait {
            Some(Wait::Seconds(seconds)) => Some(Duration::from_secs(seconds)),
            Some(Wait::Pair) => Some(Duration::from_secs(4_u64.pow(attempt.saturating_sub(1).min(6)))),
            // The header decides where there is one; the usage is only an estimate.
            Some(Wait::Usage) if header.is_none() => usage(),
            Some(Wait::Usage) | None => None,
        };
        own.max(header)
    }
}

/// Classifies an error. `http`: the status of a refused call; `None` for an error that a webhook reports.
pub(crate) fn classify(error: &GraphError, http: Option<u16>) -> Class {
    let class = by_code(error, http);
    // A failing gateway may quote an error of another call than this one.
    let is_doubtful = error.is_quoted && http.is_some_and(|status| status >= 500);
    if is_doubtful { Class { reach: Reach::Maybe, ..class } } else { class }
}

/// Classifies the error of an answer. A partner's success around an error without Meta's own code says nothing of how far the message got.
pub(crate) fn classify_answer(dialect: Dialect, error: &GraphError, status: u16) -> Class {
    let is_success = (200..300).contains(&status);
    let http = if is_success { error.status } else { Some(status) };
    let mut class = classify(error, http);
    if dialect == Dialect::Partner {
        class = partner::adjust(class, error, http);
    }
    let is_told = error.code.is_some() && !error.is_quoted;
    // A gateway in front of Meta has numbers of its own; what bears a trace of Meta's is Meta's.
    let is_gateways = dialect == Dialect::Partner && status >= 500 && error.trace_id.is_none();
    if is_gateways || is_success && !is_told { Class { reach: Reach::Maybe, ..class } } else { class }
}

fn by_code(error: &GraphError, http: Option<u16>) -> Class {
    let Some(code) = error.code else { return by_words(error, http).unwrap_or_else(|| by_status(http)) };
    // What is wrong with a template, or with taking a number in, stands in the subcode only.
    let is_general = code == 100 || !matches!(code, 1 | 190) && table::find(code).is_none();
    let code = error.subcode.filter(|subcode| is_general && OWN_SUBCODES.contains(subcode)).unwrap_or(code);
    match code {
        // "Unknown": an outage where the provider says so, else a bad request. Possibly sent in both cases.
        1 if error.is_transient || http.is_some_and(|status| status >= 500) => {
            class(ErrorKind::Unavailable, Reach::Maybe, "unknown error of the provider")
        }
        1 => class(ErrorKind::InvalidContent, Reach::Maybe, "unknown error: a bad request or an outage"),
        // The object is missing or not ours: the phone number id is wrong, not the message.
        100 if error.subcode == Some(33) => class(ErrorKind::Config, Reach::Processed, "the phone number id is unknown or not accessible"),
        // No code of its own: the app demands a proof that the calls lack, or got a wrong one. Every message would fail.
        100 if error.mentions("appsecret_proof") => {
            class(ErrorKind::Config, Reach::Processed, "the proof by app secret is missing or wrong")
        }
        190 => class(ErrorKind::Unauthorized, Reach::Processed, token_fault(error.subcode)),
        _ => match table::find(code) {
            Some(class) => class,
            None if error.is_transient => class(ErrorKind::Unavailable, Reach::Maybe, "the provider failed for the moment"),
            None => by_status(http),
        },
    }
}

/// The subcodes of 100, and of codes without a row, that have rows of their own: templates, and numbers that are verified or moved.
const OWN_SUBCODES: RangeInclusive<i64> = 2_388_000..=2_388_999;

/// The fault of an access token.
fn token_fault(subcode: Option<i64>) -> &'static str {
    match subcode {
        Some(458) => "the access token is not valid: the app was removed",
        Some(460) => "the access token is not valid: the password was changed",
        Some(463) => "the access token is expired",
        Some(467) => "the access token is not valid: it was revoked or its user logged out",
        _ => "the access token is expired or not valid",
    }
}

/// The class by HTTP status, if no code says more. A `Retry-After` header never lowers the reach: a 503 may have been sent.
fn by_status(http: Option<u16>) -> Class {
    let Some(status) = http else { return class(ErrorKind::Unexpected, Reach::Maybe, "an error without a known code") };
    match status {
        401 => class(ErrorKind::Unauthorized, Reach::Processed, "the provider refused the credentials"),
        403 => class(ErrorKind::Forbidden, Reach::Processed, "the provider refused the permission"),
        408 | 425 => class(ErrorKind::Unavailable, Reach::Maybe, "the provider gave up waiting"),
        429 => Class { scope: Some(Scope::Account), ..class(ErrorKind::RateLimited, Reach::NotSent, "the provider asks for less traffic") },
        400..=499 => class(ErrorKind::InvalidContent, Reach::Processed, "the provider refused the request"),
        500..=599 => class(ErrorKind::Unavailable, Reach::Maybe, "the provider failed"),
        _ => class(ErrorKind::Protocol, Reach::Maybe, "the provider answered with an unexpected status"),
    }
}

/// The class of a provider's own words. Meta's always stand beside a code.
fn by_words(error: &GraphError, http: Option<u16>) -> Option<Class> {
    table::of_text(http?, error.title.as_deref().filter(|_| error.is_plain)?)
}

const fn class(kind: ErrorKind, reach: Reach, what: &'static str) -> Class {
    Class { kind, reach, scope: None, wait: None, what }
}

impl GraphError {
    /// The error as events carry it; `raw` is its exact JSON.
    pub(crate) fn to_provider_error(&self, raw: Option<RawJson>) -> ProviderError {
        let mut error = ProviderError::new(classify(self, None).kind, self.code.map(|code| code.to_string()));
        error.raw = raw;
        error.with_provider_details(self.to_details())
    }
}
