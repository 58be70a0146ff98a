//! The desk as the kit sees it.

use std::collections::HashSet;

use bytes::Bytes;
use serde_json::{Value, json};
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
            .event(|n, id, sample| webhook(n, &json!([answer(sample, id)]).to_string().into()))
            .opens_for_inbound()
            .tokens(["canary-desk-token"]);
        Some(
            Outbound::new(|sample| message(sample, sample))
                .provider(provider)
                .sends_with(|request| request.uri().path().ends_with("/letters"))
                .conversations(script),
        )
    }

    fn inbound() -> Option<Inbound> {
        Some(
            Inbound::new(
                |sample| answer(sample, &sample.word("chat")),
                |_, elements| elements.into(),
                |delivery| webhook(delivery.tenant, &delivery.body),
            )
            .signature("x-signature"),
        )
    }
}

fn hook(n: usize) -> String {
    format!("canary-desk-hook-{n}")
}

fn answer(sample: &Sample, conversation: &str) -> Value {
    let (id, by) = (sample.word("in"), sample.word("agent"));
    json!({ "id": id, "conversation": conversation, "text": sample.text(), "by": by, "seq": sample.n() })
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

/// The provider: it knows its client tokens. A customer's first conversation is named like that of the sample.
fn provider(call: &Call<'_>) -> http::Response<Bytes> {
    let token = |request: &http::Request<Bytes>| request.headers().get("client-token").cloned();
    let account = |request: &http::Request<Bytes>| request.headers().get("authorization").cloned();
    let customer = |request: &http::Request<Bytes>| {
        let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        body["customer"].as_str().and_then(|phone| phone.strip_prefix("+1555731")?.parse::<usize>().ok())
    };
    match call.path() {
        "/desk" => {
            let who = (customer(call.request()), account(call.request()));
            let mut lives: Vec<_> = call.accepted().iter().filter(|call| (customer(call), account(call)) == who).map(token).collect();
            lives.push(token(call.request()));
            let life = lives
                .iter()
                .position(|known| *known == token(call.request()))
                .map_or(0, |at| lives[..at].iter().collect::<HashSet<_>>().len());
            let id = Sample::new(who.0.unwrap_or_default()).word("chat");
            let id = if life == 0 { id } else { format!("{id}-{life}") };
            contract::json(200, &json!({ "id": id, "token": "canary-desk-token" }))
        }
        _ => contract::json(200, &json!({ "id": format!("letter-{}", call.n()) })),
    }
}

fn webhook(n: usize, body: &Bytes) -> http::Request<Bytes> {
    let signature = HmacSha256::hex().sign(body, &Secret::new(hook(n).into_bytes()));
    http::Request::post(format!("/desk-{n}")).header("x-signature", signature).body(body.clone()).unwrap()
}
