//! The contract tests of the strategy, against prepared responses of the provider.
//!
//! All data is made up. `BLESS=1 cargo test` rewrites the `.expect.json` files: review the changes.
#![allow(clippy::unwrap_used, reason = "a test may")]

use bytes::Bytes;
use http::{Request, Response};
use serde_json::json;
use zengine_connector::{
    ErrorKind, Identity, OutboundMessage, Reach, Secret, contract_tests,
    http::RequestBuilder,
    message::State,
    testing::contract::{self, Call, Delivery, ErrorRow, Expected, Fixture, Inbound, Outbound, Sample, SampleTenant, Wire},
    verify::BasicCredentials,
};

use acme_sms::AcmeSms;

contract_tests!(contract_of_acme_sms, AcmeSmsFixture);

#[test]
fn the_strategy_is_short() {
    let lines =
        include_str!("../src/lib.rs").lines().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with("//")).count();
    assert!(lines <= 140, "{lines} lines of code");
}

struct AcmeSmsFixture;

impl Fixture for AcmeSmsFixture {
    type Strategy = AcmeSms;

    fn strategy(wire: &Wire) -> AcmeSms {
        AcmeSms::new(wire.http(), "https://api.example.com")
    }

    fn tenant(n: usize) -> SampleTenant {
        let (password, webhook_password) = (json!({ "secret": "account" }), json!({ "secret": "webhook" }));
        let config = json!({ "account": format!("account-{n}"), "password": password, "sender": "+15550000000", "webhook_password": webhook_password });
        SampleTenant::new(config)
            .secret("account", format!("example-password-{n}"))
            .secret("webhook", webhook_password_of(n))
            .route("account", format!("account-{n}"))
    }

    fn outbound() -> Option<Outbound> {
        let outbound = Outbound::new(message).provider(provider).error_table(error_table());
        Some(outbound.pairs(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/outbound")))
    }

    fn inbound() -> Option<Inbound> {
        let inbound = Inbound::requests(event, signed).signature("authorization");
        Some(inbound.pairs(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/inbound")))
    }
}

fn webhook_password_of(n: usize) -> String {
    format!("example-webhook-{n}")
}

fn message(sample: &Sample) -> OutboundMessage {
    OutboundMessage::text(Identity::phone(&sample.phone()).unwrap(), sample.text())
}

fn provider(call: &Call<'_>) -> Response<Bytes> {
    contract::text(200, format!("id=sm-{}", call.n()))
}

/// One row per documented response of the provider.
fn error_table() -> [ErrorRow; 4] {
    [
        ErrorRow::new(contract::text(400, "code=21"), ErrorKind::InvalidRecipient, Reach::Processed).code("21"),
        ErrorRow::new(contract::text(400, "code=30"), ErrorKind::OptedOut, Reach::Processed).code("30"),
        ErrorRow::new(contract::text(401, ""), ErrorKind::Unauthorized, Reach::Processed),
        ErrorRow::new(contract::text(502, "bad gateway"), ErrorKind::Unavailable, Reach::Maybe),
    ]
}

/// The request of an event without its credentials: a message is a form post, a report a GET.
fn event(tenant: usize, sample: &Sample, expected: &Expected<'_>) -> Option<Request<Bytes>> {
    let (path, at) = (format!("/account-{tenant}"), (sample.at_ms() / 1000).to_string());
    let report = |id: &str, state: &str| RequestBuilder::get(&path).query("id", id).query("status", state).query("at", &at);
    let request = match expected {
        Expected::Text => {
            let (id, from, text) = (sample.word("in"), sample.phone(), sample.text());
            RequestBuilder::post(&path).form([("id", &id), ("from", &from), ("text", &text), ("at", &at)])
        }
        Expected::Status { target, state: state @ (State::Sent | State::Delivered), recipients: [_], .. } => report(target, state.as_str()),
        Expected::Failure { target, permanent, suppressed, .. } => {
            let reason = if *suppressed { "blocked" } else { ["absent", "unknown"][usize::from(*permanent)] };
            report(target, "failed").query("reason", reason)
        }
        Expected::Echo { target, key } => report(target, "delivered").query("ref", key),
        _ => return None,
    };
    request.build().ok()
}

fn signed(delivery: &Delivery, mut request: Request<Bytes>) -> Request<Bytes> {
    let password = Secret::new(webhook_password_of(delivery.tenant).into_bytes());
    let header = BasicCredentials::new(&format!("account-{}", delivery.tenant), &password).unwrap().header();
    request.headers_mut().insert("authorization", header.expose().parse().unwrap());
    request
}
