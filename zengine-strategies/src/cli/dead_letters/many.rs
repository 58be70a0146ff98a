//! The redrive of several letters.

use clap::builder::TypedValueParser;
use serde::Serialize;
use zengine_connector::store::{DeadLetter, DeadLetterStore, LetterDirection};
use zengine_connector::{ClientMessageId, Error, ErrorKind, FailureId, Outcome, StrategyName, TenantId};

use super::letter::page;
use super::redrive::{Arguments, Redrive, sent};
use crate::cli::exit::{Exit, Failure};
use crate::cli::host::Host;
use crate::cli::output::{self, Out};
use crate::cli::progress;
use crate::cli::send::{Report, report_outcome};

/// Most letters of one call.
const MOST: u64 = 10_000;

pub(super) fn limits() -> impl TypedValueParser<Value = usize> {
    clap::value_parser!(u64).range(1..=MOST).try_map(usize::try_from)
}

/// A letter to redrive, without its content.
pub(super) struct Chosen {
    failure_id: FailureId,
    tenant: TenantId,
    strategy: StrategyName,
    client_message_id: ClientMessageId,
}

impl Chosen {
    pub(super) fn of(letter: &DeadLetter) -> Result<Self, Failure> {
        Ok(Self {
            failure_id: letter.failure_id.clone(),
            tenant: letter.tenant.clone(),
            strategy: letter.strategy.clone(),
            client_message_id: sent(letter)?.clone(),
        })
    }
}

/// The letters that the arguments choose, before any of them is redriven: one that fails again has a new letter.
pub(super) async fn choose(letters: &dyn DeadLetterStore, arguments: &Arguments) -> Result<Vec<Chosen>, Failure> {
    let wants = |letter: &DeadLetter| {
        letter.direction == LetterDirection::Outbound
            && letter.redrivable
            && arguments.tenant.as_ref().is_none_or(|tenant| *tenant == letter.tenant)
            && arguments.strategy.as_ref().is_none_or(|strategy| *strategy == letter.strategy)
            && arguments.outcome.as_ref().is_none_or(|outcome| *outcome == letter.outcome)
    };
    let (mut chosen, mut after) = (vec![], None::<FailureId>);
    loop {
        let (found, next) = page(letters, after.as_ref()).await?;
        for letter in found.iter().filter(|letter| wants(letter)) {
            if chosen.len() == arguments.limit {
                output::note(&format!("there are more letters: the first {} are redriven", arguments.limit));
                return Ok(chosen);
            }
            chosen.push(Chosen::of(letter)?);
        }
        after = next;
        if after.is_none() {
            return Ok(chosen);
        }
    }
}

/// The strategy of all letters. The file is that of one, and of one tenant: its account must not send another tenant's messages.
pub(super) fn strategy_of(chosen: &[Chosen]) -> Result<Option<StrategyName>, Failure> {
    let Some(first) = chosen.first() else { return Ok(None) };
    let mixed = |one: &str, two: &str, choose| {
        Err(Failure::invalid(format!("there are letters of {one} and of {two}: a file is of one, choose with {choose}")))
    };
    if let Some(other) = chosen.iter().find(|letter| letter.strategy != first.strategy) {
        return mixed(first.strategy.as_str(), other.strategy.as_str(), "--strategy");
    }
    if let Some(other) = chosen.iter().find(|letter| letter.tenant != first.tenant) {
        return mixed(first.tenant.as_str(), other.tenant.as_str(), "--tenant");
    }
    Ok(Some(first.strategy.clone()))
}

/// A letter that was redriven.
#[derive(Serialize)]
struct Redriven<'a> {
    letter: &'a FailureId,
    #[serde(flatten)]
    report: Report<'a>,
}

/// A letter for which nothing was sent.
#[derive(Serialize)]
struct Refused<'a> {
    letter: &'a FailureId,
    strategy: &'a str,
    tenant: &'a TenantId,
    client_message_id: &'a ClientMessageId,
    error: &'a Error,
}

/// Redrives the letters of one tenant one after the other. The exit code is that of the worst end.
pub(super) async fn run(redrive: &Redrive<'_>, chosen: Vec<Chosen>, out: &mut Out) -> Result<Exit, Failure> {
    let Some(Chosen { tenant, .. }) = chosen.first() else { return Ok(Exit::Done) };
    let host = redrive.host(tenant).await?;
    let mut ends = Ends::default();
    let printed = each(redrive, &host, &chosen, &mut ends, out).await;
    // Also if the output broke in the middle.
    output::note(&ends.told());
    printed.map(|()| ends.exit())
}

async fn each(redrive: &Redrive<'_>, host: &Host<'_>, chosen: &[Chosen], ends: &mut Ends, out: &mut Out) -> Result<(), Failure> {
    for Chosen { failure_id, client_message_id, tenant, .. } in chosen {
        let redriven = host.orchestrator.redrive(failure_id, redrive.options().clone());
        match progress::during("sending", redriven).await {
            Ok(outcome) => {
                ends.count(&outcome);
                let report = Report::of(redrive.strategy(), tenant, client_message_id, &outcome, redrive.letters()).await;
                out.json(&Redriven { letter: failure_id, report })?;
                report_outcome(&outcome);
            }
            Err(error) => {
                ends.refuse(&error);
                out.json(&Refused { letter: failure_id, strategy: redrive.strategy(), tenant, client_message_id, error: &error })?;
                output::error(&format!("{failure_id}: {error}"));
            }
        }
    }
    Ok(())
}

/// How the redrives of one call ended.
#[derive(Default)]
struct Ends {
    delivered: usize,
    failed: usize,
    unknown: usize,
    deferred: usize,
    refused: usize,
    /// The code of the worst refusal.
    refusal: Option<Exit>,
}

impl Ends {
    fn count(&mut self, outcome: &Outcome) {
        *match outcome {
            Outcome::Delivered(_) => &mut self.delivered,
            Outcome::Failed(_) => &mut self.failed,
            Outcome::Unknown(_) => &mut self.unknown,
            Outcome::Deferred(_) => &mut self.deferred,
        } += 1;
    }

    fn refuse(&mut self, error: &Error) {
        // The send ended, perhaps after the provider had it, and only its letter is lost.
        if error.kind() == ErrorKind::DeadLetterFailed {
            self.unknown += 1;
            return;
        }
        self.refused += 1;
        let exit = Exit::of_refusal(error);
        let rank = |exit| match exit {
            Exit::Broken => 2,
            Exit::Invalid => 1,
            _ => 0,
        };
        if self.refusal.is_none_or(|worst| rank(worst) < rank(exit)) {
            self.refusal = Some(exit);
        }
    }

    fn told(&self) -> String {
        let Self { delivered, failed, unknown, deferred, refused, .. } = self;
        let all = delivered + failed + unknown + deferred + refused;
        format!("{all} letters: {delivered} delivered, {failed} failed, {unknown} unknown, {deferred} deferred, {refused} not sent")
    }

    fn exit(&self) -> Exit {
        match self {
            Self { unknown: 1.., .. } => Exit::Unknown,
            Self { failed: 1.., .. } => Exit::Failed,
            Self { refusal: Some(exit @ (Exit::Broken | Exit::Invalid)), .. } => *exit,
            Self { deferred: 1.., .. } => Exit::Deferred,
            Self { refusal: Some(exit), .. } => *exit,
            _ => Exit::Done,
        }
    }
}
