//! Outcomes of a send.

use std::time::Duration;

use serde::{Serialize, ser::SerializeStruct as _};

use crate::{
    error::{Error, Reach, Step},
    ids::{FailureId, ProviderMessageId},
    message::{LossReport, Receipt},
};

/// The outcome of a send (rule 3). Exhaustive by design: handle all four.
///
/// ```
/// use zengine_connector::Outcome;
///
/// /// Whether the queue message may be removed.
/// fn is_done(outcome: &Outcome) -> bool {
///     match outcome {
///         Outcome::Delivered(_) | Outcome::Failed(_) | Outcome::Unknown(_) => true,
///         Outcome::Deferred(_) => false,
///     }
/// }
/// ```
///
/// It serializes as the command prints it, with the kind in `outcome`. The receipt may hold personal data; the rest does not.
///
/// ```
/// use std::time::Duration;
/// use zengine_connector::{Deferred, Outcome, pipeline::DeferredReason};
///
/// let outcome = Outcome::Deferred(Deferred::new(DeferredReason::Busy, Duration::from_secs(5)));
/// assert_eq!(serde_json::to_string(&outcome)?, r#"{"outcome":"deferred","reason":"busy","retry_after_ms":5000}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
#[must_use = "the outcome decides whether the queue message may be removed"]
pub enum Outcome {
    /// The provider accepted the message. That is not yet its arrival at the recipient, which a later
    /// [`Status`](crate::message::Event::Status) event reports.
    Delivered(Delivered),
    /// The provider refused the message, or it was definitely not sent. Its dead letter is stored, unless it is ephemeral.
    Failed(Failed),
    /// The message may have been delivered. It is never sent again automatically. Its dead letter is stored, unless it is ephemeral.
    Unknown(Unknown),
    /// The send is postponed. Keep the message and send it again after `retry_after`.
    Deferred(Deferred),
}

impl Outcome {
    /// Returns `true` for Delivered, Failed and Unknown.
    pub fn is_terminal(&self) -> bool {
        !matches!(self, Self::Deferred(_))
    }

    /// Returns `true` if the provider accepted the message, now or earlier.
    pub fn is_delivered(&self) -> bool {
        matches!(self, Self::Delivered(_))
    }

    /// Returns `true` if this is the stored outcome of an earlier send.
    pub fn is_replayed(&self) -> bool {
        match self {
            Self::Delivered(end) => end.replayed,
            Self::Failed(end) => end.replayed,
            Self::Unknown(end) => end.replayed,
            Self::Deferred(_) => false,
        }
    }

    /// The outcome in snake case, as logs and records have it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Delivered(_) => "delivered",
            Self::Failed(_) => "failed",
            Self::Unknown(_) => "unknown",
            Self::Deferred(_) => "deferred",
        }
    }
}

/// The provider accepted the message.
#[derive(Debug)]
#[non_exhaustive]
pub struct Delivered {
    /// The provider's receipt.
    pub receipt: Receipt,
    /// An earlier send was accepted, and this one sent nothing.
    pub replayed: bool,
    /// Whether the send's record is stored. If not, sending the same id again may deliver the message twice (rule 26). `false`, and not
    /// in JSON, for an ephemeral message, which has no record.
    pub dedup_recorded: bool,
    /// The message is [ephemeral](crate::message::Class::Ephemeral): its sends are not recorded, so the same id is sent each time.
    pub ephemeral: bool,
    /// Losses from degradation, if any.
    pub loss: Option<LossReport>,
    /// Provider calls made for this send, by all its owners.
    pub attempts: u32,
}

impl Serialize for Delivered {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { receipt, replayed, dedup_recorded, ephemeral, loss, attempts } = self;
        let mut object = serializer.serialize_struct("Delivered", 4 + usize::from(loss.is_some()))?;
        object.serialize_field("receipt", receipt)?;
        object.serialize_field("replayed", replayed)?;
        if *ephemeral {
            object.serialize_field("ephemeral", ephemeral)?;
        } else {
            object.serialize_field("dedup_recorded", dedup_recorded)?;
        }
        if let Some(loss) = loss {
            object.serialize_field("loss", loss)?;
        }
        object.serialize_field("attempts", attempts)?;
        object.end()
    }
}

