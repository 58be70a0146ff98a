//! What a pretended provider answers.

use std::{fmt, sync::Arc, time::Duration};

use crate::{
    error::{ErrorKind, Reach, SendError},
    message::Receipt,
};

/// What a pretended provider does with one call.
#[derive(Clone)]
#[non_exhaustive]
pub enum Answer {
    /// Takes the message.
    Accept,
    /// Takes the message and says more about it.
    AcceptWith(Arc<dyn Fn(Receipt) -> Receipt + Send + Sync>),
    /// Takes the message after this time.
    Slow(Duration),
    /// Does not take it and answers with an error.
    Refuse(Arc<dyn Fn() -> SendError + Send + Sync>),
    /// Does not take it and never answers.
    Hang,
    /// Takes it and never answers.
    AcceptThenHang,
    /// Takes it and answers with an error all the same.
    AcceptThen(Arc<dyn Fn() -> SendError + Send + Sync>),
    /// Breaks the strategy.
    Panic,
}

impl Answer {
    /// An error of a kind that got so far.
    pub fn error(kind: ErrorKind, reach: Reach) -> Self {
        Self::Refuse(Arc::new(move || SendError::of(kind, "the pretended provider refuses").code("refused").reach(reach)))
    }

    /// Less traffic, please; come back after this time.
    pub fn throttle(retry_after: Duration) -> Self {
        Self::Refuse(Arc::new(move || {
            SendError::throttled("the pretended provider is busy").code("throttled").retry_after(retry_after).not_sent()
        }))
    }

    /// No connection.
    pub fn unreachable() -> Self {
        Self::error(ErrorKind::Unavailable, Reach::NotSent)
    }

    /// A failure of which nobody knows how far the message got; it was not taken.
    pub fn broken() -> Self {
        Self::error(ErrorKind::Unavailable, Reach::Maybe)
    }

    /// A failure of which nobody knows how far the message got; it was taken.
    pub fn accept_then_break() -> Self {
        Self::AcceptThen(Arc::new(|| SendError::provider("the connection broke").maybe()))
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Accept => "Accept",
            Self::AcceptWith(_) => "AcceptWith",
            Self::Slow(_) => "Slow",
            Self::Refuse(_) => "Refuse",
            Self::Hang => "Hang",
            Self::AcceptThenHang => "AcceptThenHang",
            Self::AcceptThen(_) => "AcceptThen",
            Self::Panic => "Panic",
        })
    }
}
