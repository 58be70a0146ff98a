//! A misspelt key is one error, although the strategy is also registered.

#[macro_use]
mod acme;
use acme::*;

#[derive(Strategy)]
#[strategy(nmae = "acme-chat", channel = WhatsApp, config = AcmeConfig, outbound = OutboundMessage)]
struct AcmeChat;
configure!(AcmeChat);
send!(AcmeChat);

fn main() {
    let _ = StrategyRegistry::builder().register(AcmeChat);
}
