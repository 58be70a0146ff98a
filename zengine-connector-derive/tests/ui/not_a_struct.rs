//! An enum is one error.

#[macro_use]
mod acme;
use acme::*;

#[derive(Strategy)]
#[strategy(name = "acme-chat", channel = WhatsApp, config = AcmeConfig, outbound = OutboundMessage)]
enum AcmeChat {
    One,
}
configure!(AcmeChat);
send!(AcmeChat);

fn main() {
    let _ = StrategyRegistry::builder().register(AcmeChat::One);
}
