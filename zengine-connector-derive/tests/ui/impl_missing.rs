//! `outbound` and `inbound` promise impls: without one, the struct's name is underlined and the impl is named.

#[macro_use]
mod acme;
use acme::*;

#[derive(Strategy)]
#[strategy(name = "acme-chat", channel = WhatsApp, config = AcmeConfig, outbound = OutboundMessage)]
struct NeverSends;
configure!(NeverSends);

#[derive(Strategy)]
#[strategy(name = "acme-hook", channel = WhatsApp, config = AcmeConfig, inbound)]
struct NeverReceives;
configure!(NeverReceives);

fn main() {}
