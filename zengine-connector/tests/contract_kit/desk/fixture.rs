//! The desk as the kit sees it.

use bytes::Bytes;
use serde_json::json;
use zengine_connector::{
    Identity, OutboundMessage, Secret,
    testing::contract::{self, Call, ConversationScript, Fixture, Inbound, Outbound, Sample, SampleTenant, Wire},
    verify::HmacSha256,
};

use super::strategy::{PigeonDesk, end};
use crate::flaw::Flaw;

/// [`PigeonDesk`] with the flaw of a number.
pub(crate) struct Desk<const FLAW: usize>;

impl<const FLAW: usize> Fixture for Desk<FLAW> {
    type Strategy = PigeonDesk;

    fn strategy(wire: &Wire) -> PigeonDesk {
        PigeonDesk { http: wire.http(), flaw: Flaw::ALL[FLAW] }
    }

    fn tenant(n: usize) -> SampleTenant {
        let desk = format!("desk-{n}");
        SampleTenant::new(json!({ "desk": desk, "api_key": { "secret": "key" }, "webhook_secret": { "secret": "hook" } }))
            .route("desk", desk)
            .secret("key", format!("canary-desk-key-{n}"))
            .secret("hook", hook(n))
    }

    fn outbound() -> Option<Outbound> {
        let script = ConversationScript::new(message, |request| request.uri().path() == "/desk", conversation)
            .gone(contract::json(410, &json!({ "error": "gone" })))
            .ended_by(|customer| end(identity(customer)))
            .event(|n, id, sample| {
                let answer = json!([{ "id": sample.word("answer"), "conversation": id, "text": sample.text() }]);
                webhook(n, &answer.to_string().into())
            })
            .tokens(["canary-desk-token"]);
        Some(
            Outbound::new(|sample| message(sample, sample))
                .provider(provider)
                .sends_with(|request| request.uri().path().ends_with("/letters"))
                .conversations(script),
        )
    }

    fn inbound() -> Option<Inbound> {
        let element = |sample: &Sample| json!({ "id": sample.word("in"), "conversation": sample.word("desk"), "text": sample.text() });
        Some(
            Inbound::new(element, |_, elements| elements.into(), |delivery| webhook(delivery.tenant, &delivery.body))
                .signature("x-signature"),
        )
    }
}

fn hook(n: usize) -> String {
    format!("canary-desk-hook-{n}")
}

fn identity(customer: &Sample) -> Identity {
    Identity::phone(&customer.phone()).unwrap()
}

fn message(customer: &Sample, text: &Sample) -> OutboundMessage {
    OutboundMessage::text(identity(customer), text.text())
}

/// The id of the conversation in the path of a letter.
fn conversation(request: &http::Request<Bytes>) -> Option<String> {
    Some(request.uri().path().strip_prefix("/desk/")?.strip_suffix("/letters")?.to_owned())
}

/// The provider: it knows its client tokens.
fn provider(call: &Call<'_>) -> http::Response<Bytes> {
    let token = call.request().headers().get("client-token").and_then(|token| token.to_str().ok()).unwrap_or_default();
    match call.path() {
        "/desk" => contract::json(200, &json!({ "id": format!("chat-{token}"), "token": "canary-desk-token" })),
        _ => contract::json(200, &json!({ "id": format!("letter-{}", call.n()) })),
    }
}

fn webhook(n: usize, body: &Bytes) -> http::Request<Bytes> {
    let signature = HmacSha256::hex().sign(body, &Secret::new(hook(n).into_bytes()));
    http::Request::post(format!("/desk-{n}")).header("x-signature", signature).body(body.clone()).unwrap()
}
