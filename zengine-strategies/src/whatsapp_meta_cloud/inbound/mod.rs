//! The inbound half: signed webhooks of one Meta app become events of its numbers.

mod verify;

use zengine_connector::ids::RouteKey;
use zengine_connector::message::ElementError;
use zengine_connector::strategy::{InboundRequest, MediaFile, MediaRequest, RawPayload, RoutedEvent, Verified, VerifyError};
use zengine_connector::{EventContext, InboundContext, InboundStrategy, SendError};

use super::{Tenant, WhatsAppMetaCloud, WhatsAppMetaCloudConfig};
use crate::waba::{files, webhook};

impl InboundStrategy<WhatsAppMetaCloudConfig> for WhatsAppMetaCloud {
    async fn verify(&self, request: &InboundRequest, cx: &InboundContext<Tenant>) -> Result<Verified, VerifyError> {
        verify::verify(self.app(), request, cx).await
    }

    fn routes(&self, config: &WhatsAppMetaCloudConfig) -> Vec<RouteKey> {
        // An account has several numbers.
        vec![RouteKey::new("phone_number_id", &config.phone_number_id), RouteKey::shared("waba_id", &config.waba_id)]
    }

    fn normalize(&self, payload: &RawPayload) -> Vec<Result<RoutedEvent, ElementError>> {
        // Meta sends the family's own form; each event names its number, or the account that it is about.
        webhook::normalize(payload)
    }

    /// Fetches a file of this number by its media id, of at most `max_media_bytes` too.
    ///
    /// The token is sent only to `graph.facebook.com`, `*.fbsbx.com` and `*.fbcdn.net` over https (or to the address that the
    /// application set), redirects included. The digest is compared if Meta gives one; an expired address is resolved once
    /// more.
    ///
    /// # Errors
    /// `Media` if the file is too large or gone, `Protocol` if it is on another host or differs from the announced digest;
    /// Meta's errors. Safe to repeat.
    async fn media(&self, tenant: &Tenant, request: &MediaRequest, cx: &EventContext) -> Result<MediaFile, SendError> {
        files::path("", &request.handle)?;
        files::fetch(&self.gateway(tenant, cx).await?, &tenant.limits, request, cx).await
    }
}
