//! Every kind of content as the exact JSON that is posted.

use serde_json::{Value, json};
use zengine_connector::{
    Content, Identity, OutboundMessage, Secret,
    message::{IdentityKind, Media, MediaKind, Party},
};

use super::support::{Bench, PHONE, interactive, message, template, to};

/// The reference of the client message id `order-17`.
fn reference(body: &Value) -> &str {
    body["biz_opaque_callback_data"].as_str().unwrap()
}

/// The object that is sent under the message's type.
async fn object(bench: &Bench, kind: &str, message: &OutboundMessage) -> Value {
    let body = bench.body(message).await;
    assert_eq!(body["type"], kind);
    assert_eq!(body["to"], PHONE);
    assert_eq!(body["recipient_type"], "individual");
    let keys: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).filter(|key| *key != "context").collect();
    let mut expected = vec!["biz_opaque_callback_data", "recipient_type", "to", "type", kind];
    expected.sort_unstable();
    assert_eq!(keys, expected);
    body[kind].clone()
}

async fn sent_interactive(kind: &str, members: Value) -> Value {
    object(&Bench::new().await, "interactive", &interactive(kind, members)).await
}

#[tokio::test]
async fn the_call_is_a_post_with_the_token_and_the_reference() {
    let bench = Bench::new().await;
    let receipt = bench.try_send(&message(json!({"type": "text", "body": "Hello"}))).await.unwrap();
    assert_eq!(receipt.provider_id().unwrap().as_str(), "wamid.OUT");
    bench.last_call(|request, options| {
        assert_eq!(
            (request.method().as_str(), request.uri().to_string().as_str()),
            ("POST", "https://graph.facebook.com/v26.0/100200300/messages")
        );
        assert_eq!(request.headers()["authorization"], "Bearer canary-token");
        assert!(request.headers()["authorization"].is_sensitive());
        assert_eq!(request.headers()["content-type"], "application/json");
        assert_eq!((options.redirects, options.timeout.as_secs()), (0, 10));
    });
    let body = bench.posted();
    assert!(reference(&body).starts_with("z1.0."), "{body}");
    bench.sent(&message(json!({"type": "text", "body": "Hello"}))).await;
    assert_eq!(reference(&bench.posted()), reference(&body), "the reference is the same for every attempt (rule 4)");
}

#[tokio::test]
async fn a_tenants_version_goes_before_the_apps() {
    let bench = Bench::with(|config| config.graph_version = Some("v25.0".into())).await;
    bench.sent(&message(json!({"type": "text", "body": "Hello"}))).await;
    bench.last_call(|request, _| assert_eq!(request.uri().path(), "/v25.0/100200300/messages"));
}

#[tokio::test]
async fn text() {
    let bench = Bench::new().await;
    assert_eq!(object(&bench, "text", &message(json!({"type": "text", "body": "Olá 👋\n/x"}))).await, json!({"body": "Olá 👋\n/x"}));
    let preview = message(json!({"type": "text", "body": "https://example.org", "preview_url": true}));
    assert_eq!(object(&bench, "text", &preview).await, json!({"body": "https://example.org", "preview_url": true}));
}

#[tokio::test]
async fn a_reply_quotes_the_message() {
    let bench = Bench::new().await;
    let body = bench.body(&message(json!({"type": "text", "body": "Yes"})).with_reply_to("wamid.IN")).await;
    assert_eq!(body["context"], json!({"message_id": "wamid.IN"}));
}

#[tokio::test]
async fn media_by_link_and_by_id() {
    let bench = Bench::new().await;
    let link = |kind: &str| json!({"type": "media", "kind": kind, "source": {"type": "url", "url": "https://example.org/f"}});
    let id = |kind: &str| json!({"type": "media", "kind": kind, "source": {"type": "handle", "id": "777", "url": "https://lookaside.fbsbx.com/x"}});
    for kind in ["image", "audio", "video", "document", "sticker"] {
        assert_eq!(object(&bench, kind, &message(link(kind))).await, json!({"link": "https://example.org/f"}));
        assert_eq!(object(&bench, kind, &message(id(kind))).await, json!({"id": "777"}));
    }
}

#[tokio::test]
async fn media_with_caption_file_name_and_voice() {
    let bench = Bench::new().await;
    let send = async |mut members: Value| {
        members["type"] = "media".into();
        members["source"] = json!({"type": "handle", "id": "7"});
        let kind = members["kind"].as_str().unwrap().to_owned();
        object(&bench, &kind, &message(members)).await
    };
    assert_eq!(send(json!({"kind": "image", "caption": "c", "mime": "image/png"})).await, json!({"id": "7", "caption": "c"}));
    assert_eq!(send(json!({"kind": "video", "caption": ""})).await, json!({"id": "7"}));
    assert_eq!(
        send(json!({"kind": "document", "caption": "c", "filename": "Rechnung März.pdf", "mime": "application/pdf"})).await,
        json!({"id": "7", "caption": "c", "filename": "Rechnung März.pdf"})
    );
    assert_eq!(send(json!({"kind": "audio", "voice": true, "mime": "audio/ogg; codecs=opus"})).await, json!({"id": "7", "voice": true}));
    assert_eq!(send(json!({"kind": "sticker", "animated": true, "bytes": 512_000, "mime": "image/webp"})).await, json!({"id": "7"}));
}

