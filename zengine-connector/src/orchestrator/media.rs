//! Downloads of media that events refer to.

use bytes::Bytes;

use super::Orchestrator;
use crate::{
    error::{Error, ErrorKind, SendError},
    message::InboundEvent,
    strategy::EventContext,
};

impl Orchestrator {
    /// Downloads an event's media by its handle, with the credentials of the event's tenant. Takes at most 30 seconds.
    ///
    /// # Errors
    /// `Unsupported` if the strategy has no media. Also if the tenant cannot be bound, and the provider's errors.
    pub async fn media(&self, event: &InboundEvent, handle: &str) -> Result<Bytes, Error> {
        let engine = &self.engine;
        let entry = engine.registry.entry(event.strategy.as_str())?;
        let Some(inbound) = &entry.inbound else {
            return Err(Error::new(ErrorKind::Unsupported, "the strategy receives nothing").with_context("strategy", &entry.name));
        };
        let bound = engine.tenants.bind(entry, &event.tenant).await?;
        let cx = EventContext { base: engine.call_base(&event.tenant, &entry.name, super::call::TIME) };
        let downloaded = engine.call(inbound.media(&bound.state, handle, &cx)).await;
        downloaded.and_then(|result| result.map_err(SendError::into_error)).map_err(|error| error.with_context("strategy", &entry.name))
    }
}
