//! The inbound half: signed webhooks of one Meta app become events of its numbers.

mod verify;

use bytes::Bytes;
use zengine_connector::ids::RouteKey;
use zengine_connector::message::ElementError;
use zengine_connector::strategy::{InboundRequest, RawPayload, RoutedEvent, Verified, VerifyError};
use zengine_connector::{EventContext, InboundContext, InboundStrategy, SendError};

use super::{Tenant, WhatsAppMetaCloud, WhatsAppMetaCloudConfig};
use crate::waba::webhook;

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

    async fn media(&self, tenant: &Tenant, handle: &str, cx: &EventContext) -> Result<Bytes, SendError> {
        self.fetch(tenant, handle, cx).await
    }
}
