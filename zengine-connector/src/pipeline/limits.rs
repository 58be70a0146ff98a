//! The limiter stage: a call's turn, and the pauses that answers set (rules 45 and 83).

use std::time::Duration;

use super::{ended::NotAdmitted, job::SendJob, outcome::DeferredReason};
use crate::{
    error::{Fault, Scope, SendError},
    stage::{LimiterAnswer, Refusal, Reservation, Scopes, backoff},
    telemetry::{Dimensions, MetricName},
};

/// How a call waits for its turn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// It waits for its turn, up to `limits.max_wait` and within the caller's time.
    waits: bool,
    /// The send was throttled, and waits through pauses; others are put off (rule 45).
    owns_pause: bool,
    /// The call has its tokens: it is held back by pauses only.
    has_turn: bool,
    /// The time that it waited already.
    waited: Duration,
}

/// The tokens of a call until it is made; none if it has no rates.
pub(super) type Tokens<'a> = Option<Box<Reservation<'a>>>;

/// The turn of a call.
pub(super) enum Turn<'a> {
    Now(Tokens<'a>),
    /// It is still to come.
    In(Duration, Box<Reservation<'a>>),
}

impl Patience {
    /// A call that is dropped if it has to wait.
    pub(super) const NONE: Self = Self { waits: false, owns_pause: false, has_turn: false, waited: Duration::ZERO };

    /// A call that waits within the caller's time.
    pub(super) fn new(owns_pause: bool) -> Self {
        Self { waits: true, owns_pause, has_turn: false, waited: Duration::ZERO }
    }

    /// The call uses the turn of a look-up before it.
    pub(super) fn with_turn(self, has_turn: bool) -> Self {
        Self { has_turn, ..self }
    }

    fn longest(self, job: &SendJob<'_>) -> Duration {
        let settings = job.settings();
        let left = job.clock().remaining().saturating_sub(settings.retry.min_attempt);
        if self.waits { settings.limits.max_wait.saturating_sub(self.waited).min(left) } else { Duration::ZERO }
    }
}

/// Takes the call's turn.
pub(super) fn enter<'a>(job: &'a SendJob<'_>, patience: Patience) -> Result<Turn<'a>, NotAdmitted> {
    let (limiter, now) = (&*job.stages().limiter, job.clock().monotonic());
    let mut scopes = Scopes::default();
    declare(job, &mut scopes)?;
    if patience.has_turn {
        scopes.without_rates();
    }
    if limiter.has_pauses(now) {
        complete(job, &mut scopes)?;
    } else if scopes.is_empty() {
        return Ok(Turn::Now(None));
    }
    match limiter.enter(&scopes, now, patience.longest(job), patience.owns_pause) {
        LimiterAnswer::Now(tokens) => Ok(Turn::Now(tokens)),
        LimiterAnswer::In(time, tokens) => Ok(Turn::In(time, tokens)),
        LimiterAnswer::Refused(refusal) => Err(refused(job, refusal)),
    }
}

/// Waits for the turn, within `limits.max_wait` in all. If a pause begins meanwhile, its owner takes a turn anew after it, and another is
/// put off (rule 45). The call holds neither a permit of the breaker nor one of the bulkhead.
pub(super) async fn wait<'a>(
    job: &'a SendJob<'_>,
    mut patience: Patience,
    (mut time, mut tokens): (Duration, Box<Reservation<'a>>),
) -> Result<Tokens<'a>, NotAdmitted> {
    loop {
        job.call.trace.note(|facts| facts.waited += time);
        patience.waited += time;
        if !job.pause(time).await {
            return Err(NotAdmitted(DeferredReason::Cancelled, Duration::from_secs(1)));
        }
        if let Turn::Now(_) = enter(job, patience.with_turn(true))? {
            return Ok(Some(tokens));
        }
        drop(tokens);
        match enter(job, patience)? {
            Turn::Now(tokens) => return Ok(tokens),
            Turn::In(next, of_next) => (time, tokens) = (next, of_next),
        }
    }
}

/// The call is made: its tokens are not given back.
pub(super) fn use_up(tokens: Tokens<'_>) {
    if let Some(tokens) = tokens {
        tokens.use_up();
    }
}

/// Tells the limiter how a call ended. A throttled answer that names a scope pauses it; the error then asks for at least that wait.
pub(super) fn answered(job: &SendJob<'_>, error: Option<&mut SendError>) {
    let (limiter, now) = (&*job.stages().limiter, job.clock().monotonic());
    let Some(error) = error else {
        if limiter.may_grow(now) {
            let mut scopes = Scopes::default();
            if declare(job, &mut scopes).and_then(|()| complete(job, &mut scopes)).is_ok() {
                limiter.accepted(&scopes, now);
            }
        }
        return;
    };
    let Some(scope) = error.scope().filter(|_| error.fault() == Fault::Throttled) else { return };
    let mut scopes = Scopes::default();
    if declare(job, &mut scopes).and_then(|()| complete(job, &mut scopes)).is_err() {
        return;
    }
    let (pause, begins) = limiter.pause(&scopes, scope, error.retry_after(), error.longest_pause(), now);
    error.lengthen(pause);
    // The pause of a recipient shows in the attempt's line.
    if begins && scope != Scope::Recipient {
        let (tenant_id, strategy, pause_ms) = (job.tenant().as_str(), job.entry.name.as_str(), crate::runtime::ms(pause));
        tracing::warn!(tenant_id, strategy, scope = scope.as_str(), pause_ms, "limiter.paused");
    }
}

/// The scopes that the strategy declares.
fn declare(job: &SendJob<'_>, scopes: &mut Scopes) -> Result<(), NotAdmitted> {
    // A strategy whose scopes are not known is not let through without a limit.
    let unknown = NotAdmitted(DeferredReason::Busy, Duration::from_secs(30));
    job.outbound.scopes(job.state(), job.message(), scopes).map_err(|_| unknown)?;
    if scopes.overflows() {
        tracing::error!(strategy = job.entry.name.as_str(), limit = Scopes::MAX, "limiter.too_many_scopes");
        return Err(unknown);
    }
    Ok(())
}

/// Adds those that every call has.
fn complete(job: &SendJob<'_>, scopes: &mut Scopes) -> Result<(), NotAdmitted> {
    let completed = job.outbound.complete_scopes(job.message(), scopes);
    completed.map_err(|_| NotAdmitted(DeferredReason::Busy, Duration::from_secs(30)))
}

/// Puts a call off, up to 20 % later than its turn, so that those put off do not return all at once.
fn refused(job: &SendJob<'_>, Refusal { scope, paused, wait }: Refusal) -> NotAdmitted {
    let (tenant, strategy) = (Some(job.tenant()), Some(job.entry.name.as_str()));
    job.engine().observers.count(MetricName::RateLimited, 1, Dimensions { tenant, strategy, ..Dimensions::default() });
    job.call.trace.note(|facts| facts.limited_by = Some(scope));
    let reason = if paused { DeferredReason::Throttled } else { DeferredReason::RateLimited };
    NotAdmitted(reason, backoff::scale(wait, 1.0 + 0.2 * job.engine().rng.unit()).max(Duration::from_millis(100)))
}
