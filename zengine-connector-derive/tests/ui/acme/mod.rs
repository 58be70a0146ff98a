// What every case needs, so that each file shows its own mistake and nothing else.
#![allow(dead_code, unused_imports, unused_macros)]

pub(crate) use zengine_connector::schemars::{self, JsonSchema};
pub(crate) use zengine_connector::{
    Configure, ConfigureContext, Error, OutboundMessage, OutboundStrategy, Receipt, SendContext, SendError, Strategy, StrategyRegistry,
};

/// What Acme wants to know of a tenant.
#[derive(Debug, serde::Deserialize, JsonSchema)]
pub(crate) struct AcmeConfig {}

/// `configure!(Type)` and `send!(Type)` write the impls that are not the subject of a case.
macro_rules! configure {
    ($strategy:ty) => {
        const _: () = {
            use $crate::acme::*;
            impl Configure<AcmeConfig> for $strategy {
                type Tenant = AcmeConfig;
                async fn configure(&self, config: AcmeConfig, _: &ConfigureContext) -> Result<AcmeConfig, Error> {
                    Ok(config)
                }
            }
        };
    };
}
macro_rules! send {
    ($strategy:ty) => {
        const _: () = {
            use $crate::acme::*;
            impl OutboundStrategy<AcmeConfig, OutboundMessage> for $strategy {
                async fn send(&self, _: &AcmeConfig, _: &OutboundMessage, _: &SendContext) -> Result<Receipt, SendError> {
                    Ok(Receipt::unnumbered())
                }
            }
        };
    };
}