impl Delivered {
    /// A message accepted now and recorded. The pipeline makes these; in a host's tests, set the fields.
    pub fn new(receipt: Receipt) -> Self {
        Self { receipt, replayed: false, dedup_recorded: true, ephemeral: false, loss: None, attempts: 0 }
    }

    /// The provider's id of the message.
    pub fn provider_id(&self) -> Option<&ProviderMessageId> {
        self.receipt.provider_id()
    }
}

fn without_ids<S: serde::Serializer>(steps: &[Step], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(steps.iter().map(Step::without_id))
}

macro_rules! failure {
    ($(#[$doc:meta])* $name:ident, $reach:ident) => {
        $(#[$doc])*
        #[derive(Debug, Serialize)]
        #[non_exhaustive]
        pub struct $name {
            /// The error that ended the send.
            pub error: Error,
            /// How far the last attempt got.
            pub reach: Reach,
            /// The calls of the attempt that ended the send, if it made several. Their ids, which may name a person and are not in the JSON
            /// form, only if this call made the attempt: else they are in the dead letter
            /// ([`DeadLetter::steps`](crate::store::DeadLetter::steps)).
            #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "without_ids")]
            pub steps: Vec<Step>,
            /// Id of the dead letter and of the event.
            pub failure_id: FailureId,
            /// An earlier send ended this way, and this one sent nothing.
            pub replayed: bool,
            /// The message is [ephemeral](crate::message::Class::Ephemeral): there is neither a dead letter nor an event.
            #[serde(skip_serializing_if = "std::ops::Not::not")]
            pub ephemeral: bool,
            /// Provider calls made for this send, by all its owners.
            pub attempts: u32,
        }

        impl $name {
            /// A send ended by this error. The pipeline makes these; in a host's tests, set the fields.
            pub fn new(error: Error, failure_id: FailureId) -> Self {
                Self { error, reach: Reach::$reach, steps: vec![], failure_id, replayed: false, ephemeral: false, attempts: 0 }
            }
        }
    };
}

failure! {
    /// The provider refused the message, or it was definitely not sent.
    Failed, NotSent
}

failure! {
    /// The message may have been delivered.
    Unknown, Maybe
}

/// The send is postponed.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct Deferred {
    /// The reason.
    pub reason: DeferredReason,
    /// Time from now until the send should be tried again; in JSON, milliseconds.
    #[serde(rename = "retry_after_ms", serialize_with = "crate::error::as_ms")]
    pub retry_after: Duration,
    /// The last attempt's error, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Error>,
}

impl Deferred {
    /// A send postponed for a reason, to be tried again after `retry_after`. The pipeline makes these; in a host's tests, set
    /// the fields.
    pub fn new(reason: DeferredReason, retry_after: Duration) -> Self {
        Self { retry_after, reason, error: None }
    }

    /// Adds the last attempt's error.
    #[must_use = "returns the end with the error"]
    pub fn with_error(mut self, error: Error) -> Self {
        self.error = Some(error);
        self
    }
}

words! {
    /// The reason for which a send was postponed.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
    #[non_exhaustive]
    pub enum DeferredReason {
        /// The breaker is open (rule 7).
        BreakerOpen = "breaker_open",
        /// The provider limits the rate: it refused the call, or a scope of the call is paused (rule 45).
        Throttled = "throttled",
        /// A rate that the strategy declares has no turn for the call within `limits.max_wait` or the time left.
        RateLimited = "rate_limited",
        /// The provider is unavailable, and the wait before the next attempt is longer than `max_wait`.
        Unavailable = "unavailable",
        /// This process is at a limit of its own: the bulkhead is full, or a session was changed concurrently.
        Busy = "busy",
        /// Another caller is sending the same message (rule 24).
        InProgress = "in_progress",
        /// Another process took over the send (rule 18).
        LeaseLost = "lease_lost",
        /// A store does not answer (rule 28).
        StoreUnavailable = "store_unavailable",
        /// The tenant's configuration or secrets cannot be resolved at present (rule 85).
        BindFailed = "bind_failed",
        /// The time left is too short for another attempt (rule 40).
        NoTimeLeft = "no_time_left",
        /// The host shuts down, or the strategy cancelled the attempt.
        Cancelled = "cancelled",
        /// The send must be looked up at the provider first; that failed, or the provider does not show the message yet.
        LookupFailed = "lookup_failed",
    }
}
