//! The compiler knows the channels, and says so at the attribute.

#[macro_use]
mod acme;
use acme::*;

#[derive(Strategy)]
#[strategy(name = "acme-chat", channel = Whatsapp, config = AcmeConfig, outbound = OutboundMessage)]
struct AcmeChat;
configure!(AcmeChat);
send!(AcmeChat);

fn main() {}
