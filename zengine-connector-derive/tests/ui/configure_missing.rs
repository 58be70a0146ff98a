//! Without `Configure`, the first error names the impl to write. The compiler repeats it at each use of the tenant in `send`.

#[macro_use]
mod acme;
use acme::*;

#[derive(Strategy)]
#[strategy(name = "acme-chat", channel = WhatsApp, config = AcmeConfig, outbound = OutboundMessage)]
struct AcmeChat;

impl OutboundStrategy<AcmeConfig, OutboundMessage> for AcmeChat {
    async fn send(&self, _: &AcmeConfig, _: &OutboundMessage, _: &SendContext) -> Result<Receipt, SendError> {
        Ok(Receipt::unnumbered())
    }
}

fn main() {}
