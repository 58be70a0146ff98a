//! Each wrong value is one error under it, with the way to write it.

#[macro_use]
mod acme;
use acme::*;

#[derive(Strategy)]
#[strategy(name = acme-chat, channel = "WhatsApp", config = "AcmeConfig", outbound = OutboundMessage)]
#[strategy(capabilities = &zengine_connector::message::Capabilities::NONE, idempotency = native(24h), reply = synchronous(500))]
#[strategy(crate = zengine_connector, contract)]
struct AcmeChat;
configure!(AcmeChat);
send!(AcmeChat);

fn main() {
    let _ = StrategyRegistry::builder().register(AcmeChat);
}
