//! Sample numbers of one Meta app, its Graph API and its webhooks.

use std::{path::PathBuf, time::Duration};

use bytes::Bytes;
use serde_json::{Value, json};
use zengine_connector::{
    Content, ErrorKind as Kind, Identity, OutboundMessage, Reach, Secret, SecretRef,
    message::{Media, MediaKind},
    testing::contract::{self, Call, Delivery, ErrorRow, Expected, Fixture, Handshake, Inbound, Outbound, Sample, SampleTenant, Wire},
    verify::HmacSha256,
};
use zengine_strategies::whatsapp_meta_cloud::{MetaApp, WhatsAppMetaCloud};

const APP_SECRET: &str = "sample-app-secret";
const VERIFY_TOKEN: &str = "sample-verify-token";
const META: HmacSha256 = HmacSha256::hex_with_prefix("sha256=");

pub(crate) struct MetaFixture;

impl Fixture for MetaFixture {
    type Strategy = WhatsAppMetaCloud;

    fn strategy(wire: &Wire) -> WhatsAppMetaCloud {
        WhatsAppMetaCloud::new(wire.http(), MetaApp::new(SecretRef::named("app"), SecretRef::named("verify")))
    }

    fn tenant(n: usize) -> SampleTenant {
        let config = json!({
            "phone_number_id": format!("10020{n:04}"), "waba_id": format!("90010{n:04}"),
            "access_token": { "secret": "token" }, "app_secret": { "secret": "proof" },
        });
        SampleTenant::new(config)
            .secret("token", format!("sample-token-{n}"))
            .secret("proof", format!("sample-proof-{n}"))
            .route("phone_number_id", format!("10020{n:04}"))
            .route("waba_id", format!("90010{n:04}"))
    }

    fn application_secrets() -> Vec<(String, String)> {
        vec![("app".into(), APP_SECRET.into()), ("verify".into(), VERIFY_TOKEN.into())]
    }

    fn outbound() -> Option<Outbound> {
        let to = || Identity::phone("+15557310009").unwrap();
        Some(
            Outbound::new(|sample| OutboundMessage::text(Identity::phone(&sample.phone()).unwrap(), sample.text()))
                .provider(graph)
                .error_table(errors())
                .also(&OutboundMessage::new(to(), Content::Media(Media::link(MediaKind::Image, "https://shop.example/cat.png"))))
                .also(&json!({ "to": "+15557310009", "content": upload() }))
                .also(&json!({ "to": "+15557310009", "content": { "type": "template", "name": "order_ready", "language": "en_US" } }))
                .also(&json!({ "to": "+15557310009", "content": { "type": "read_mark", "target": "wamid.IN" } }))
                .warned(&json!({ "to": "+15557310009", "content": form("A label of 24 characters") }))
                .refused(&json!({ "to": "+15557310009", "content": { "type": "reaction", "target": "wamid.IN", "emoji": "ok" } }))
                .pairs(pairs().join("outbound")),
        )
    }

    fn inbound() -> Option<Inbound> {
        let inbound = Inbound::new(message, |tenant, elements| json!({ "object": OBJECT, "entry": [entry(tenant, elements)] }), signed)
            .mixed(|elements| {
                let entries: Vec<_> = elements.into_iter().map(|(tenant, element)| entry(tenant, vec![element])).collect();
                json!({ "object": OBJECT, "entry": entries })
            })
            .signature("x-hub-signature-256")
            .expected(expected)
            .handshake(|_| Handshake::new(question(VERIFY_TOKEN), "17").wrong(question("another")))
            .unknown([json!({ "id": "wamid.U", "from": "15557310001", "timestamp": "1767225600", "type": "hologram", "hologram": {} })])
            .pairs(pairs());
        Some(inbound)
    }
}

fn pairs() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/whatsapp-meta-cloud")
}

/// A file that is stored at Meta before it is sent.
pub(crate) fn upload() -> Value {
    let source = json!({ "type": "inline", "data": "aGVsbG8=" });
    json!({ "type": "media", "kind": "document", "mime": "text/plain", "filename": "hello.txt", "source": source })
}

pub(crate) fn form(label: &str) -> Value {
    json!({ "type": "interactive", "kind": "flow", "body": "b", "label": label, "flow_id": "1" })
}

/// Meta's Graph API where all is well.
pub(crate) fn graph(call: &Call<'_>) -> http::Response<Bytes> {
    let body = call.json();
    if body["status"] == "read" {
        return contract::json(200, &json!({ "success": true }));
    }
    if call.path().ends_with("/media") {
        return contract::json(200, &json!({ "id": format!("{}", 5000 + call.n()) }));
    }
    if call.request().method() == http::Method::GET {
        return contract::json(200, &json!({ "id": "1", "status": "CONNECTED", "quality_rating": "GREEN" }));
    }
    let to = body["to"].as_str().unwrap_or_default().trim_start_matches('+').to_owned();
    let answer = json!({
        "messaging_product": "whatsapp",
        "contacts": [{ "input": body["to"], "wa_id": to }],
        "messages": [{ "id": format!("wamid.{}", call.n()) }],
    });
    contract::json(200, &answer)
}

