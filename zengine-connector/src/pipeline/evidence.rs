//! Evidence: statuses from the provider as proof about a send (rule 27).

use super::{
    effects::{self, SendIds},
    engine::Engine,
    sweep::GRACE,
};
use crate::{
    error::{Error, SendError},
    ids::{ClientMessageId, ProviderMessageId, StrategyName, TenantId},
    message::{Event, InboundEvent, Receipt, Standing, State, Status},
    runtime::{ms, seconds},
    store::{ClaimKey, ClaimOp, Effects, Evidence, StoredError},
    strategy::{ParsedKey, ProviderKey},
};

impl Engine {
    /// Finds the send that a status is about by the key that the provider echoes, adds its id to the event, and stores the
    /// evidence in its record. Ignores keys of other tenants and of other senders.
    pub(crate) async fn take_evidence(&self, event: &mut InboundEvent, reference: Option<&ProviderKey>) -> Result<(), Error> {
        let Some(reference) = reference else { return Ok(()) };
        let (tenant, strategy) = (event.tenant.clone(), event.strategy.clone());
        let Event::Status(status) = &mut event.event else { return Ok(()) };
        let Some((id, generation)) = resolve(self, &tenant, &strategy, reference).await? else { return Ok(()) };
        status.client_message_id = Some(id.clone());
        let at_ms = status.at_ms.or(event.occurred_at_ms).unwrap_or(event.received_at_ms);
        tell(self, (&tenant, &strategy, &id), generation, status, at_ms).await
    }

    /// Adds the id of the send that a status is about to the event, without storing evidence.
    ///
    /// # Errors
    /// If the store does not answer; the event is then shown without the id.
    pub(crate) async fn name_send(&self, event: &mut InboundEvent, reference: Option<&ProviderKey>) -> Result<(), Error> {
        if let (Some(reference), Event::Status(status)) = (reference, &mut event.event)
            && let Some((id, _)) = resolve(self, &event.tenant, &event.strategy, reference).await?
        {
            status.client_message_id = Some(id);
        }
        Ok(())
    }
}

async fn resolve(
    engine: &Engine,
    tenant: &TenantId,
    strategy: &StrategyName,
    reference: &ProviderKey,
) -> Result<Option<(ClientMessageId, u32)>, Error> {
    let (id, generation) = match reference.parse(tenant, strategy) {
        None => return Ok(None),
        Some(ParsedKey::Direct { generation, client_message_id }) => (client_message_id, generation),
        Some(ParsedKey::Hashed { generation, hash }) => match engine.stores.reference(&hash).await? {
            Some(found) if found.tenant == *tenant && found.strategy == *strategy => (found.client_message_id, generation),
            _ => return Ok(None),
        },
    };
    // An echo may hold anything. Only a key that we would derive ourselves identifies a send.
    let ours = ProviderKey::derive(tenant, strategy, &id, generation) == *reference;
    Ok(ours.then_some((id, generation)))
}

/// The standing of the whole send by a status. A failure with one of several recipients is none of the send: the others may have the message, so
/// another one would be a second delivery.
fn of_send(status: &Status) -> Standing {
    let standing = status.standing();
    if status.is_partial() && standing.is_failure() { Standing::of(State::Failed).with_permanent(false) } else { standing }
}

async fn tell(
    engine: &Engine,
    (tenant, strategy, id): (&TenantId, &StrategyName, &ClientMessageId),
    generation: u32,
    status: &Status,
    at_ms: i64,
) -> Result<(), Error> {
    let key = ClaimKey::outbound(tenant, strategy, id);
    // A status of an earlier generation proves nothing about the current one.
    let Some(seen) = engine.stores.stored_record(&key).await?.filter(|record| record.key_generation == generation) else {
        return Ok(());
    };
    let receipt = ProviderMessageId::new(&status.target).ok().and_then(|id| engine.seal_receipt(&key, &Receipt::accepted(id)));
    let mut evidence = Evidence::new(of_send(status), at_ms, receipt);
    evidence.error = status.error.as_ref().map(|error| {
        let reported = SendError::of(error.kind, "the provider reported a failure");
        let coded = match &error.code {
            Some(code) => reported.code(code),
            None => reported,
        };
        StoredError::of(&coded.processed(), 0)
    });
    let dedup = &engine.stages.settings(strategy).dedup;
    let told = ClaimOp::Tell { key_generation: generation, evidence, skew_ms: ms(dedup.clock_skew), ttl_s: seconds(dedup.keep) };
    let Some(record) = engine.stores.apply(&key, &told, Some(&seen), engine.now_ms()).await?.record else { return Ok(()) };
    // The owner of a fresh Unknown may be about to announce it: its end waits for the next status, duplicate or sweep.
    let is_announced = seen.status.is_terminal() && !seen.effects_pending.event;
    let owner_is_done = seen.updated_at_ms <= engine.now_ms().saturating_sub(ms(GRACE));
    if record.effects_pending.settled && !record.effects_pending.event && (is_announced || owner_is_done) {
        // A crash before the flag is cleared repeats the event under the same id (rule 66). If the bus does not answer, the flag
        // stays for the next status, duplicate or sweep (rule 69).
        let done = effects::publish(engine, SendIds { key: &key, tenant, strategy, id }, &record, Effects::SETTLED).await;
        if done.settled {
            engine.stores.apply(&key, &effects::clear(&record, done), Some(&record), engine.now_ms()).await?;
        }
    }
    Ok(())
}
