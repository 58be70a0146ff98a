//! The inbound half: webhooks that 360dialog relays become events of its numbers.

mod owners;
mod verify;

use zengine_connector::ids::RouteKey;
use zengine_connector::message::ElementError;
use zengine_connector::strategy::{InboundRequest, MediaFile, MediaRequest, RawPayload, RoutedEvent, Verified, VerifyError};
use zengine_connector::{EventContext, InboundContext, InboundStrategy, SendError};

use super::{Tenant, WhatsApp360Dialog, WhatsApp360DialogConfig, media};
use crate::waba::webhook;

/// A note of `verify`: the id of the tenant's number, if its configuration names one.
#[derive(Clone)]
struct Number(Option<String>);

impl InboundStrategy<WhatsApp360DialogConfig> for WhatsApp360Dialog {
    async fn verify(&self, request: &InboundRequest, cx: &InboundContext<Tenant>) -> Result<Verified, VerifyError> {
        verify::verify(self.settings(), request, cx).await
    }

    fn routes(&self, config: &WhatsApp360DialogConfig) -> Vec<RouteKey> {
        if !config.receives {
            return vec![];
        }
        let one = |kind, id: &Option<String>| id.as_ref().map(|id| RouteKey::new(kind, id));
        // An account has several numbers. The token of the path is a credential: a set-up adds it.
        let account = config.waba_id.as_ref().map(|id| RouteKey::shared("waba_id", id));
        [one("phone_number_id", &config.phone_number_id), one("channel_id", &config.channel_id), account].into_iter().flatten().collect()
    }

    fn normalize(&self, payload: &RawPayload) -> Vec<Result<RoutedEvent, ElementError>> {
        let events = webhook::normalize_relayed(payload);
        match payload.note() {
            Some(Number(Some(number))) => events.into_iter().map(|event| event.and_then(|event| own(number, event))).collect(),
            _ => events,
        }
    }

    /// Fetches a file of this number by its media id, of at most `max_media_bytes` too.
    ///
    /// The file's own host is never called: its address, which must be on one of the application's `file_hosts` and in the folder of
    /// files, is fetched from the messaging API with the key, without redirects. A digest that differs is a warning.
    ///
    /// # Errors
    /// `Media` if the file is too large or gone, `Protocol` if its address is another; `Busy` while look-ups are paused because too many
    /// failed; the provider's errors. Safe to repeat, but a failed look-up counts.
    async fn media(&self, tenant: &Tenant, request: &MediaRequest, cx: &EventContext) -> Result<MediaFile, SendError> {
        media::fetch(&self.gateway(tenant)?, tenant, request, cx).await
    }
}

/// An event, unless it names another number than the one whose credentials came with it.
fn own(number: &str, event: RoutedEvent) -> Result<RoutedEvent, ElementError> {
    let is_foreign = event.routes.iter().any(|key| key.kind() == "phone_number_id" && key.value() != number);
    if is_foreign { Err(ElementError::new("", "of another number", event.raw)) } else { Ok(event) }
}
