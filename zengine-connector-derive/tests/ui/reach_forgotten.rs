//! An error without its reach does not type-check.

#[macro_use]
mod acme;
use acme::*;

#[derive(Strategy)]
#[strategy(name = "acme-chat", channel = WhatsApp, config = AcmeConfig, outbound = OutboundMessage)]
struct AcmeChat;
configure!(AcmeChat);

impl OutboundStrategy<AcmeConfig, OutboundMessage> for AcmeChat {
    async fn send(&self, _: &AcmeConfig, _: &OutboundMessage, _: &SendContext) -> Result<Receipt, SendError> {
        Err(SendError::provider("unavailable"))
    }
}

fn main() {}
