//! An `Rc` across an await: the variable and the await are named.

#[macro_use]
mod acme;
use acme::*;

#[derive(Strategy)]
#[strategy(name = "acme-chat", channel = WhatsApp, config = AcmeConfig, outbound = OutboundMessage)]
struct AcmeChat;
configure!(AcmeChat);

impl OutboundStrategy<AcmeConfig, OutboundMessage> for AcmeChat {
    async fn send(&self, _: &AcmeConfig, _: &OutboundMessage, _: &SendContext) -> Result<Receipt, SendError> {
        let shared = std::rc::Rc::new(1);
        std::future::ready(()).await;
        drop(shared);
        Ok(Receipt::unnumbered())
    }
}

fn main() {}
