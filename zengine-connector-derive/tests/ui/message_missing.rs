//! A message type without `Message`: the impl line is given.

#[macro_use]
mod acme;
use acme::*;

#[derive(serde::Serialize, serde::Deserialize, JsonSchema)]
struct Ping {}

#[derive(Strategy)]
#[strategy(name = "acme-ping", channel = WhatsApp, config = AcmeConfig, outbound = Ping)]
struct AcmePing;
configure!(AcmePing);

impl OutboundStrategy<AcmeConfig, Ping> for AcmePing {
    async fn send(&self, _: &AcmeConfig, _: &Ping, _: &SendContext) -> Result<Receipt, SendError> {
        Ok(Receipt::unnumbered())
    }
}

fn main() {}
