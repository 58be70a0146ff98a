//! The least that sends: every optional key has its default.

use crate::acme::{AcmeConfig, OutboundMessage, Strategy};
use zengine_connector::{
    message::{Channel, Idempotency},
    strategy::{Direction, Reply},
};

/// Sends through Acme.
///
/// At length.
#[derive(Strategy)]
#[strategy(name = "acme-chat", channel = WhatsApp, config = AcmeConfig, outbound = OutboundMessage)]
pub(crate) struct AcmeChat;
configure!(AcmeChat);
send!(AcmeChat);

#[test]
fn descriptor_of_the_least_that_sends() {
    let descriptor = AcmeChat::DESCRIPTOR;
    assert_eq!(descriptor.name, "acme-chat");
    assert_eq!(descriptor.summary, "Sends through Acme.");
    assert_eq!(descriptor.channel, Channel::WhatsApp);
    assert_eq!(descriptor.direction, Direction { outbound: true, inbound: false });
    assert_eq!(descriptor.idempotency, Idempotency::None);
    assert_eq!(descriptor.reply, Reply::Acknowledge { within_ms: None });
}

#[test]
fn schemas_are_those_of_the_types() {
    let descriptor = AcmeChat::DESCRIPTOR;
    let config = (descriptor.config_schema)();
    assert_eq!(config.as_value()["title"], "AcmeConfig");
    assert_eq!(config.as_value()["description"], "What Acme wants to know of a tenant.");
    assert_ne!((descriptor.message_schema)().as_value(), config.as_value());
}
