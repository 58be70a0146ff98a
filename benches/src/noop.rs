//! A provider that does nothing: what is left of a send is the pipeline.

use std::io::Write;

use serde::{Deserialize, Serialize};
use zengine_connector::{
    Configure, ConfigureContext, Error, OutboundMessage, OutboundStrategy, Receipt, SendContext, SendError, Strategy,
    message::{Capabilities, Length, Message},
    schemars::JsonSchema,
    strategy::{Rate, Scopes},
};

/// Nothing to configure.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(crate = "zengine_connector::schemars")]
pub(crate) struct Nothing {}

/// A message that is told from others by one byte, so that its fingerprint costs as little as it can.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(crate = "zengine_connector::schemars")]
pub(crate) struct Ping {}

impl Message for Ping {
    fn encode(&self, into: &mut dyn Write) -> serde_json::Result<()> {
        into.write_all(b"p").map_err(serde_json::Error::io)
    }
}

const CAPABILITIES: Capabilities = Capabilities::NONE;

/// Accepts everything.
#[derive(Clone, Debug, Strategy)]
#[strategy(name = "noop", channel = Messenger, config = Nothing, outbound = Ping, capabilities = CAPABILITIES, idempotency = none)]
pub(crate) struct Noop;

impl Configure<Nothing> for Noop {
    type Tenant = ();

    async fn configure(&self, _: Nothing, _: &ConfigureContext) -> Result<(), Error> {
        Ok(())
    }
}

impl OutboundStrategy<Nothing, Ping> for Noop {
    async fn send(&self, (): &(), _: &Ping, _: &SendContext) -> Result<Receipt, SendError> {
        Ok(Receipt::unnumbered())
    }
}

/// Accepts everything that people say.
#[derive(Clone, Debug, Strategy)]
#[strategy(name = "accepting", channel = Messenger, config = Nothing, outbound = OutboundMessage, capabilities = TEXT, idempotency = none)]
pub(crate) struct Accepting;

const TEXT: Capabilities = Capabilities::NONE.with_text(Length::chars(4_096));

impl Configure<Nothing> for Accepting {
    type Tenant = ();

    async fn configure(&self, _: Nothing, _: &ConfigureContext) -> Result<(), Error> {
        Ok(())
    }
}

impl OutboundStrategy<Nothing, OutboundMessage> for Accepting {
    async fn send(&self, (): &(), _: &OutboundMessage, _: &SendContext) -> Result<Receipt, SendError> {
        Ok(Receipt::unnumbered())
    }
}

/// Accepts everything, within rates that are never met.
#[derive(Clone, Debug, Strategy)]
#[strategy(name = "paced", channel = Messenger, config = Nothing, outbound = OutboundMessage, capabilities = TEXT, idempotency = none)]
pub(crate) struct Paced;

impl Configure<Nothing> for Paced {
    type Tenant = ();

    async fn configure(&self, _: Nothing, _: &ConfigureContext) -> Result<(), Error> {
        Ok(())
    }
}

impl OutboundStrategy<Nothing, OutboundMessage> for Paced {
    async fn send(&self, (): &(), _: &OutboundMessage, _: &SendContext) -> Result<Receipt, SendError> {
        Ok(Receipt::unnumbered())
    }

    fn scopes(&self, (): &(), _: &OutboundMessage, scopes: &mut Scopes) {
        let rate = Rate::per_second(u32::MAX).burst(u32::MAX);
        scopes.account(rate).sender("+15550001111", rate).shared("123456789012/eu-west-1", rate);
    }
}
