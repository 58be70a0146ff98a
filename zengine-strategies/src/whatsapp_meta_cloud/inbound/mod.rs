//! The inbound half: signed webhooks of one Meta app become events of its numbers.

mod normalize;
mod verify;

use zengine_connector::{ElementError, InboundContext, InboundRequest, InboundStrategy, RawPayload, RoutedEvent, Verified, VerifyError};

use super::{Tenant, WhatsAppMetaCloud, WhatsAppMetaCloudConfig};

impl InboundStrategy<WhatsAppMetaCloudConfig> for WhatsAppMetaCloud {
    async fn verify(&self, request: &InboundRequest, cx: &InboundContext<Tenant>) -> Result<Verified, VerifyError> {
        verify::verify(self.app(), request, cx).await
    }

    fn normalize(&self, payload: &RawPayload) -> Vec<Result<RoutedEvent, ElementError>> {
        normalize::normalize(payload)
    }
}
