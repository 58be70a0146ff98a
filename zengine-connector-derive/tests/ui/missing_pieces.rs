//! What is missing is one error per struct, at its name.

#[macro_use]
mod acme;
use acme::*;

#[derive(Strategy)]
struct Nothing;

#[derive(Strategy)]
#[strategy(outbound = OutboundMessage)]
struct NoNameChannelConfig;

#[derive(Strategy)]
#[strategy(name = "acme-chat", channel = WhatsApp, config = AcmeConfig)]
struct NoDirection;
configure!(NoDirection);

fn main() {
    let _ = StrategyRegistry::builder().register(NoDirection);
}
