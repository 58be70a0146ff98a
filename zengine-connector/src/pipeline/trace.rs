//! Facts that the stages of one send collect for its log line.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use tracing::Span;

use super::clock::CallClock;
use crate::{
    error::{Reach, Scope},
    stage::breaker::State,
    store::OwnerToken,
    sync::Mutex,
    telemetry::{self, RecipientHmac},
};

/// The facts for a send's log lines. Costly ones are collected only if a subscriber accepts them.
#[derive(Debug)]
pub(crate) struct SendTrace {
    /// `zengine.send`, which every line of the send is in.
    span: Span,
    enabled: bool,
    /// Whether a task ends the send and reports it, because its caller went away (rule 31).
    handed_over: AtomicBool,
    facts: Mutex<TraceFacts>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct TraceFacts {
    /// Time spent waiting for other calls and processes with the same id, and for the limiter.
    pub(super) waited: Duration,
    /// The wait before the next attempt.
    pub(super) delay: Duration,
    pub(super) owner: Option<OwnerToken>,
    pub(super) recipient: Option<RecipientHmac>,
    pub(super) reach: Option<Reach>,
    /// The breaker's state when the last attempt asked for its permit, and the epoch of that state.
    pub(super) breaker: Option<(State, u64)>,
    /// The scope whose rate or pause put the call off.
    pub(super) limited_by: Option<Scope>,
    /// The tokens of the retry budget after its last change by this send.
    pub(super) budget_left: Option<u32>,
}

impl TraceFacts {
    pub(super) fn breaker(&self) -> (Option<&'static str>, Option<u64>) {
        self.breaker.map(|(state, epoch)| (state.as_str(), epoch)).unzip()
    }
}

impl SendTrace {
    pub(super) fn new(span: Span) -> Self {
        Self::resume(TraceFacts::default(), span)
    }

    /// The facts of a send that goes on without its caller.
    pub(super) fn resume(facts: TraceFacts, span: Span) -> Self {
        Self { span, enabled: telemetry::warn_enabled(), handed_over: AtomicBool::new(false), facts: Mutex::new(facts) }
    }

    pub(super) const fn span(&self) -> &Span {
        &self.span
    }

    pub(super) fn hand_over(&self) {
        self.handed_over.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_handed_over(&self) -> bool {
        self.handed_over.load(Ordering::Relaxed)
    }

    pub(super) const fn is_enabled(&self) -> bool {
        self.enabled
    }

    pub(super) fn with<T>(&self, use_facts: impl FnOnce(&mut TraceFacts) -> T) -> T {
        use_facts(&mut self.facts.lock())
    }

    /// Adds the time since `asked`, of the monotonic clock, to that of waiting for others.
    pub(super) fn waited_since(&self, asked: Duration, clock: &CallClock<'_>) {
        self.note(|facts| facts.waited += clock.monotonic().saturating_sub(asked));
    }

    /// Notes a fact, if a subscriber takes the line.
    #[inline]
    pub(super) fn note(&self, note: impl FnOnce(&mut TraceFacts)) {
        if self.enabled {
            self.with(note);
        }
    }
}
