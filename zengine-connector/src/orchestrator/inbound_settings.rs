//! Settings of the inbound path.

use std::time::Duration;

use crate::{
    error::{Error, require, require_time},
    json::Limits,
    strategy::MAX_ELEMENTS,
};

/// Settings of the inbound path.
///
/// ```
/// use std::time::Duration;
/// use zengine_connector::orchestrator::InboundSettings;
///
/// let settings = InboundSettings { parallel: 16, lease: Duration::from_secs(120), ..InboundSettings::default() };
/// assert!(settings.check().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboundSettings {
    /// Largest body that is looked at, in bytes; a larger one is answered with 413 before `verify` sees it. Defaults to
    /// 4 MiB; at least 1.
    pub max_body_bytes: usize,
    /// Longest time that a body takes to arrive at `InboundService` (feature `tower`); then the answer is 408. Defaults to
    /// 30 seconds; at least 1 millisecond.
    pub body_timeout: Duration,
    /// Bounds of a JSON body, checked in one pass before it is read. A verified body beyond them becomes one dead letter and is
    /// answered with 200, any other is answered with 413. Default to [`Limits::DEFAULT`]; each at least 1.
    pub json: Limits,
    /// Maximum elements of a body; one that leads to several tenants counts once for each. A body that holds more becomes one dead
    /// letter, and is answered with 200. Defaults to 10,000; at least 1.
    pub max_elements: usize,
    /// Maximum inbound requests handled concurrently in this process. Further requests are answered with 503. A request counts
    /// until its handlers end, even if its caller is gone. Defaults to 1,024; at least 1.
    pub max_requests: usize,
    /// Maximum handlers of ephemeral events that run at the same time in this process. They may outlast their request (rule 87); a
    /// further event is dropped. Defaults to 1,024; at least 1.
    pub max_ephemeral: usize,
    /// Maximum polls of synchronous channels answered at the same time in this process; a tenant has a quarter of them, rounded up. Further
    /// polls are answered with 503. Each holds the replies of its conversation. Defaults to 256; at least 1.
    pub max_polls: usize,
    /// Maximum events of one request that are worked on. The rest is answered with 503, and the redelivery goes on where
    /// this one stopped, because stored events do not count again. Defaults to 5,000; at least 1.
    pub max_events: usize,
    /// Maximum conversations of one request that are handled at the same time (rule 84). Defaults to 64; at least 1.
    pub parallel: usize,
    /// Time that an event belongs to the process that handles it, after which a redelivery may take over from a process
    /// that died. Renewed at a third while a handler runs. Defaults to 60 seconds; at least
    /// 15 seconds, so that a renewal may take its 5 seconds at the store.
    pub lease: Duration,
    /// Difference that the clocks of processes may have: a lease is written as much longer. Defaults to 2 seconds.
    pub clock_skew: Duration,
    /// Time that a stored event is recognised when it comes again. Defaults to 8 days, because providers redeliver for up
    /// to 7; at least `lease` and `clock_skew` together.
    pub keep: Duration,
    /// Longest time of `verify`; then the answer is 503. Defaults to 10 seconds; at least 1 millisecond.
    pub verify_timeout: Duration,
    /// Longest time until a delivery is answered on a channel that acknowledges, from the arrival of the request, `respond` and `finish`
    /// included: of each an eighth is kept, at most 250 ms. When the rest passes, the answer is 503 and the work goes on in its task; the redelivery
    /// is answered 200 once the events are stored. The strategy's own limit ([`Reply::Acknowledge`](crate::strategy::Reply::Acknowledge)) counts
    /// where it is shorter. Set it below what a provider waits that publishes no limit, or what a proxy before your host waits. Defaults to `None`:
    /// until the handlers end; at least 1 millisecond.
    pub acknowledge_within: Option<Duration>,
    /// Longest time of `admit` for one event; then the event must be redelivered. Defaults to 10 seconds; at least
    /// 1 millisecond.
    pub admit_timeout: Duration,
    /// Whether the text of a [`HandlerError::NotStored`](super::HandlerError::NotStored) is logged, with those of its causes. Defaults to
    /// `true`: the text is the host's own. With `false` a line shows only the name of its type.
    ///
    /// The input that errors of JSON quote is left out. One that another error hides, as `#[error(transparent)]` does, is known by its
    /// text: there you must not quote the input in words of your own (`serde::de::Error::custom`), unless line and column end the text and it does
    /// not begin with the input.
    pub log_handler_errors: bool,
    /// Time that replies of a synchronous channel wait for a poll, from the last reply of the conversation. Defaults to
    /// 24 hours; at least 1 second.
    pub outbox_keep: Duration,
    /// Maximum replies of one conversation that wait. A further reply is refused with `Busy`: a reply that was not handed
    /// out is never dropped. Defaults to 256; at least 1.
    pub outbox_replies: usize,
    /// Maximum bytes of the replies of one conversation that wait. Defaults to 256 KiB; at least 1,024.
    pub outbox_bytes: usize,
}

