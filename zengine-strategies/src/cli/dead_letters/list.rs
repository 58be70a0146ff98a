//! `zengine dead-letters list`.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use zengine_connector::store::{DeadLetter, LetterDirection};
use zengine_connector::{FailureId, StrategyName, TenantId};

use super::StoreArgument;
use super::letter::{DeadLetterLine, page};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Out;
use crate::cli::strategy::Strategies;

/// List dead letters, one JSON line each, in order of their ids
///
/// Without their content; `dead-letters show --message` shows that one letter at a time.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    store: StoreArgument,
    /// Only letters of this tenant
    #[arg(long)]
    tenant: Option<TenantId>,
    /// Only letters of this strategy, by its registered name
    #[arg(long, value_name = "NAME")]
    strategy: Option<StrategyName>,
    /// Only outbound messages, or only inbound events
    #[arg(long, value_name = "WAY", value_parser = directions())]
    direction: Option<LetterDirection>,
    /// Only letters that can be redriven
    #[arg(long)]
    redrivable: bool,
    /// Only letters after this id
    #[arg(long, value_name = "ID")]
    after: Option<FailureId>,
    /// Maximum number of letters
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

fn directions() -> impl TypedValueParser<Value = LetterDirection> {
    PossibleValuesParser::new(["outbound", "inbound"])
        .map(|way| if way == "outbound" { LetterDirection::Outbound } else { LetterDirection::Inbound })
}

impl Arguments {
    fn wants(&self, letter: &DeadLetter) -> bool {
        self.tenant.as_ref().is_none_or(|tenant| *tenant == letter.tenant)
            && self.strategy.as_ref().is_none_or(|strategy| *strategy == letter.strategy)
            && self.direction.is_none_or(|direction| direction == letter.direction)
            && (!self.redrivable || letter.redrivable)
    }
}

pub(super) async fn run(arguments: &Arguments, strategies: &Strategies, out: &mut Out) -> Result<Exit, Failure> {
    let letters = arguments.store.reading()?.dead_letters();
    let mut left = arguments.limit.unwrap_or(usize::MAX);
    let mut after = arguments.after.clone();
    while left > 0 {
        let (found, next) = page(&*letters, after.as_ref()).await?;
        for letter in found.iter().filter(|letter| arguments.wants(letter)).take(left) {
            out.json(&DeadLetterLine::of(letter, strategies)?)?;
            left -= 1;
        }
        after = next;
        if after.is_none() {
            break;
        }
    }
    Ok(Exit::Done)
}
