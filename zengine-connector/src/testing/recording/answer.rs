//! The answers of a simulated provider.

use std::{fmt, sync::Arc, time::Duration};

use crate::{
    error::{ErrorKind, Reach, Scope, SendError},
    message::Receipt,
};

/// The behaviour of the simulated provider for one call to [`Recording`](super::Recording).
#[derive(Clone)]
#[non_exhaustive]
pub enum ProviderAnswer {
    /// Accepts the message.
    Accept,
    /// Accepts the message with a changed receipt.
    AcceptWith(Arc<dyn Fn(Receipt) -> Receipt + Send + Sync>),
    /// Accepts the message after this time.
    Slow(Duration),
    /// Refuses the message with an error.
    Refuse(Arc<dyn Fn() -> SendError + Send + Sync>),
    /// Never answers; the message is not accepted.
    Hang,
    /// Never answers; the message is accepted.
    AcceptThenHang,
    /// Never answers; the message is accepted after this time, whether or not the caller still waits.
    AcceptLate(Duration),
    /// Accepts the message and answers with an error.
    AcceptThen(Arc<dyn Fn() -> SendError + Send + Sync>),
    /// Panics inside the strategy.
    Panic,
}

impl ProviderAnswer {
    /// Refuses with an error of this kind and reach.
    pub fn error(kind: ErrorKind, reach: Reach) -> Self {
        Self::Refuse(Arc::new(move || SendError::of(kind, "the simulated provider refuses").code("refused").reach(reach)))
    }

    /// Refuses as throttled, with a time to retry after.
    pub fn throttle(retry_after: Duration) -> Self {
        Self::Refuse(Arc::new(move || {
            SendError::throttled("the simulated provider is busy").code("throttled").retry_after(retry_after).not_sent()
        }))
    }

    /// Refuses as throttled, and names the scope that is to pause.
    pub fn throttle_scope(scope: Scope, retry_after: Duration) -> Self {
        Self::Refuse(Arc::new(move || {
            SendError::throttled("the simulated provider is busy").code("throttled").scope(scope).retry_after(retry_after).not_sent()
        }))
    }

    /// Fails to connect.
    pub fn unreachable() -> Self {
        Self::error(ErrorKind::Unavailable, Reach::NotSent)
    }

    /// Fails with [`Reach::Maybe`]; the message is not accepted.
    pub fn broken() -> Self {
        Self::error(ErrorKind::Unavailable, Reach::Maybe)
    }

    /// Fails with [`Reach::Maybe`]; the message is accepted.
    pub fn accept_then_break() -> Self {
        Self::AcceptThen(Arc::new(|| SendError::provider("the connection broke").maybe()))
    }
}

impl fmt::Debug for ProviderAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Accept => "Accept",
            Self::AcceptWith(_) => "AcceptWith",
            Self::Slow(_) => "Slow",
            Self::Refuse(_) => "Refuse",
            Self::Hang => "Hang",
            Self::AcceptThenHang => "AcceptThenHang",
            Self::AcceptLate(_) => "AcceptLate",
            Self::AcceptThen(_) => "AcceptThen",
            Self::Panic => "Panic",
        })
    }
}
