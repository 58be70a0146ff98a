//! How a send ends.

use std::time::Duration;

use crate::{
    error::Error,
    ids::{FailureId, ProviderMessageId},
    message::{LossReport, Receipt},
};

/// How a send ended (rule 3). Total by design: a host decides on all four.
#[derive(Debug)]
#[must_use = "an outcome decides whether the queue message may go"]
pub enum Outcome {
    /// The provider accepted the message.
    Delivered(Delivered),
    /// Refused, or surely not sent. Already kept as a dead letter and announced.
    Failed(Failed),
    /// May have been delivered. Never sent again on its own; kept as a dead letter and announced.
    Unknown(Unknown),
    /// Not now: keep the message and come back.
    Deferred(Deferred),
}

impl Outcome {
    /// Delivered, Failed or Unknown: settled.
    pub fn is_terminal(&self) -> bool {
        !matches!(self, Self::Deferred(_))
    }

    /// Whether it is an earlier send's outcome.
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
    /// What the provider said.
    pub receipt: Receipt,
    /// It was an earlier send that the provider accepted; nothing was sent now.
    pub replayed: bool,
    /// Whether the record of it is stored. If not, sending the same id again may double the message (rule 26).
    pub dedup_recorded: bool,
    /// What degrading took away.
    pub loss: Option<LossReport>,
    /// Calls made to the provider by this send.
    pub attempts: u32,
}

impl Delivered {
    /// Accepted now and recorded. The pipeline makes it; for tests of a host, set the fields.
    pub fn new(receipt: Receipt) -> Self {
        Self { receipt, replayed: false, dedup_recorded: true, loss: None, attempts: 0 }
    }

    /// The provider's id of the message.
    pub fn provider_id(&self) -> Option<&ProviderMessageId> {
        self.receipt.provider_id()
    }
}

macro_rules! failure {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug)]
        #[non_exhaustive]
        pub struct $name {
            /// Why.
            pub error: Error,
            /// Names the dead letter and the event.
            pub failure_id: FailureId,
            /// It was an earlier send that ended so; nothing was sent now.
            pub replayed: bool,
            /// Calls made to the provider, by all who tried.
            pub attempts: u32,
        }

        impl $name {
            /// An end by an error. The pipeline makes it; for tests of a host, set the fields.
            pub fn new(error: Error, failure_id: FailureId) -> Self {
                Self { error, failure_id, replayed: false, attempts: 0 }
            }
        }
    };
}

failure! {
    /// Refused, or surely not sent.
    Failed
}

failure! {
    /// May have been delivered.
    Unknown
}

/// Not now.
#[derive(Debug)]
#[non_exhaustive]
pub struct Deferred {
    /// When to come back, from now.
    pub retry_after: Duration,
    /// Why.
    pub reason: DeferredReason,
    /// The last attempt's error, where there was one.
    pub error: Option<Error>,
}

impl Deferred {
    /// Put off for a reason, by a time from now. The pipeline makes it; for tests of a host, set the fields.
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

/// Why a send was put off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeferredReason {
    /// The breaker is open (rule 7).
    BreakerOpen,
    /// The provider asks for less traffic.
    Throttled,
    /// The provider is not available, and says to wait longer than a call is worth.
    Unavailable,
    /// Our own side is busy: limiter, bulkhead, session race.
    Busy,
    /// Another process sends the same message (rule 24).
    InProgress,
    /// Another process took the send over (rule 18).
    LeaseLost,
    /// A store does not answer; nothing was sent (rule 28).
    StoreUnavailable,
    /// Configuration or secrets do not resolve now (rule 85).
    BindFailed,
    /// Too little time is left for an attempt (rule 40).
    NoTimeLeft,
    /// The caller went away or the host shuts down.
    Cancelled,
    /// The provider must be asked first and could not be.
    LookupFailed,
}

impl DeferredReason {
    /// The reason in snake case, as logs have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BreakerOpen => "breaker_open",
            Self::Throttled => "throttled",
            Self::Unavailable => "unavailable",
            Self::Busy => "busy",
            Self::InProgress => "in_progress",
            Self::LeaseLost => "lease_lost",
            Self::StoreUnavailable => "store_unavailable",
            Self::BindFailed => "bind_failed",
            Self::NoTimeLeft => "no_time_left",
            Self::Cancelled => "cancelled",
            Self::LookupFailed => "lookup_failed",
        }
    }
}
