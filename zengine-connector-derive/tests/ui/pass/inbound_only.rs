//! The least that receives, on a channel that answers in the response: there is no message and no fake `send`.

use crate::acme::{AcmeConfig, Strategy};
use zengine_connector::{
    InboundContext, InboundStrategy,
    message::ElementError,
    strategy::{Direction, InboundRequest, RawPayload, Reply, RoutedEvent, Verified, VerifyError},
};

/** Receives from Acme. */
#[derive(Strategy)]
#[strategy(name = "acme-hook", channel = Webchat, config = AcmeConfig, inbound, reply = synchronous(8_000))]
pub(crate) struct AcmeHook;
configure!(AcmeHook);

impl InboundStrategy<AcmeConfig> for AcmeHook {
    async fn verify(&self, request: &InboundRequest, _: &InboundContext<AcmeConfig>) -> Result<Verified, VerifyError> {
        Ok(Verified::shared(request.body().clone()))
    }

    fn normalize(&self, _: &RawPayload) -> Vec<Result<RoutedEvent, ElementError>> {
        Vec::new()
    }
}

#[test]
fn descriptor_of_the_least_that_receives() {
    fn message_of<S: Strategy>() -> std::any::TypeId {
        std::any::TypeId::of::<S::Message>()
    }
    let descriptor = AcmeHook::DESCRIPTOR;
    assert_eq!(descriptor.summary, "Receives from Acme.");
    assert_eq!(descriptor.direction, Direction { outbound: false, inbound: true });
    assert_eq!(descriptor.reply, Reply::Synchronous { deadline_ms: 8_000 });
    assert_eq!(message_of::<AcmeHook>(), std::any::TypeId::of::<zengine_connector::message::Never>());
}
