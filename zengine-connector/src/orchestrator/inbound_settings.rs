//! Settings of the inbound path.

use std::time::Duration;

use crate::error::{Error, ErrorKind};

/// Settings of the inbound path. Every one has a default.
///
/// ```
/// use std::time::Duration;
/// use zengine_connector::InboundSettings;
///
/// let settings = InboundSettings::default().parallel(16).lease(Duration::from_secs(120));
/// # let _ = settings;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "hand it to OrchestratorBuilder::inbound"]
pub struct InboundSettings {
    pub(crate) max_body_bytes: usize,
    pub(crate) max_events: usize,
    pub(crate) parallel: usize,
    pub(crate) lease: Duration,
    pub(crate) keep: Duration,
    pub(crate) verify_time: Duration,
    pub(crate) admit_time: Duration,
    pub(crate) outbox_keep: Duration,
    pub(crate) outbox_replies: usize,
    pub(crate) outbox_bytes: usize,
}

impl Default for InboundSettings {
    fn default() -> Self {
        Self {
            max_body_bytes: 4 << 20,
            max_events: 5_000,
            parallel: 64,
            lease: Duration::from_secs(60),
            keep: Duration::from_secs(8 * 86_400),
            verify_time: Duration::from_secs(10),
            admit_time: Duration::from_secs(10),
            outbox_keep: Duration::from_secs(86_400),
            outbox_replies: 256,
            outbox_bytes: 256 << 10,
        }
    }
}

impl InboundSettings {
    /// The largest body that is looked at, in bytes; a larger one is answered with 413 before `verify` sees it. 4 MiB
    /// where nothing is said; at least 1.
    pub fn max_body_bytes(mut self, bytes: usize) -> Self {
        self.max_body_bytes = bytes;
        self
    }

    /// How many events of one request are worked on. The rest is answered with 503, and the redelivery goes on where this
    /// one stopped, because what is stored by then does not count. 5,000 where nothing is said; at least 1.
    pub fn max_events(mut self, events: usize) -> Self {
        self.max_events = events;
        self
    }

    /// How many conversations of one request are handled at the same time (rule 84). 64 where nothing is said; at least 1.
    pub fn parallel(mut self, conversations: usize) -> Self {
        self.parallel = conversations;
        self
    }

    /// How long an event belongs to the process that handles it. Renewed at a third for as long as a handler runs, so it
    /// is the time after which a redelivery may take over from a process that died. 60 s where nothing is said; at least
    /// 3 s.
    pub fn lease(mut self, time: Duration) -> Self {
        self.lease = time;
        self
    }

    /// How long a stored event is recognised when it comes again. 8 days where nothing is said, because providers
    /// redeliver for up to 7; at least as long as the lease.
    pub fn keep(mut self, time: Duration) -> Self {
        self.keep = time;
        self
    }

    /// How long `verify` may take; then the answer is 503. 10 s where nothing is said.
    pub fn verify_time(mut self, time: Duration) -> Self {
        self.verify_time = time;
        self
    }

    /// How long `admit` may take for one event; then the event must come again. 10 s where nothing is said.
    pub fn admit_time(mut self, time: Duration) -> Self {
        self.admit_time = time;
        self
    }

    /// How long replies of a synchronous channel wait for a poll, from the last reply of the conversation. 24 hours where
    /// nothing is said; at least 1 s.
    pub fn outbox_keep(mut self, time: Duration) -> Self {
        self.outbox_keep = time;
        self
    }

    /// How many replies of one conversation wait at most, and how many bytes of them. A further reply is refused with
    /// `Busy`: none is ever dropped that was not handed out. 256 replies and 256 KiB where nothing is said; at least 1
    /// and 1,024.
    pub fn outbox_limits(mut self, replies: usize, bytes: usize) -> Self {
        (self.outbox_replies, self.outbox_bytes) = (replies, bytes);
        self
    }

    /// Refuses settings that no request could be handled under.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let rules = [
            (self.max_body_bytes >= 1, "max_body_bytes >= 1"),
            (self.max_events >= 1, "max_events >= 1"),
            (self.parallel >= 1, "parallel >= 1"),
            (self.lease >= Duration::from_secs(3), "lease >= 3 s"),
            (self.keep >= self.lease, "keep >= lease"),
            (!self.verify_time.is_zero(), "verify_time > 0"),
            (!self.admit_time.is_zero(), "admit_time > 0"),
            (self.outbox_keep >= Duration::from_secs(1), "outbox_keep >= 1 s"),
            (self.outbox_replies >= 1, "outbox_replies >= 1"),
            (self.outbox_bytes >= 1024, "outbox_bytes >= 1024"),
        ];
        match rules.iter().find(|(fine, _)| !fine) {
            None => Ok(()),
            Some((_, rule)) => Err(Error::new(ErrorKind::Settings, "an inbound setting is impossible").with_context("rule", rule)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_possible_and_impossible_settings_name_their_rule() {
        InboundSettings::default().check().unwrap();
        let zero = InboundSettings::default().lease(Duration::ZERO).check().unwrap_err();
        assert_eq!((zero.kind(), zero.context("rule")), (ErrorKind::Settings, Some("lease >= 3 s")));
        let settings = InboundSettings::default();
        for broken in [
            settings.clone().max_body_bytes(0),
            settings.clone().max_events(0),
            settings.clone().parallel(0),
            settings.clone().keep(Duration::from_secs(59)),
            settings.clone().verify_time(Duration::ZERO),
            settings.clone().admit_time(Duration::ZERO),
            settings.clone().outbox_keep(Duration::ZERO),
            settings.clone().outbox_limits(0, 1024),
            settings.outbox_limits(1, 1023),
        ] {
            assert!(broken.check().is_err(), "{broken:?}");
        }
    }
}
