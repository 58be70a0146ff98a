//! The core under another name, and every value handed through a macro.

use crate::acme::{AcmeConfig, OutboundMessage, Strategy};
use zengine_connector::message::{Channel, Idempotency};

mod platform {
    pub(super) mod messaging {
        pub(crate) use zengine_connector::*;
    }
}

macro_rules! strategy {
    ($name:ident, $text:literal, $channel:ident, $config:ty, $message:ty, $capabilities:path, $ms:expr) => {
        #[derive(Strategy)]
        #[strategy(name = $text, channel = $channel, config = $config, outbound = $message, capabilities = $capabilities)]
        #[strategy(idempotency = queryable($ms), crate = "crate::crate_path::platform::messaging")]
        pub(crate) struct $name;
        configure!($name);
        send!($name);
    };
}
strategy!(ByMacro, "acme-macro", Sms, AcmeConfig, OutboundMessage, zengine_connector::message::Capabilities::NONE, 5_000);

#[test]
fn macro_written_strategy_under_another_path() {
    assert_eq!(ByMacro::DESCRIPTOR.name, "acme-macro");
    assert_eq!(ByMacro::DESCRIPTOR.channel, Channel::Sms);
    assert_eq!(ByMacro::DESCRIPTOR.idempotency, Idempotency::Queryable { visible_after_ms: 5_000 });
}

#[test]
fn strategy_inside_a_function() {
    strategy!(Inner, "acme-inner", Email, AcmeConfig, OutboundMessage, zengine_connector::message::Capabilities::NONE, 1);
    assert_eq!(Inner::DESCRIPTOR.name, "acme-inner");
}
