//! Sample numbers of one account at 360dialog: the bodies are Meta's, the key and the signature are not.

use bytes::Bytes;
use serde_json::json;
use zengine_connector::testing::contract::{self, Delivery, ErrorRow, Fixture, Inbound, Outbound, SampleTenant, Wire};
use zengine_connector::verify::HmacSha256;
use zengine_connector::{ErrorKind as Kind, Identity, OutboundMessage, Reach, Secret, SecretRef};
use zengine_strategies::whatsapp_360dialog::{Dialog360, WhatsApp360Dialog};

use crate::fixture::{OBJECT, entry, errors, expected, form, graph, message, upload};

const SECRET: &str = "sample-platform-secret";

pub(crate) struct Dialog360Fixture;

impl Fixture for Dialog360Fixture {
    type Strategy = WhatsApp360Dialog;

    fn strategy(wire: &Wire) -> WhatsApp360Dialog {
        WhatsApp360Dialog::new(wire.http(), Dialog360::new().with_platform_secret(SecretRef::named("platform")))
    }

    fn tenant(n: usize) -> SampleTenant {
        let (number, account) = (format!("10020{n:04}"), format!("90010{n:04}"));
        let config = json!({ "api_key": { "secret": "key" }, "phone_number_id": number, "waba_id": account });
        SampleTenant::new(config).secret("key", format!("sample-key-{n}")).route("phone_number_id", number).route("waba_id", account)
    }

    fn application_secrets() -> Vec<(String, String)> {
        vec![("platform".into(), SECRET.into())]
    }

    fn outbound() -> Option<Outbound> {
        let content = |content| json!({ "to": "+15557310009", "content": content });
        Some(
            Outbound::new(|sample| OutboundMessage::text(Identity::phone(&sample.phone()).unwrap(), sample.text()))
                .provider(graph)
                .error_table(errors().into_iter().chain(own_errors()))
                .also(&content(upload()))
                .also(&content(json!({ "type": "template", "name": "order_ready", "language": "en_US" })))
                .also(&content(json!({ "type": "read_mark", "target": "wamid.IN" })))
                .warned(&content(form("A label of 24 characters")))
                .refused(&content(json!({ "type": "reaction", "target": "wamid.IN", "emoji": "ok" }))),
        )
    }

    fn inbound() -> Option<Inbound> {
        let inbound = Inbound::new(message, |tenant, elements| json!({ "object": OBJECT, "entry": [entry(tenant, elements)] }), signed)
            .mixed(|elements| {
                let entries: Vec<_> = elements.into_iter().map(|(tenant, element)| entry(tenant, vec![element])).collect();
                json!({ "object": OBJECT, "entry": entries })
            })
            .signature("x-360dialog-signature")
            .expected(expected)
            .unknown([json!({ "id": "wamid.U", "from": "15557310001", "timestamp": "1767225600", "type": "hologram", "hologram": {} })]);
        Some(inbound)
    }
}

/// Errors of the partner's own gateway.
fn own_errors() -> Vec<ErrorRow> {
    let row = |status, text: &str, kind, reach| {
        let body = json!({ "meta": { "httpCode": 404, "developerMessage": format!("canary-word {text}"), "success": false } });
        ErrorRow::new(contract::json(status, &body), kind, reach)
    };
    vec![
        row(401, "Invalid api_key", Kind::Unauthorized, Reach::Processed),
        row(400, "due to lack of payment", Kind::Billing, Reach::Processed),
        row(400, "You have exceeded the limit", Kind::RateLimited, Reach::NotSent),
        row(502, "Bad gateway", Kind::Unavailable, Reach::Maybe),
    ]
}

fn signed(delivery: &Delivery) -> http::Request<Bytes> {
    let signature = HmacSha256::hex().sign(&delivery.body, &Secret::new(SECRET.as_bytes().to_vec()));
    http::Request::post("/").header("x-360dialog-signature", signature).body(delivery.body.clone()).unwrap()
}
