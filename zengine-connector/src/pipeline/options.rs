//! Options of one send and of one redrive.

use std::time::{Duration, SystemTime};

use crate::{ids::CorrelationId, message::Degrade};

/// Default time for a send.
pub(super) const DEFAULT_TIME: Duration = Duration::from_secs(60);

/// Options of one send.
///
/// ```
/// use std::time::Duration;
/// use zengine_connector::{SendOptions, message::Degrade};
///
/// let options = SendOptions::new().within(Duration::from_secs(20)).degrade(Degrade::Text);
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "pass them to a send"]
#[non_exhaustive]
pub struct SendOptions {
    /// Maximum time for the send. `None` means 60 seconds.
    pub time: Option<Duration>,
    /// Time at which the message was first due. Once it is older than the `max_age` setting, the send fails as expired (rule 8).
    /// Defaults to the time of the first claim.
    pub created_at: Option<SystemTime>,
    /// Correlation id for log lines.
    pub correlation_id: Option<CorrelationId>,
    /// W3C `traceparent` to continue.
    pub traceparent: Option<String>,
    /// Handling of content that the channel cannot show.
    pub degrade: Degrade,
}

impl SendOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
        /// Sets the maximum time for the send. Give it several seconds: an attempt starts only while more than
        /// [`min_attempt`](crate::stage::Retry::min_attempt) (1 second) of it remains, so a send within that or less never makes one and
        /// is Deferred as [`NoTimeLeft`](super::DeferredReason::NoTimeLeft) (rule 40).
        within(time: Duration) => time = Some(time);
        /// Sets the time at which the message was first due.
        created_at(time: SystemTime) => created_at = Some(time);
        /// Sets the correlation id for log lines.
        correlation_id(id: CorrelationId) => correlation_id = Some(id);
        /// Sets the W3C `traceparent` to continue.
        traceparent(text: impl Into<String>) => traceparent = Some(text.into());
        /// Sets the handling of content that the channel cannot show. Defaults to [`Degrade::Refuse`].
        degrade(how: Degrade) => degrade = how;
    }
}

/// Options of one redrive.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct RedriveOptions {
    /// Send the message even if it may have arrived and the provider offers no protection against a duplicate (rule 71), or if the
    /// provider refused it for good (rule 34). Defaults to `false`; use is logged.
    pub force: bool,
    /// Reason for the use of force, for the log.
    pub reason: Option<String>,
    /// Maximum time for the send. `None` means 60 seconds.
    pub time: Option<Duration>,
    /// Handling of content that the channel cannot show.
    pub degrade: Degrade,
}

impl RedriveOptions {
    /// Options for a redrive without force.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends the message even if it may have arrived or was refused for good. Logs `reason`.
    #[must_use = "returns the options with the choice"]
    pub fn force(mut self, reason: impl Into<String>) -> Self {
        (self.force, self.reason) = (true, Some(reason.into()));
        self
    }
}
