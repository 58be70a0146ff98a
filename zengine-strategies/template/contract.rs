//! The contract tests of the strategy, against prepared responses of the provider.
//!
//! All data is made up. `BLESS=1 cargo test` rewrites the `.expect.json` files: review the changes.
#![allow(clippy::unwrap_used, reason = "a test may")]

use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};
use zengine_connector::{
    ErrorKind, Identity, OutboundMessage, Reach, Secret, contract_tests,
    testing::contract::{self, Call, Delivery, ErrorRow, Fixture, Inbound, Outbound, Sample, SampleTenant, Wire},
    verify::HmacSha256,
};

use acme_chat::AcmeChat;

contract_tests!(contract_of_acme_chat, AcmeChatFixture);

struct AcmeChatFixture;

impl Fixture for AcmeChatFixture {
    type Strategy = AcmeChat;

    fn strategy(wire: &Wire) -> AcmeChat {
        AcmeChat::new(wire.http(), "https://api.example.com")
    }

    fn tenant(n: usize) -> SampleTenant {
        let site = format!("site-{n}");
        SampleTenant::new(json!({ "site": site, "api_key": { "secret": "key" }, "webhook_secret": { "secret": "hook" } }))
            .route("site", site)
            .secret("key", format!("example-key-{n}"))
            .secret("hook", format!("example-hook-{n}"))
    }

    fn outbound() -> Option<Outbound> {
        let outbound = Outbound::new(message).provider(provider).error_table(error_table());
        Some(outbound.pairs(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/outbound")))
    }

    fn inbound() -> Option<Inbound> {
        let inbound = Inbound::new(element, |_, elements| Value::Array(elements), webhook).signature("x-signature");
        let inbound = inbound.unknown([json!({ "type": "hologram", "id": "u-1" })]).poison([json!({ "type": "message", "id": "p-1" })]);
        Some(inbound.pairs(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/inbound")))
    }
}

fn message(sample: &Sample) -> OutboundMessage {
    OutboundMessage::text(Identity::opaque("acme-chat", &sample.word("visitor")).unwrap(), sample.text())
}

fn provider(call: &Call<'_>) -> Response<Bytes> {
    contract::json(200, &json!({ "id": format!("out-{}", call.n()) }))
}

/// One row per documented response of the provider.
fn error_table() -> [ErrorRow; 3] {
    [
        ErrorRow::new(contract::json(400, &json!({ "error": "too long" })), ErrorKind::InvalidContent, Reach::Processed),
        ErrorRow::new(contract::json(401, &json!({ "error": "unauthorized" })), ErrorKind::Unauthorized, Reach::Processed),
        ErrorRow::new(contract::text(502, "bad gateway"), ErrorKind::Unavailable, Reach::Maybe),
    ]
}

fn element(sample: &Sample) -> Value {
    json!({ "type": "message", "id": sample.word("in"), "from": sample.word("visitor"), "text": sample.text(), "at_ms": sample.at_ms() })
}

fn webhook(delivery: &Delivery) -> Request<Bytes> {
    let secret = Secret::new(format!("example-hook-{}", delivery.tenant).into_bytes());
    let signature = HmacSha256::hex().sign(&delivery.body, &secret);
    let request = Request::post(format!("/site-{}", delivery.tenant)).header("x-signature", signature);
    request.body(delivery.body.clone()).unwrap()
}