/// Rows of Meta's error table; the whole of it is tested beside the code.
pub(crate) fn errors() -> Vec<ErrorRow> {
    let row = |status, code: i64, kind, reach| {
        let body = json!({ "error": { "message": "(#1) canary-word", "type": "OAuthException", "code": code, "fbtrace_id": "Atrace" } });
        ErrorRow::new(contract::json(status, &body), kind, reach).code(code.to_string())
    };
    vec![
        row(400, 131_047, Kind::WindowClosed, Reach::Processed),
        row(400, 131_026, Kind::InvalidRecipient, Reach::Processed),
        row(401, 190, Kind::Unauthorized, Reach::Processed),
        row(404, 132_001, Kind::Template, Reach::Processed),
        row(400, 130_429, Kind::RateLimited, Reach::NotSent).header("retry-after", "9").retry_after(Duration::from_secs(9)),
        row(500, 131_057, Kind::Unavailable, Reach::NotSent),
        row(503, 2, Kind::Unavailable, Reach::Maybe),
        row(200, 131_047, Kind::WindowClosed, Reach::Processed),
    ]
}

pub(crate) const OBJECT: &str = "whatsapp_business_account";

/// A text of a person.
pub(crate) fn message(sample: &Sample) -> Value {
    json!({
        "id": format!("wamid.{}", sample.word("in")),
        "from": sample.phone().trim_start_matches('+'),
        "timestamp": (sample.at_ms() / 1000).to_string(),
        "type": "text",
        "text": { "body": sample.text() },
    })
}

/// Elements of expected events, in Meta's form. A status names one recipient.
pub(crate) fn expected(sample: &Sample, what: &Expected<'_>) -> Option<Value> {
    let mut element = message(sample);
    let members = element.as_object_mut()?;
    members.remove("text");
    let mut typed = |kind: &str, value: Value| {
        members.insert("type".into(), kind.into());
        members.insert(kind.into(), value);
    };
    match what {
        Expected::Choice { id, title } => {
            typed("interactive", json!({ "type": "button_reply", "button_reply": { "id": id, "title": title } }));
        }
        Expected::Reaction { target, emoji } => {
            let mut reaction = json!({ "message_id": target });
            if let Some(emoji) = emoji {
                reaction["emoji"] = (*emoji).into();
            }
            typed("reaction", reaction);
        }
        Expected::Contact { name } => typed("contacts", json!([{ "name": { "formatted_name": name, "first_name": name } }])),
        Expected::Order { sku, quantity } => {
            let item = json!({ "product_retailer_id": sku, "quantity": quantity, "item_price": 10.5, "currency": "EUR" });
            typed("order", json!({ "catalog_id": "C1", "product_items": [item] }));
        }
        Expected::Form { answers } => {
            let reply = json!({ "name": "flow", "body": "Sent", "response_json": answers });
            typed("interactive", json!({ "type": "nfm_reply", "nfm_reply": reply }));
        }
        Expected::WithoutPhone => {
            typed("text", json!({ "body": sample.text() }));
            members.remove("from");
            members.insert("from_user_id".into(), format!("US.1350000000000000{:04}", sample.n()).into());
        }
        Expected::Status { target, state, recipients: [person], .. } => {
            let (at, status) = ((sample.at_ms() / 1000).to_string(), state.as_str());
            return Some(json!({ "id": target, "status": status, "timestamp": at, "recipient_id": person }));
        }
        Expected::Failure { target, permanent, suppressed, recipient } => {
            let code = match (*permanent, *suppressed) {
                (_, true) => 131_050,
                (true, false) => 131_026,
                // Meta reports no failure that may still end well.
                (false, false) => return None,
            };
            let (at, errors) = ((sample.at_ms() / 1000).to_string(), json!([{ "code": code, "title": "t" }]));
            return Some(json!({ "id": target, "status": "failed", "timestamp": at, "recipient_id": recipient, "errors": errors }));
        }
        _ => return None,
    }
    Some(element)
}

pub(crate) fn entry(tenant: usize, elements: Vec<Value>) -> Value {
    let (statuses, messages): (Vec<_>, Vec<_>) = elements.into_iter().partition(|element| element.get("status").is_some());
    let mut value = json!({
        "messaging_product": "whatsapp",
        "metadata": { "display_phone_number": "15550009999", "phone_number_id": format!("10020{tenant:04}") },
    });
    for (array, elements) in [("messages", messages), ("statuses", statuses)] {
        if !elements.is_empty() {
            value[array] = elements.into();
        }
    }
    json!({ "id": format!("90010{tenant:04}"), "time": 1_767_225_600, "changes": [{ "field": "messages", "value": value }] })
}

fn signed(delivery: &Delivery) -> http::Request<Bytes> {
    let signature = META.sign(&delivery.body, &Secret::new(APP_SECRET.as_bytes().to_vec()));
    http::Request::post("/hook").header("x-hub-signature-256", signature).body(delivery.body.clone()).unwrap()
}

fn question(token: &str) -> http::Request<Bytes> {
    let uri = format!("/hook?hub.mode=subscribe&hub.challenge=17&hub.verify_token={token}");
    http::Request::get(uri).body(Bytes::new()).unwrap()
}
