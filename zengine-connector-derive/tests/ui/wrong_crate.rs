//! A path that leads nowhere is shown at the `crate` key.

#[macro_use]
mod acme;
use acme::*;

#[derive(Strategy)]
#[strategy(name = "acme-chat", channel = WhatsApp, config = AcmeConfig, outbound = OutboundMessage, crate = "somewhere")]
struct AcmeChat;
configure!(AcmeChat);
send!(AcmeChat);

fn main() {}
