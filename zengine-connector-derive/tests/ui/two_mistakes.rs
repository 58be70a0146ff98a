//! A bad name and a repeated key are shown at once, each under its token.

#[macro_use]
mod acme;
use acme::*;

#[derive(Strategy)]
#[strategy(name = "WhatsApp Meta", channel = WhatsApp, config = AcmeConfig, outbound = OutboundMessage)]
#[strategy(config = AcmeConfig)]
struct AcmeChat;
configure!(AcmeChat);
send!(AcmeChat);

fn main() {
    let _ = StrategyRegistry::builder().register(AcmeChat);
}
