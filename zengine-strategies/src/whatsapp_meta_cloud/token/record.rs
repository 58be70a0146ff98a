//! The record of a token in the sessions.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zengine_connector::{Secret, verify::constant_time_eq};

use super::Credentials;
use crate::whatsapp_meta_cloud::TokenInfo;

/// The session key of the record.
pub(super) const KEY: &str = "token";
/// The session key of the lock that is held during a renewal.
pub(super) const TURN: &str = "token.turn";
/// The last fifth of 60 days, for a token whose time of issue is not known.
const LAST_FIFTH: Duration = Duration::from_secs(12 * 24 * 3600);

/// The current state of a configured token.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Record {
    v: u8,
    /// Digest of the configured token that it started from.
    source: String,
    /// The renewed token; `None` if the configured one is still in use.
    token: Option<String>,
    issued_at_s: Option<u64>,
    expires_at_s: Option<u64>,
}

impl Record {
    /// The record of a token that started from `source` and is now `token`.
    pub(super) fn new(source: &Secret<String>, token: Option<&Secret<String>>, info: &TokenInfo) -> Self {
        let seconds = |time: Option<SystemTime>| time.and_then(|time| time.duration_since(UNIX_EPOCH).ok()).map(|since| since.as_secs());
        Self {
            v: 1,
            source: digest(source.expose()),
            token: token.map(|token| token.expose().clone()),
            issued_at_s: seconds(info.issued_at),
            expires_at_s: seconds(info.expires_at),
        }
    }

    /// Whether it belongs to this configured token: it started from it, or led to it because the host put the renewed token
    /// into its configuration.
    pub(super) fn is_of(&self, configured: &Secret<String>) -> bool {
        let same = |token: &String| constant_time_eq(token.as_bytes(), configured.expose().as_bytes());
        self.v == 1 && (self.source == digest(configured.expose()) || self.token.as_ref().is_some_and(same))
    }

    /// The token in use, with its lifetime.
    pub(super) fn held(&self, configured: &Arc<Credentials>, app_secret: &Secret<String>) -> Held {
        let time = |seconds: Option<u64>| seconds.and_then(|seconds| UNIX_EPOCH.checked_add(Duration::from_secs(seconds)));
        let credentials = match &self.token {
            Some(token) if !configured.is(token) => Arc::new(Credentials::new(Secret::new(token.clone()), Some(app_secret))),
            _ => Arc::clone(configured),
        };
        Held { credentials, life: Life { is_known: true, issued_at: time(self.issued_at_s), expires_at: time(self.expires_at_s) } }
    }

    /// Time to live of the record: 30 days beyond the token's expiry, or 395 days if that is not known.
    pub(super) fn ttl(&self, now: SystemTime) -> Duration {
        let end = self.expires_at_s.map(|end| UNIX_EPOCH + Duration::from_secs(end));
        let left = end.and_then(|end| end.duration_since(now).ok()).unwrap_or(Duration::from_secs(365 * 24 * 3600));
        left + Duration::from_secs(30 * 24 * 3600)
    }
}

redacted!(Record {});

/// A token in use.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) credentials: Arc<Credentials>,
    pub(super) life: Life,
}

/// The lifetime of a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Life {
    /// Whether Meta was asked about it.
    pub(super) is_known: bool,
    pub(super) issued_at: Option<SystemTime>,
    pub(super) expires_at: Option<SystemTime>,
}

impl Life {
    /// Time at which four fifths of the lifetime are over; `None` if it never ends or is unknown.
    pub(super) fn renew_at(self) -> Option<SystemTime> {
        let end = self.expires_at?;
        let life = self.issued_at.and_then(|start| end.duration_since(start).ok());
        let fifth = life.map_or(LAST_FIFTH, |life| life / 5);
        Some(end.checked_sub(fifth).unwrap_or(UNIX_EPOCH))
    }

    /// Whether an action is due: a query, or a renewal if it `renews`.
    pub(super) fn is_due(self, now: SystemTime, renews: bool) -> bool {
        !self.is_known || renews && self.renew_at().is_some_and(|due| now >= due)
    }

    pub(super) fn is_over(self, now: SystemTime) -> bool {
        self.expires_at.is_some_and(|end| now >= end)
    }

    /// Whether half of the last fifth is over: the renewal should have succeeded by now.
    pub(super) fn ends_soon(self, now: SystemTime) -> bool {
        let (Some(due), Some(end)) = (self.renew_at(), self.expires_at) else { return false };
        end.duration_since(due).is_ok_and(|fifth| now >= due + fifth / 2)
    }
}

fn digest(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(token)[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn a_life_has_four_fifths_and_an_end() {
        let life = Life { is_known: true, issued_at: Some(at(1000)), expires_at: Some(at(2000)) };
        assert_eq!(life.renew_at(), Some(at(1800)));
        assert!(!life.is_due(at(1799), true) && life.is_due(at(1800), true) && !life.is_due(at(1800), false));
        assert!(!life.ends_soon(at(1899)) && life.ends_soon(at(1900)));
        assert!(!life.is_over(at(1999)) && life.is_over(at(2000)));
    }

    #[test]
    fn a_token_without_end_is_never_due_and_one_nobody_knows_is() {
        let never = Life { is_known: true, issued_at: Some(at(1000)), expires_at: None };
        assert!(!never.is_due(at(u32::MAX.into()), true) && !never.ends_soon(at(u32::MAX.into())));
        assert!(Life::default().is_due(at(0), false) && !Life::default().is_over(at(0)));
    }

    #[test]
    fn without_a_beginning_the_last_twelve_days_count() {
        let life = Life { is_known: true, issued_at: None, expires_at: Some(at(100 * 24 * 3600)) };
        assert_eq!(life.renew_at(), Some(at(88 * 24 * 3600)));
    }

    #[test]
    fn a_record_tells_of_what_it_began_with_and_of_what_it_led_to() {
        let (old, new) = (Secret::new("old".to_owned()), Secret::new("new".to_owned()));
        let record = Record::new(&old, Some(&new), &TokenInfo::default());
        assert!(record.is_of(&old) && record.is_of(&new) && !record.is_of(&Secret::new("other".to_owned())));
        assert!(!format!("{record:?}").contains("new"));
    }
}
