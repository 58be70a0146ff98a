//! An event that a strategy raised, on its way to the handler.

use std::sync::Arc;

use super::{batch::Batch, plan::Plan, progress::Progress, route::Stamped};
use crate::{message::InboundEvent, orchestrator::Orchestrator};

/// The result of handing over a raised event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::orchestrator) enum HandOver {
    /// Stored by its handler, now or before, or kept as a dead letter.
    Done,
    /// To be handed over later: too much is under work, another process is at it, or a store or the tenant is not available.
    Later,
}

/// Hands an event to the handler, once per dedup key. No redelivery brings it: what its handler does not store becomes a dead letter.
pub(in crate::orchestrator) async fn hand_over(orchestrator: &Orchestrator, event: InboundEvent) -> HandOver {
    let (Ok(entry), Some(handler)) = (orchestrator.engine.registry.entry(event.strategy.as_str()), &orchestrator.inbound.handler) else {
        return HandOver::Later;
    };
    let Some(permit) = orchestrator.inbound.raised.permit() else { return HandOver::Later };
    let mut plan = Plan::default();
    plan.handle(Stamped { event: Box::new(event), reference: None, identity: None, life: None });
    let progress = Progress::acknowledged(plan.tasks, orchestrator.inbound.settings.max_events).with_ephemeral(plan.ephemeral);
    let batch = Arc::new(Batch::new(orchestrator, entry, handler, progress, permit));
    let _ = batch.start(plan.partitions).await;
    if batch.progress.at_the_end().unstored == 0 { HandOver::Done } else { HandOver::Later }
}
