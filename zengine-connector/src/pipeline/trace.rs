//! Facts that the stages of one send collect for its log line.

use std::time::Duration;

use crate::{
    error::{Error, Reach},
    stage::breaker::State,
    store::OwnerToken,
    sync::Mutex,
    telemetry::{self, RecipientHmac},
};

/// The facts for a send's log lines. Costly ones are collected only if a subscriber accepts them.
#[derive(Debug)]
pub(crate) struct SendTrace {
    enabled: bool,
    facts: Mutex<TraceFacts>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct TraceFacts {
    pub(super) waited: Duration,
    pub(super) delay: Duration,
    pub(super) owner: Option<OwnerToken>,
    pub(super) recipient: Option<RecipientHmac>,
    pub(super) reach: Option<Reach>,
    breaker: Option<(State, u64)>,
}

impl TraceFacts {
    pub(super) fn breaker(&self) -> (Option<&'static str>, Option<u64>) {
        self.breaker.map(|(state, epoch)| (state.as_str(), epoch)).unzip()
    }
}

impl SendTrace {
    pub(super) fn new() -> Self {
        Self { enabled: telemetry::info_enabled(), facts: Mutex::default() }
    }

    pub(super) const fn is_enabled(&self) -> bool {
        self.enabled
    }

    pub(super) fn with<T>(&self, use_facts: impl FnOnce(&mut TraceFacts) -> T) -> T {
        use_facts(&mut self.facts.lock())
    }

    pub(super) fn recipient(&self, hash: impl FnOnce() -> Result<Option<RecipientHmac>, Error>) -> Result<(), Error> {
        if self.enabled {
            let recipient = hash()?;
            self.facts.lock().recipient = recipient;
        }
        Ok(())
    }

    #[inline]
    pub(super) fn owner(&self, token: OwnerToken) {
        if self.enabled {
            self.facts.lock().owner = Some(token);
        }
    }

    #[inline]
    pub(super) fn waited(&self, time: Duration) {
        if self.enabled {
            self.facts.lock().waited = time;
        }
    }

    /// Sets the breaker's state at the request for a permit.
    #[inline]
    pub(super) fn breaker(&self, state: impl FnOnce() -> (State, u64)) {
        if self.enabled {
            self.facts.lock().breaker = Some(state());
        }
    }

    /// Sets the wait before the next attempt.
    pub(super) fn delay(&self, wait: Duration) {
        self.facts.lock().delay = wait;
    }
}
