//! Generics, defaults and where clauses are carried over; every key is given, in several attributes.

use crate::acme::{
    AcmeConfig, Configure, ConfigureContext, Error, OutboundMessage, OutboundStrategy, Receipt, SendContext, SendError, Strategy,
};
use zengine_connector::message::{Capabilities, Channel, Idempotency};

pub(crate) trait Client: Send + Sync + 'static {}
impl Client for u8 {}

mod caps {
    pub(super) const ACME: super::Capabilities = super::Capabilities::NONE;
}
const HOUR_MS: u64 = 3_600_000;

#[derive(Strategy)]
#[strategy(name = "acme-generic", channel = Sms, config = AcmeConfig)]
#[strategy(outbound = OutboundMessage, capabilities = caps::ACME, idempotency = native(24 * HOUR_MS))]
pub(crate) struct Generic<C, const N: usize = 1>
where
    C: Client,
{
    pub(crate) clients: [C; N],
}

impl<C: Client, const N: usize> Configure<AcmeConfig> for Generic<C, N> {
    type Tenant = AcmeConfig;
    async fn configure(&self, config: AcmeConfig, _: &ConfigureContext) -> Result<AcmeConfig, Error> {
        Ok(config)
    }
}

impl<C: Client, const N: usize> OutboundStrategy<AcmeConfig, OutboundMessage> for Generic<C, N> {
    async fn send(&self, _: &AcmeConfig, _: &OutboundMessage, _: &SendContext) -> Result<Receipt, SendError> {
        let _ = &self.clients;
        Ok(Receipt::unnumbered())
    }
}

#[test]
fn generic_strategy_has_its_metadata_for_every_argument() {
    for descriptor in [Generic::<u8>::DESCRIPTOR, Generic::<u8, 2>::DESCRIPTOR] {
        assert_eq!(descriptor.name, "acme-generic");
        assert_eq!(descriptor.summary, "");
        assert_eq!(descriptor.channel, Channel::Sms);
        assert_eq!(descriptor.idempotency, Idempotency::Native { window_ms: 86_400_000 });
    }
}