#[tokio::test]
async fn bytes_are_stored_first_and_sent_by_id() {
    let bench = Bench::new().await;
    bench.answer(super::support::answer(200, &json!({"id": "777"})));
    let source = json!({"type": "inline", "data": "aGVsbG8="});
    let content = json!({"type": "media", "kind": "document", "source": source, "mime": "text/plain", "filename": "a.txt", "caption": "c"});
    bench.sent(&message(content)).await;
    assert_eq!(bench.calls(), 2);
    bench.call(0, |request| {
        assert_eq!(request.uri().path(), "/v26.0/100200300/media");
        assert_eq!(request.headers()["content-type"], "multipart/form-data; boundary=zengine-part");
        let form = std::str::from_utf8(request.body()).unwrap();
        assert!(form.contains("name=\"messaging_product\"\r\n\r\nwhatsapp\r\n"), "{form}");
        assert!(form.contains("filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\nhello\r\n"), "{form}");
    });
    assert_eq!(bench.posted()["document"], json!({"id": "777", "caption": "c", "filename": "a.txt"}));
}

#[tokio::test]
async fn a_card_or_place_with_blank_parts_is_sent_on_without_them() {
    let bench = Bench::new().await;
    let blank = " \u{a0}";
    let card = json!({
        "name": {"formatted_name": "Ana Lima", "first_name": "Ana", "last_name": " "},
        "phones": [{"value": "", "label": blank, "wa_id": "15551230001"}, {"value": blank, "wa_id": "15551230002"}, {"value": "1", "wa_id": " "}],
        "emails": [{"value": "a@example.org", "label": blank}],
        "addresses": [{"street": "1 High St\u{b}Floor 2", "city": " ", "zip": "\u{0}"}, {"city": blank}],
        "org": {"company": " ", "title": "\u{b}"},
    });
    assert_eq!(
        object(&bench, "contacts", &message(json!({"type": "contacts", "contacts": [card]}))).await,
        json!([{
            "name": {"formatted_name": "Ana Lima", "first_name": "Ana"},
            "phones": [{"wa_id": "15551230001"}, {"wa_id": "15551230002"}, {"phone": "1"}],
            "emails": [{"email": "a@example.org"}],
            "addresses": [{"street": "1 High St Floor 2"}],
        }])
    );
    let place = json!({"type": "location", "latitude": 1.0, "longitude": 2.0, "name": "Shop\u{b}A", "address": blank});
    assert_eq!(object(&bench, "location", &message(place)).await, json!({"latitude": 1.0, "longitude": 2.0, "name": "Shop A"}));
    // A part that shows nothing is no part.
    let filling = Bench::with(|config| config.fill_contact_first_name = true).await;
    let card = json!({"type": "contacts", "contacts": [{"name": {"formatted_name": "Ana", "last_name": " "}}]});
    assert_eq!(object(&filling, "contacts", &message(card)).await, json!([{"name": {"formatted_name": "Ana", "first_name": "Ana"}}]));
}

#[tokio::test]
async fn a_stored_file_is_named_by_its_mime_type() {
    let source = json!({"type": "inline", "data": "T2dnUzEyMzQ1"});
    for (kind, mime, named, stored, shown) in [
        ("audio", "audio/ogg; codecs=opus", json!("voice-note.mp4"), "audio.ogg", None),
        ("sticker", "image/webp", Value::Null, "sticker.webp", None),
        ("document", "application/pdf", json!("Offer.pdf"), "Offer.pdf", Some("Offer.pdf")),
        ("document", "application/pdf", json!("report"), "report.pdf", Some("report.pdf")),
        ("document", "application/pdf", json!("report.docx"), "report.docx.pdf", Some("report.docx.pdf")),
        ("document", "application/pdf", json!("No.12"), "No.12.pdf", Some("No.12.pdf")),
        ("document", "application/pdf", json!("Mr. Lima"), "Mr. Lima.pdf", Some("Mr. Lima.pdf")),
        ("document", "application/pdf", Value::Null, "document.pdf", Some("document.pdf")),
        ("document", "application/vnd.ms-excel", json!("data.CSV"), "data.CSV", Some("data.CSV")),
        // An extension of no type that WhatsApp names is the file's own.
        ("document", "text/plain", json!("config.yaml"), "config.yaml.txt", Some("config.yaml")),
        ("document", "text/plain", json!("a.json"), "a.json.txt", Some("a.json")),
        ("document", "image/jpeg", json!("photo.jfif"), "photo.jfif.jpg", Some("photo.jfif")),
        ("document", "application/vnd.ms-powerpoint", json!("a.pps"), "a.pps.ppt", Some("a.pps")),
        ("document", "application/msword", json!("a.dot"), "a.dot.doc", Some("a.dot")),
    ] {
        let bench = Bench::new().await;
        bench.answer(super::support::answer(200, &json!({"id": "777"})));
        let content = json!({"type": "media", "kind": kind, "voice": kind == "audio", "source": source, "mime": mime, "filename": named});
        bench.sent(&message(content)).await;
        let form = bench.call(0, |request| String::from_utf8(request.body().to_vec()).unwrap());
        assert!(form.contains(&format!("filename=\"{stored}\"\r\nContent-Type: {mime}\r\n")), "{form}");
        assert_eq!(bench.posted()[kind].get("filename").cloned(), shown.map(Value::from), "what the recipient sees");
    }
}