impl Default for InboundSettings {
    fn default() -> Self {
        Self {
            max_body_bytes: 4 << 20,
            body_timeout: Duration::from_secs(30),
            json: Limits::DEFAULT,
            max_elements: MAX_ELEMENTS,
            max_requests: 1_024,
            max_ephemeral: 1_024,
            max_polls: 256,
            max_events: 5_000,
            parallel: 64,
            lease: Duration::from_secs(60),
            clock_skew: Duration::from_secs(2),
            keep: Duration::from_secs(8 * 86_400),
            verify_timeout: Duration::from_secs(10),
            acknowledge_within: None,
            admit_timeout: Duration::from_secs(10),
            log_handler_errors: true,
            outbox_keep: Duration::from_secs(86_400),
            outbox_replies: 256,
            outbox_bytes: 256 << 10,
        }
    }
}

impl InboundSettings {
    /// Checks that the settings can work together.
    ///
    /// # Errors
    /// `Settings`, naming the field and the rule it breaks.
    pub fn check(&self) -> Result<(), Error> {
        let millisecond = Duration::from_millis(1);
        require(self.max_body_bytes >= 1, "inbound.max_body_bytes", "at least 1", self.max_body_bytes)?;
        require_time("inbound.body_timeout", self.body_timeout, millisecond)?;
        let Limits { body_bytes, json_depth, json_items, name_bytes } = self.json;
        require(
            [body_bytes, json_depth, json_items, name_bytes].iter().all(|most| *most >= 1),
            "inbound.json",
            "each at least 1",
            self.json,
        )?;
        require(self.max_elements >= 1, "inbound.max_elements", "at least 1", self.max_elements)?;
        require(self.max_requests >= 1, "inbound.max_requests", "at least 1", self.max_requests)?;
        require(self.max_ephemeral >= 1, "inbound.max_ephemeral", "at least 1", self.max_ephemeral)?;
        require(self.max_polls >= 1, "inbound.max_polls", "at least 1", self.max_polls)?;
        require(self.max_events >= 1, "inbound.max_events", "at least 1", self.max_events)?;
        require(self.parallel >= 1, "inbound.parallel", "at least 1", self.parallel)?;
        require_time("inbound.lease", self.lease, Duration::from_secs(15))?;
        require_time("inbound.keep", self.keep, Duration::ZERO)?;
        require_time("inbound.clock_skew", self.clock_skew, Duration::ZERO)?;
        require(self.keep >= self.lease + self.clock_skew, "inbound.keep", "at least `lease` + `clock_skew`", self.keep)?;
        require_time("inbound.verify_timeout", self.verify_timeout, millisecond)?;
        if let Some(within) = self.acknowledge_within {
            require_time("inbound.acknowledge_within", within, millisecond)?;
        }
        require_time("inbound.admit_timeout", self.admit_timeout, millisecond)?;
        require_time("inbound.outbox_keep", self.outbox_keep, Duration::from_secs(1))?;
        require(self.outbox_replies >= 1, "inbound.outbox_replies", "at least 1", self.outbox_replies)?;
        require(self.outbox_bytes >= 1024, "inbound.outbox_bytes", "at least 1,024", self.outbox_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_impossible_setting_is_named() {
        type Change = fn(&mut InboundSettings);
        InboundSettings::default().check().unwrap();
        let cases: [(&str, Change); 25] = [
            ("inbound.max_body_bytes", |s| s.max_body_bytes = 0),
            ("inbound.body_timeout", |s| s.body_timeout = Duration::ZERO),
            ("inbound.body_timeout", |s| s.body_timeout = Duration::MAX),
            ("inbound.json", |s| s.json.json_depth = 0),
            ("inbound.max_elements", |s| s.max_elements = 0),
            ("inbound.max_requests", |s| s.max_requests = 0),
            ("inbound.max_ephemeral", |s| s.max_ephemeral = 0),
            ("inbound.max_polls", |s| s.max_polls = 0),
            ("inbound.max_events", |s| s.max_events = 0),
            ("inbound.parallel", |s| s.parallel = 0),
            ("inbound.lease", |s| s.lease = Duration::ZERO),
            ("inbound.lease", |s| s.lease = Duration::MAX),
            ("inbound.clock_skew", |s| s.clock_skew = Duration::MAX),
            ("inbound.keep", |s| s.keep = s.lease),
            ("inbound.keep", |s| s.keep = Duration::MAX),
            ("inbound.verify_timeout", |s| s.verify_timeout = Duration::ZERO),
            ("inbound.verify_timeout", |s| s.verify_timeout = Duration::MAX),
            ("inbound.acknowledge_within", |s| s.acknowledge_within = Some(Duration::ZERO)),
            ("inbound.acknowledge_within", |s| s.acknowledge_within = Some(Duration::MAX)),
            ("inbound.admit_timeout", |s| s.admit_timeout = Duration::ZERO),
            ("inbound.admit_timeout", |s| s.admit_timeout = Duration::MAX),
            ("inbound.outbox_keep", |s| s.outbox_keep = Duration::ZERO),
            ("inbound.outbox_keep", |s| s.outbox_keep = Duration::MAX),
            ("inbound.outbox_replies", |s| s.outbox_replies = 0),
            ("inbound.outbox_bytes", |s| s.outbox_bytes = 1023),
        ];
        for (field, change) in cases {
            let mut settings = InboundSettings::default();
            change(&mut settings);
            let error = settings.check().expect_err(field);
            assert_eq!(error.context("field"), Some(field));
            assert!(error.context("rule").is_some(), "{field}");
        }
    }
}
