//! What a status says about a send of ours (rule 27).

use std::sync::Arc;

use crate::{
    error::{Error, Reach},
    ids::{ClientMessageId, FailureId, StrategyName, TenantId},
    message::{Event, InboundEvent, Status},
    orchestrator::Core,
    store::{ClaimKey, ClaimOp, ClaimRecord, ClaimStatus, DomainEvent, Effects, Evidence, OutboundFailed},
    strategy::{ParsedKey, ProviderKey},
};

/// How long a settled record lives (rule 29), in seconds.
const TTL_S: i64 = 86_400;

/// Reads the send that a status is about from the key that the provider echoes, names it in the event, and tells its
/// record. Keys of other tenants and of other people are left alone.
pub(super) async fn apply(core: &Arc<Core>, event: &mut InboundEvent, reference: Option<&ProviderKey>) -> Result<(), Error> {
    let Some(reference) = reference else { return Ok(()) };
    let (tenant, strategy) = (event.tenant.clone(), event.strategy.clone());
    let Event::Status(status) = &mut event.event else { return Ok(()) };
    let Some((id, generation)) = resolve(core, &tenant, &strategy, reference).await? else { return Ok(()) };
    status.client_message_id = Some(id.clone());
    let at_ms = status.at_ms.or(event.occurred_at_ms).unwrap_or(event.received_at_ms);
    tell(core, (&tenant, &strategy, &id), generation, status, at_ms).await
}

/// Names the send that a status is about, and tells nobody.
pub(super) async fn name(core: &Core, event: &mut InboundEvent, reference: Option<&ProviderKey>) {
    let (Some(reference), Event::Status(status)) = (reference, &mut event.event) else { return };
    // A store that does not answer leaves the name away; the event is shown all the same.
    if let Ok(Some((id, _))) = resolve(core, &event.tenant, &event.strategy, reference).await {
        status.client_message_id = Some(id);
    }
}

async fn resolve(
    core: &Core,
    tenant: &TenantId,
    strategy: &StrategyName,
    reference: &ProviderKey,
) -> Result<Option<(ClientMessageId, u32)>, Error> {
    let (id, generation) = match reference.parse(tenant, strategy) {
        None => return Ok(None),
        Some(ParsedKey::Direct { generation, client_message_id }) => (client_message_id, generation),
        Some(ParsedKey::Hashed { generation, hash }) => match core.claims.reference(&hash, core.now_ms()).await? {
            Some(found) if found.tenant == *tenant && found.strategy == *strategy => (found.client_message_id, generation),
            _ => return Ok(None),
        },
    };
    // Whatever an echo holds, only a key that we would have made ourselves names a send.
    let ours = ProviderKey::derive(tenant, strategy, &id, generation) == *reference;
    Ok(ours.then_some((id, generation)))
}

async fn tell(
    core: &Arc<Core>,
    (tenant, strategy, id): (&TenantId, &StrategyName, &ClientMessageId),
    generation: u32,
    status: &Status,
    at_ms: i64,
) -> Result<(), Error> {
    let key = ClaimKey::outbound(tenant, strategy, id);
    // News of an earlier generation says nothing about the one under way.
    match core.claims.get(&key).await? {
        Some(record) if record.key_generation == generation => {}
        _ => return Ok(()),
    }
    let provider_id = (!status.target.is_empty()).then(|| status.target.clone());
    let told = ClaimOp::Tell { evidence: Evidence::new(status.state, at_ms, provider_id), ttl_s: TTL_S };
    match core.claims.apply(&key, &told, core.now_ms()).await?.record {
        Some(record) if record.effects_pending.settled => announce(core, (tenant, strategy, id), status, &key, &record).await,
        _ => Ok(()),
    }
}

/// Says that an Unknown became known. Publish, then mark: a crash in between repeats the same id (rule 66). A bus that
/// does not answer leaves the mark for the next news, duplicate or sweep (rule 69).
async fn announce(
    core: &Arc<Core>,
    (tenant, strategy, id): (&TenantId, &StrategyName, &ClientMessageId),
    status: &Status,
    key: &ClaimKey,
    record: &ClaimRecord,
) -> Result<(), Error> {
    let outcome = if record.status == ClaimStatus::Delivered { "delivered" } else { "failed" };
    let failure_id = FailureId::of_send(key, record.generation);
    let mut settled = OutboundFailed::new(failure_id, tenant.clone(), strategy.clone(), id.clone(), outcome, core.now_ms());
    settled.generation = record.generation;
    match (&status.error, &record.error) {
        (Some(error), _) if outcome == "failed" => {
            (settled.kind, settled.reach, settled.code) = (Some(error.kind), Some(Reach::Processed), error.code.clone());
        }
        (_, Some(error)) => (settled.kind, settled.reach, settled.code) = (Some(error.kind), Some(error.reach), error.code.clone()),
        (_, None) => {}
    }
    if let Err(error) = core.events.publish(&DomainEvent::OutboundSettled(settled)).await {
        tracing::warn!(tenant_id = %tenant, strategy = %strategy, client_message_id = %id, error = %Error::from(error), "outbound.settled_not_published");
        return Ok(());
    }
    let clear = ClaimOp::ClearEffects { generation: record.generation, done: Effects { settled: true, ..Effects::NONE } };
    core.claims.apply(key, &clear, core.now_ms()).await?;
    Ok(())
}