#[tokio::test]
async fn a_tenants_app_secret_proves_every_call() {
    let bench = Bench::with(|config| config.app_secret = Some(Secret::new("app secret".into()))).await;
    bench.sent(&message(json!({"type": "text", "body": "x"}))).await;
    bench.last_call(|request, _| {
        let proof = request.uri().query().unwrap().strip_prefix("appsecret_proof=").unwrap().to_owned();
        assert!(proof.len() == 64 && proof.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')), "{proof}");
    });
    bench.health().await;
    bench.last_call(|request, _| assert!(request.uri().query().unwrap().contains("health_status&appsecret_proof=")));
}

#[tokio::test]
async fn location() {
    let bench = Bench::new().await;
    let plain = message(json!({"type": "location", "latitude": -23.5, "longitude": 46}));
    assert_eq!(object(&bench, "location", &plain).await, json!({"latitude": -23.5, "longitude": 46.0}));
    let full = message(json!({"type": "location", "latitude": 1.0, "longitude": 2.0, "name": "Shop", "address": "Main St 1"}));
    assert_eq!(object(&bench, "location", &full).await, json!({"latitude": 1.0, "longitude": 2.0, "name": "Shop", "address": "Main St 1"}));
}

fn card() -> Value {
    json!({
        "name": {"formatted_name": "Dr. Ana Lima", "first_name": "Ana", "last_name": "Lima", "middle_name": "M", "prefix": "Dr.", "suffix": "Jr."},
        "phones": [{"value": "+15551230009", "label": "WORK", "wa_id": "15551230009"}],
        "emails": [{"value": "ana@example.org", "label": "HOME"}],
        "urls": [{"value": "https://example.org"}],
        "addresses": [{"street": "Main St 1", "city": "X", "state": "CA", "zip": "1", "country": "US", "country_code": "us", "label": "HOME"}],
        "org": {"company": "Acme", "department": "Sales", "title": "Lead"},
        "birthday": "1990-02-28"
    })
}

#[tokio::test]
async fn contacts() {
    let bench = Bench::new().await;
    let full = message(json!({"type": "contacts", "contacts": [card()]}));
    assert_eq!(
        object(&bench, "contacts", &full).await,
        json!([{
            "name": {"formatted_name": "Dr. Ana Lima", "first_name": "Ana", "last_name": "Lima", "middle_name": "M", "prefix": "Dr.", "suffix": "Jr."},
            "phones": [{"phone": "+15551230009", "type": "WORK", "wa_id": "15551230009"}],
            "emails": [{"email": "ana@example.org", "type": "HOME"}],
            "urls": [{"url": "https://example.org"}],
            "addresses": [{"street": "Main St 1", "city": "X", "state": "CA", "zip": "1", "country": "US", "country_code": "us", "type": "HOME"}],
            "org": {"company": "Acme", "department": "Sales", "title": "Lead"},
            "birthday": "1990-02-28"
        }])
    );
    let parts = message(json!({"type": "contacts", "contacts": [{"name": {"first_name": "Ana", "last_name": "Lima"}}]}));
    let whole = json!([{"name": {"formatted_name": "Ana Lima", "first_name": "Ana", "last_name": "Lima"}}]);
    assert_eq!(object(&bench, "contacts", &parts).await, whole, "the whole name is made of its parts");
    let short = message(json!({"type": "contacts", "contacts": [{"name": {"formatted_name": "Ana"}}]}));
    assert_eq!(object(&bench, "contacts", &short).await, json!([{"name": {"formatted_name": "Ana"}}]));
    let filling = Bench::with(|config| config.fill_contact_first_name = true).await;
    assert_eq!(object(&filling, "contacts", &short).await, json!([{"name": {"formatted_name": "Ana", "first_name": "Ana"}}]));
}

#[tokio::test]
async fn a_reaction_and_its_removal() {
    let bench = Bench::new().await;
    let given = message(json!({"type": "reaction", "target": "wamid.IN", "emoji": "👍🏽"}));
    assert_eq!(object(&bench, "reaction", &given).await, json!({"message_id": "wamid.IN", "emoji": "👍🏽"}));
    let taken = message(json!({"type": "reaction", "target": "wamid.IN"}));
    assert_eq!(object(&bench, "reaction", &taken).await, json!({"message_id": "wamid.IN", "emoji": ""}));
}

#[tokio::test]
async fn read_marks_and_typing_notices_have_no_recipient_and_no_id() {
    let bench = Bench::new().await;
    let done = || super::support::answer(200, &json!({"success": true}));
    let read = json!({"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.IN"});
    let mut typing = read.clone();
    typing["typing_indicator"] = json!({"type": "text"});
    for (sent, expected) in [
        (message(json!({"type": "read_mark", "target": "wamid.IN"})), &read),
        (message(json!({"type": "typing", "target": "wamid.IN"})), &typing),
        (message(json!({"type": "typing"})).with_reply_to("wamid.IN"), &typing),
    ] {
        bench.answer(done());
        let receipt = bench.try_send(&sent).await.unwrap();
        assert_eq!(receipt.provider_id(), None);
        assert_eq!(&bench.posted(), expected);
    }
}

#[tokio::test]
async fn native_members_stand_beside_the_envelope() {
    let bench = Bench::new().await;
    let pin = json!({"type": "pin", "pin": {"type": "pin", "message_id": "wamid.1", "expiration_days": 7}});
    let sent = to(json!({"kind": "group", "value": "G1"}), json!({"type": "native", "value": pin}));
    let body = bench.body(&sent).await;
    assert_eq!((&body["recipient_type"], &body["to"], &body["pin"]["expiration_days"]), (&json!("group"), &json!("G1"), &json!(7)));
    let keyed = json!({"type": "text", "text": {"body": "x"}, "recipient_identity_key_hash": "h"});
    let body = bench.body(&message(json!({"type": "native", "value": keyed})).with_reply_to("wamid.IN")).await;
    assert_eq!((&body["recipient_identity_key_hash"], &body["context"]["message_id"]), (&json!("h"), &json!("wamid.IN")));
}

#[tokio::test]
async fn recipients_are_written_in_the_partys_order() {
    let bench = Bench::new().await;
    let text = json!({"type": "text", "body": "x"});
    let id = |kind: &str, value: &str| json!({"kind": kind, "value": value});
    let table = [
        (json!([id("phone", "+1 (555) 123-0001"), id("bsuid", "US.1")]), json!({"recipient_type": "individual", "to": "+15551230001"})),
        (json!([id("bsuid", "US.1"), id("phone", "+15551230001")]), json!({"recipient_type": "individual", "recipient": "US.1"})),
        (json!([id("parent_bsuid", "US.ENT.1")]), json!({"recipient_type": "individual", "recipient": "US.ENT.1"})),
        (json!([id("username", "ana"), id("wa_id", "5511999990000")]), json!({"recipient_type": "individual", "to": "+5511999990000"})),
        (json!([id("email", "a@b.c"), id("group", "G 1")]), json!({"recipient_type": "group", "to": "G 1"})),
    ];
    for (party, expected) in table {
        let mut body = bench.body(&to(party.clone(), text.clone())).await;
        for key in ["biz_opaque_callback_data", "type", "text"] {
            body.as_object_mut().unwrap().remove(key);
        }
        assert_eq!(body, expected, "{party}");
    }
}

#[tokio::test]
async fn typed_messages_need_no_json() {
    let bench = Bench::new().await;
    let party = Party::of(Identity::new(IdentityKind::WaId, "15551230001").unwrap());
    let media = Media::link(MediaKind::Image, "https://example.org/a.png").with_caption("A");
    let body = bench.body(&OutboundMessage::new(party, Content::Media(media))).await;
    assert_eq!(body["image"], json!({"link": "https://example.org/a.png", "caption": "A"}));
}

#[tokio::test]
async fn buttons() {
    let plain = json!({"body": "Tea?", "buttons": [{"id": "y", "title": "Yes"}]});
    let action = json!({"buttons": [{"type": "reply", "reply": {"id": "y", "title": "Yes"}}]});
    assert_eq!(sent_interactive("buttons", plain).await, json!({"type": "button", "body": {"text": "Tea?"}, "action": action}));
    let table = [
        (json!({"type": "text", "text": "Head"}), json!({"type": "text", "text": "Head"})),
        (
            json!({"type": "media", "media": {"kind": "image", "source": {"type": "url", "url": "https://example.org/a"}}}),
            json!({"type": "image", "image": {"link": "https://example.org/a"}}),
        ),
        (
            json!({"type": "media", "media": {"kind": "video", "source": {"type": "handle", "id": "7"}}}),
            json!({"type": "video", "video": {"id": "7"}}),
        ),
        (
            json!({"type": "media", "media": {"kind": "document", "filename": "f.pdf", "source": {"type": "handle", "id": "7"}}}),
            json!({"type": "document", "document": {"id": "7", "filename": "f.pdf"}}),
        ),
    ];
    for (header, expected) in table {
        let full = json!({"header": header, "body": "Tea?", "footer": "Foot", "buttons": [{"id": "y", "title": "Yes"}]});
        let sent = json!({"type": "button", "header": expected, "body": {"text": "Tea?"}, "footer": {"text": "Foot"}, "action": action});
        assert_eq!(sent_interactive("buttons", full).await, sent);
    }
}

#[tokio::test]
async fn a_list() {
    let members = json!({
        "header": {"type": "text", "text": "Head"}, "body": "Pick", "footer": "Foot", "button": "Open",
        "sections": [
            {"title": "A", "rows": [{"id": "1", "title": "One", "description": "first"}]},
            {"title": "B", "rows": [{"id": "2", "title": "Two"}, {"id": "3", "title": "Three", "description": ""}]}
        ]
    });
    let expected = json!({
        "type": "list", "header": {"type": "text", "text": "Head"}, "body": {"text": "Pick"}, "footer": {"text": "Foot"},
        "action": {"button": "Open", "sections": [
            {"title": "A", "rows": [{"id": "1", "title": "One", "description": "first"}]},
            {"title": "B", "rows": [{"id": "2", "title": "Two"}, {"id": "3", "title": "Three"}]}
        ]}
    });
    assert_eq!(sent_interactive("list", members).await, expected);
    let short = json!({"body": "Pick", "button": "Open", "sections": [{"rows": [{"id": "1", "title": "One"}]}]});
    let expected = json!({
        "type": "list", "body": {"text": "Pick"}, "action": {"button": "Open", "sections": [{"rows": [{"id": "1", "title": "One"}]}]}
    });
    assert_eq!(sent_interactive("list", short).await, expected);
}

#[tokio::test]
async fn a_web_address_button() {
    let members = json!({"body": "See", "label": "Open shop", "url": "https://example.org/?a=1"});
    let action = json!({"name": "cta_url", "parameters": {"display_text": "Open shop", "url": "https://example.org/?a=1"}});
    assert_eq!(sent_interactive("cta_url", members).await, json!({"type": "cta_url", "body": {"text": "See"}, "action": action}));
}

#[tokio::test]
async fn products_and_catalogues() {
    let members = json!({"catalog": "C1", "sku": "S1"});
    let expected = json!({"type": "product", "action": {"catalog_id": "C1", "product_retailer_id": "S1"}});
    assert_eq!(sent_interactive("product", members).await, expected);
    let members = json!({
        "header": {"type": "text", "text": "Shoes"}, "body": "Pick", "footer": "Foot", "catalog": "C1",
        "sections": [{"title": "Red", "items": [{"sku": "1"}]}, {"title": "Blue", "items": [{"sku": "2"}, {"sku": "3"}]}]
    });
    let expected = json!({
        "type": "product_list", "header": {"type": "text", "text": "Shoes"}, "body": {"text": "Pick"}, "footer": {"text": "Foot"},
        "action": {"catalog_id": "C1", "sections": [
            {"title": "Red", "product_items": [{"product_retailer_id": "1"}]},
            {"title": "Blue", "product_items": [{"product_retailer_id": "2"}, {"product_retailer_id": "3"}]}
        ]}
    });
    assert_eq!(sent_interactive("product_list", members).await, expected);
    let expected = json!({"type": "catalog_message", "body": {"text": "All"}, "action": {"name": "catalog_message"}});
    assert_eq!(sent_interactive("catalog", json!({"body": "All"})).await, expected);
    let pictured = sent_interactive("catalog", json!({"body": "All", "thumbnail_sku": "S1"})).await;
    assert_eq!(pictured["action"]["parameters"], json!({"thumbnail_product_retailer_id": "S1"}));
}

#[tokio::test]
async fn flows() {
    let members =
        json!({"body": "Fill in", "label": "Start", "flow_id": "F1", "token": "T", "draft": true, "screen": "S", "data": {"a": 1}});
    let parameters = json!({
        "flow_message_version": "3", "flow_id": "F1", "flow_cta": "Start", "flow_token": "T", "mode": "draft",
        "flow_action": "navigate", "flow_action_payload": {"screen": "S", "data": {"a": 1}}
    });
    let expected = json!({"type": "flow", "body": {"text": "Fill in"}, "action": {"name": "flow", "parameters": parameters}});
    assert_eq!(sent_interactive("flow", members).await, expected);
    let members = json!({"body": "Fill in", "label": "Start", "flow_name": "signup"});
    let parameters = json!({"flow_message_version": "3", "flow_name": "signup", "flow_cta": "Start", "flow_action": "data_exchange"});
    assert_eq!(sent_interactive("flow", members).await["action"]["parameters"], parameters);
}

#[tokio::test]
async fn questions_for_place_address_number_and_calls() {
    let expected = json!({"type": "location_request_message", "body": {"text": "Where?"}, "action": {"name": "send_location"}});
    assert_eq!(sent_interactive("location_request", json!({"body": "Where?"})).await, expected);

    let address = json!({"body": "Where to?", "country": "IN", "parameters": {"values": {"name": "Ana"}}});
    let expected = json!({
        "type": "address_message", "body": {"text": "Where to?"},
        "action": {"name": "address_message", "parameters": {"country": "IN", "values": {"name": "Ana"}}}
    });
    assert_eq!(sent_interactive("address_request", address).await, expected);

    let call = json!({"body": "Talk?", "label": "Call us", "ttl_minutes": 100, "payload": "p"});
    let expected = json!({
        "type": "voice_call", "body": {"text": "Talk?"},
        "action": {"name": "voice_call", "parameters": {"display_text": "Call us", "ttl_minutes": 100, "payload": "p"}}
    });
    assert_eq!(sent_interactive("voice_call", call).await, expected);

    let expected = json!({"type": "call_permission_request", "action": {"name": "call_permission_request"}});
    assert_eq!(sent_interactive("call_permission_request", json!({})).await, expected);

    let expected = json!({"type": "request_contact_info", "body": {"text": "Your number?"}, "action": {"name": "request_contact_info"}});
    assert_eq!(sent_interactive("contact_info_request", json!({"body": "Your number?"})).await, expected);
}

#[tokio::test]
async fn carousels_of_links_replies_and_products() {
    let image = json!({"kind": "image", "source": {"type": "url", "url": "https://example.org/a"}});
    let header = json!({"type": "image", "image": {"link": "https://example.org/a"}});
    let link = json!({"type": "link", "media": image, "body": "Text", "label": "Open", "url": "https://example.org"});
    let sent = sent_interactive("carousel", json!({"body": "See", "cards": [link, link]})).await;
    let card = |index: u32| {
        json!({
            "card_index": index, "type": "cta_url", "header": header, "body": {"text": "Text"},
            "action": {"name": "cta_url", "parameters": {"display_text": "Open", "url": "https://example.org"}}
        })
    };
    assert_eq!(sent, json!({"type": "carousel", "body": {"text": "See"}, "action": {"cards": [card(0), card(1)]}}));

    let replies = json!({"type": "replies", "media": image, "buttons": [{"id": "1", "title": "One"}]});
    let sent = sent_interactive("carousel", json!({"body": "See", "cards": [replies, replies]})).await;
    let buttons = json!([{"type": "quick_reply", "quick_reply": {"id": "1", "title": "One"}}]);
    assert_eq!(sent["action"]["cards"][1], json!({"card_index": 1, "type": "cta_url", "header": header, "action": {"buttons": buttons}}));

    let product = json!({"type": "product", "catalog": "C", "sku": "S"});
    let sent = sent_interactive("carousel", json!({"body": "See", "cards": [product, product]})).await;
    let expected = json!({"card_index": 0, "type": "product", "action": {"product_retailer_id": "S", "catalog_id": "C"}});
    assert_eq!(sent["action"]["cards"][0], expected);
}

#[tokio::test]
async fn orders_pass_the_providers_parameters_through() {
    let parameters = json!({
        "reference_id": "R1", "type": "digital-goods", "currency": "INR", "total_amount": {"value": 1000, "offset": 100},
        "order": {"status": "pending", "items": [], "subtotal": {"value": 1000, "offset": 100}}
    });
    let sent = sent_interactive("order_details", json!({"body": "Pay", "parameters": parameters})).await;
    assert_eq!(
        sent,
        json!({"type": "order_details", "body": {"text": "Pay"}, "action": {"name": "review_and_pay", "parameters": parameters}})
    );
    for status in ["shipped", "partially-shipped", "partially_shipped"] {
        let parameters = json!({"reference_id": "R1", "order": {"status": status}});
        let sent = sent_interactive("order_status", json!({"body": "News", "parameters": parameters})).await;
        assert_eq!(sent["action"], json!({"name": "review_order", "parameters": parameters}));
    }
}

async fn sent_template(components: Value) -> Value {
    object(&Bench::new().await, "template", &template(components)).await
}

#[tokio::test]
async fn a_template_without_gaps() {
    let expected = json!({"name": "order_ready", "language": {"code": "en_US"}});
    assert_eq!(sent_template(json!([])).await, expected);
}

#[tokio::test]
async fn every_component_of_a_template() {
    let image = json!({"kind": "image", "source": {"type": "handle", "id": "7"}});
    let video = json!({"kind": "video", "source": {"type": "handle", "id": "7"}});
    let document = json!({"kind": "document", "filename": "f.pdf", "source": {"type": "url", "url": "https://example.org/f"}});
    let header = |parameter: Value| json!({"type": "header", "parameters": [parameter]});
    let body = |parameter: Value| json!({"type": "body", "parameters": [parameter]});
    let button = |sub_type: &str, parameters: Value| json!({"type": "button", "sub_type": sub_type, "index": 1, "parameters": parameters});
    let table = [
        (header(json!({"type": "text", "text": "x"})), header(json!({"type": "text", "text": "x"}))),
        (header(json!({"type": "text", "text": "x", "name": "n"})), header(json!({"type": "text", "text": "x", "parameter_name": "n"}))),
        (header(json!({"type": "media", "media": image})), header(json!({"type": "image", "image": {"id": "7"}}))),
        (header(json!({"type": "media", "media": video})), header(json!({"type": "video", "video": {"id": "7"}}))),
        (
            header(json!({"type": "media", "media": document})),
            header(json!({"type": "document", "document": {"link": "https://example.org/f", "filename": "f.pdf"}})),
        ),
        (header(json!({"type": "gif", "media": video})), header(json!({"type": "gif", "gif": {"id": "7"}}))),
        (
            header(json!({"type": "location", "location": {"latitude": 1.5, "longitude": 2.5, "name": "N", "address": "A"}})),
            header(json!({"type": "location", "location": {"latitude": 1.5, "longitude": 2.5, "name": "N", "address": "A"}})),
        ),
        (
            header(json!({"type": "product", "catalog": "C", "sku": "S"})),
            header(json!({"type": "product", "product": {"product_retailer_id": "S", "catalog_id": "C"}})),
        ),
        (body(json!({"type": "text", "text": "A"})), body(json!({"type": "text", "text": "A"}))),
        (
            body(json!({"type": "text", "text": "Ana", "name": "first_name"})),
            body(json!({"type": "text", "parameter_name": "first_name", "text": "Ana"})),
        ),
        (
            body(json!({"type": "currency", "fallback": "$12.50", "code": "USD", "amount_1000": 12500})),
            body(json!({"type": "currency", "currency": {"fallback_value": "$12.50", "code": "USD", "amount_1000": 12500}})),
        ),
        (
            body(json!({"type": "date_time", "fallback": "June 1", "name": "day"})),
            body(json!({"type": "date_time", "parameter_name": "day", "date_time": {"fallback_value": "June 1"}})),
        ),
        (body(json!({"type": "group_id", "group_id": "G"})), body(json!({"type": "group_id", "group_id": "G"}))),
        (
            button("quick_reply", json!([{"type": "payload", "payload": "P"}])),
            button("quick_reply", json!([{"type": "payload", "payload": "P"}])),
        ),
        (button("url", json!([{"type": "text", "text": "a/b"}])), button("url", json!([{"type": "text", "text": "a/b"}]))),
        (button("URL", json!([{"type": "text", "text": "a/b"}])), button("URL", json!([{"type": "text", "text": "a/b"}]))),
        (
            button("copy_code", json!([{"type": "coupon_code", "code": "SAVE20"}])),
            button("copy_code", json!([{"type": "coupon_code", "coupon_code": "SAVE20"}])),
        ),
        (
            button("flow", json!([{"type": "action", "action": {"flow_token": "t", "flow_action_data": {"a": 1}}}])),
            button("flow", json!([{"type": "action", "action": {"flow_token": "t", "flow_action_data": {"a": 1}}}])),
        ),
        (
            button("catalog", json!([{"type": "action", "action": {"thumbnail_product_retailer_id": "s"}}])),
            button("catalog", json!([{"type": "action", "action": {"thumbnail_product_retailer_id": "s"}}])),
        ),
        (
            button(
                "mpm",
                json!([{"type": "action", "action": {"sections": [{"title": "t", "product_items": [{"product_retailer_id": "s"}]}]}}]),
            ),
            button(
                "mpm",
                json!([{"type": "action", "action": {"sections": [{"title": "t", "product_items": [{"product_retailer_id": "s"}]}]}}]),
            ),
        ),
        (
            button("voice_call", json!([{"type": "ttl_minutes", "minutes": 60}, {"type": "payload", "payload": "x"}])),
            button("voice_call", json!([{"type": "ttl_minutes", "ttl_minutes": 60}, {"type": "payload", "payload": "x"}])),
        ),
        (
            button("order_details", json!([{"type": "action", "action": {"order_details": {"reference_id": "R"}}}])),
            button("order_details", json!([{"type": "action", "action": {"order_details": {"reference_id": "R"}}}])),
        ),
        (json!({"type": "button", "sub_type": "flow", "index": 0}), json!({"type": "button", "sub_type": "flow", "index": 0})),
        (
            json!({"type": "limited_time_offer", "expires_at_ms": 1_893_456_000_000_i64}),
            json!({"type": "limited_time_offer", "parameters": [
                {"type": "limited_time_offer", "limited_time_offer": {"expiration_time_ms": 1_893_456_000_000_i64}}
            ]}),
        ),
        (
            json!({"type": "tap_target", "url": "https://example.org", "title": "T"}),
            json!({"type": "tap_target_configuration", "parameters": [
                {"type": "tap_target_configuration", "tap_target_configuration": [{"url": "https://example.org", "title": "T"}]}
            ]}),
        ),
        (
            json!({"type": "carousel", "cards": [{"card_index": 0, "components": [{"type": "header", "parameters": [{"type": "media", "media": image}]}]}]}),
            json!({"type": "carousel", "cards": [
                {"card_index": 0, "components": [{"type": "header", "parameters": [{"type": "image", "image": {"id": "7"}}]}]}
            ]}),
        ),
    ];
    for (component, expected) in table {
        assert_eq!(sent_template(json!([component])).await["components"], json!([expected]));
    }
}

#[tokio::test]
async fn a_one_time_code_stands_in_body_and_button() {
    let text = |text: &str| json!([{"type": "text", "text": text}]);
    let components = json!([
        {"type": "body", "parameters": text("123456")},
        {"type": "button", "sub_type": "url", "index": 0, "parameters": text("123456")}
    ]);
    assert_eq!(sent_template(components.clone()).await["components"], components);
}

#[tokio::test]
async fn a_payment_can_be_shown_before_it_is_opened() {
    let link = json!({"body": "b", "label": "Pay", "url": "https://example.org/pay", "payment_link_preview": true});
    let action = sent_interactive("cta_url", link).await["action"].take();
    let parameters = json!({"display_text": "Pay", "url": "https://example.org/pay", "payment_link_preview": true});
    assert_eq!(action, json!({"name": "cta_url", "parameters": parameters}));
    for (more, expected) in [
        (json!({"payment_link_preview": true}), json!({"type": "text", "text": "17", "payment_link_preview": true})),
        (json!({}), json!({"type": "text", "text": "17"})),
    ] {
        let mut parameter = json!({"type": "url_suffix", "text": "17"});
        parameter.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let sent = template(json!([{"type": "button", "sub_type": "url", "index": 0, "parameters": [parameter]}]));
        let object = object(&Bench::new().await, "template", &sent).await;
        assert_eq!(object["components"][0]["parameters"], json!([expected]));
    }
}

#[tokio::test]
async fn an_address_can_be_asked_for_under_a_header() {
    let header = json!({"type": "text", "text": "h"});
    let asked = json!({"header": header, "body": "b", "footer": "f", "country": "IN", "parameters": {"values": {"name": "Ana"}}});
    let expected = json!({
        "type": "address_message", "header": {"type": "text", "text": "h"}, "body": {"text": "b"}, "footer": {"text": "f"},
        "action": {"name": "address_message", "parameters": {"country": "IN", "values": {"name": "Ana"}}}
    });
    assert_eq!(sent_interactive("address_request", asked).await, expected);
}

#[tokio::test]
async fn the_identity_that_wrote_must_be_the_one_that_is_answered() {
    let key = json!({"kind": "opaque", "ns": "identity_key_hash", "value": "DF2lS5v2W6x="});
    let person = json!([{"kind": "phone", "value": PHONE}, key]);
    let text = json!({"type": "text", "body": "Hello"});
    let bench = Bench::new().await;
    let body = bench.body(&to(person.clone(), text.clone())).await;
    assert_eq!((&body["recipient_identity_key_hash"], &body["to"]), (&json!("DF2lS5v2W6x="), &json!(PHONE)));
    let group = bench.body(&to(json!([{"kind": "group", "value": "G"}, key]), text.clone())).await;
    assert_eq!(group.get("recipient_identity_key_hash"), None);
    let lax = Bench::with(|config| config.check_identity_key = false).await;
    assert_eq!(lax.body(&to(person, text)).await.get("recipient_identity_key_hash"), None);
}

#[tokio::test]
async fn a_one_time_code_goes_to_a_number_where_there_is_one() {
    let code = json!({"type": "text", "text": "123456"});
    let components =
        json!([{"type": "body", "parameters": [code]}, {"type": "button", "sub_type": "url", "index": 0, "parameters": [code]}]);
    let content = json!({"type": "template", "name": "login_code", "language": "en_US", "components": components});
    let scoped = json!({"kind": "bsuid", "value": "US.13500000000000000001"});
    let both = to(json!([scoped, {"kind": "phone", "value": PHONE}]), content);
    let body = Bench::new().await.body(&both).await;
    assert_eq!((&body["to"], body.get("recipient")), (&json!(PHONE), None));
    assert_eq!(body["template"]["components"][1], json!({"type": "button", "sub_type": "url", "index": 0, "parameters": [code]}));
}

#[tokio::test]
async fn a_message_can_be_pinned_in_a_group() {
    let pin = json!({"type": "pin", "pin": {"type": "pin", "message_id": "wamid.1", "expiration_days": 7}});
    let body = Bench::new().await.body(&to(json!({"kind": "group", "value": "G"}), json!({"type": "native", "value": pin}))).await;
    assert_eq!((&body["recipient_type"], &body["to"], &body["type"]), (&json!("group"), &json!("G"), &json!("pin")));
    assert_eq!(body["pin"], json!({"type": "pin", "message_id": "wamid.1", "expiration_days": 7}));
}
