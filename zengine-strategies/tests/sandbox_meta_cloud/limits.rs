//! The limits of the emulator's input.

use serde_json::{Value, json};
use zengine_strategies::sandbox::meta_cloud::{MetaCloud, Template};

use crate::support::{Client, NUMBER, TOKEN, message, post, settings, start, text};

/// Sends all and collects what did not turn out as expected; code 0 is success.
async fn judge(meta: &MetaCloud, cases: Vec<(&str, Value, i64)>) {
    let client = Client::new();
    let mut wrong = Vec::new();
    for (name, body, expected) in cases {
        let answer = client.message(meta, &body).await;
        let accepted = meta.journal().entries().last().unwrap().accepted;
        if answer.code() != expected || accepted != (expected == 0) || (answer.status == 200) != (expected == 0) {
            wrong.push(format!("{name}: expected {expected}, got {} {}", answer.status, answer.json()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn with(mut body: Value, pointer: &str, value: impl Into<Value>) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    match body.pointer_mut(parent).unwrap() {
        Value::Array(items) => items[key.parse::<usize>().unwrap()] = value.into(),
        object => object[key] = value.into(),
    }
    body
}

fn without(mut body: Value, key: &str) -> Value {
    body.as_object_mut().unwrap().remove(key);
    body
}

#[tokio::test]
async fn the_envelope_is_checked() {
    let user = with(without(text(), "to"), "/recipient", "US.13500000000000000001");
    judge(
        &start(),
        vec![
            ("plain", text(), 0),
            ("type left out means text", without(text(), "type"), 0),
            ("no product", without(text(), "messaging_product"), 131_008),
            ("other product", with(text(), "/messaging_product", "sms"), 131_009),
            ("no recipient", without(text(), "to"), 131_008),
            ("a user id as recipient", user.clone(), 0),
            ("a bad user id", with(user, "/recipient", "135"), 131_009),
            ("a word as number", with(text(), "/to", "nobody"), 131_009),
            ("a number of 16 digits", with(text(), "/to", "1234567890123456"), 131_009),
            ("to oneself", with(text(), "/to", "+15550009999"), 131_021),
            ("unknown type", message("fax", json!({})), 131_051),
            ("no object of the type", without(text(), "text"), 131_008),
            ("objects of two types", with(text(), "/image", json!({"id": "1"})), 100),
            ("unknown key", with(text(), "/priority", 1), 100),
            ("direct send", with(with(text(), "/category", "utility"), "/ttl_seconds", 43_200), 0),
            ("direct send of a code", with(with(text(), "/category", "authentication"), "/ttl_seconds", 901), 131_009),
            ("direct send of marketing", with(text(), "/category", "marketing"), 131_009),
            ("direct send of a location", with(message("location", json!({"latitude": 1, "longitude": 2})), "/category", "utility"), 100),
            ("a lifetime without direct send", with(text(), "/ttl_seconds", 600), 100),
            ("context", with(text(), "/context", json!({"message_id": "wamid.X"})), 0),
            ("empty context", with(text(), "/context", json!({})), 131_008),
            ("callback data of 512", with(text(), "/biz_opaque_callback_data", "é".repeat(512)), 0),
            ("callback data of 513", with(text(), "/biz_opaque_callback_data", "x".repeat(513)), 131_009),
            ("null is no text", with(text(), "/biz_opaque_callback_data", Value::Null), 131_009),
            ("pin outside of a group", message("pin", json!({"type": "unpin", "message_id": "w"})), 131_051),
            ("list to a group", with(message("interactive", list(1, 1)), "/recipient_type", "group"), 130_501),
        ],
    )
    .await;
}

#[tokio::test]
async fn plain_types_are_checked() {
    let card = json!([{"name": {"formatted_name": "Ana"}, "phones": [{"phone": "+1555", "type": "CELL"}], "birthday": "1990-02-28"}]);
    judge(
        &start(),
        vec![
            ("text of 4096 characters", message("text", json!({"body": "😀".repeat(4096)})), 0),
            ("text of 4097 characters", message("text", json!({"body": "x".repeat(4097)})), 131_009),
            ("empty text", message("text", json!({"body": ""})), 131_009),
            ("preview as text", message("text", json!({"body": "x", "preview_url": "yes"})), 131_009),
            ("image by id", message("image", json!({"id": "1", "caption": "c".repeat(1024)})), 0),
            ("image by link", message("image", json!({"link": "https://example.org/a.png"})), 0),
            ("image by both", message("image", json!({"id": "1", "link": "https://example.org/a.png"})), 131_009),
            ("image by neither", message("image", json!({"caption": "c"})), 131_008),
            ("a long caption", message("video", json!({"id": "1", "caption": "c".repeat(1025)})), 131_009),
            ("link without scheme", message("image", json!({"link": "example.org/a.png"})), 131_009),
            ("caption on audio", message("audio", json!({"id": "1", "caption": "c"})), 100),
            ("caption of spaces", message("image", json!({"id": "1", "caption": "  "})), 131_009),
            ("voice note", message("audio", json!({"id": "1", "voice": true})), 0),
            ("caption on sticker", message("sticker", json!({"id": "1", "caption": "c"})), 100),
            ("document with a name", message("document", json!({"id": "1", "filename": "a.pdf"})), 0),
            ("location", message("location", json!({"latitude": 1.5, "longitude": "2.5", "name": "n", "address": "a"})), 0),
            ("latitude of 91", message("location", json!({"latitude": 91, "longitude": 2})), 131_009),
            ("no longitude", message("location", json!({"latitude": 1})), 131_008),
            ("contacts", message("contacts", card.clone()), 0),
            ("no contacts", message("contacts", json!([])), 131_009),
            ("258 contacts", message("contacts", vec![card[0].clone(); 258]), 131_009),
            ("a contact without a name", message("contacts", json!([{"phones": []}])), 131_008),
            ("a phone of nothing", message("contacts", with(card.clone(), "/0/phones", json!([{"phone": ""}]))), 131_009),
            ("a phone with an id only", message("contacts", with(card.clone(), "/0/phones", json!([{"wa_id": "15551230001"}]))), 0),
            ("a company of spaces", message("contacts", json!([{"name": {"formatted_name": "Ana"}, "org": {"company": "  "}}])), 0),
            ("a name of spaces", message("contacts", json!([{"name": {"formatted_name": "  ", "first_name": "Ana"}}])), 131_009),
            ("a place without words", message("location", json!({"latitude": 1, "longitude": 2, "name": " ", "address": " "})), 0),
            ("a birthday in words", message("contacts", with(card, "/0/birthday", "1 May")), 131_009),
            ("reaction", message("reaction", json!({"message_id": "wamid.X", "emoji": "👩‍👩‍👧‍👦"})), 0),
            ("reaction taken back", message("reaction", json!({"message_id": "wamid.X", "emoji": ""})), 0),
            ("reaction in words", message("reaction", json!({"message_id": "wamid.X", "emoji": "ok"})), 131_009),
            ("reaction to nothing", message("reaction", json!({"emoji": "👍"})), 131_008),
        ],
    )
    .await;
}

fn buttons(count: usize) -> Value {
    let buttons: Vec<_> =
        (0..count).map(|n| json!({"type": "reply", "reply": {"id": format!("b{n}"), "title": format!("B{n}")}})).collect();
    json!({"type": "button", "body": {"text": "Choose"}, "action": {"buttons": buttons}})
}

fn list(sections: usize, rows: usize) -> Value {
    let sections: Vec<_> = (0..sections)
        .map(|s| {
            let rows: Vec<_> = (0..rows).map(|r| json!({"id": format!("{s}-{r}"), "title": "Row", "description": "d"})).collect();
            json!({"title": "Section", "rows": rows})
        })
        .collect();
    json!({"type": "list", "body": {"text": "Choose"}, "action": {"button": "Open", "sections": sections}})
}

fn cta(text: &str) -> Value {
    let parameters = json!({"display_text": text, "url": "https://example.org/x"});
    json!({"type": "cta_url", "body": {"text": "See"}, "footer": {"text": "f"}, "action": {"name": "cta_url", "parameters": parameters}})
}

fn flow(cta: &str) -> Value {
    let parameters = json!({"flow_message_version": "3", "flow_id": "1", "flow_cta": cta});
    json!({"type": "flow", "body": {"text": "Fill in"}, "action": {"name": "flow", "parameters": parameters}})
}

#[tokio::test]
async fn interactive_messages_are_checked() {
    let image = json!({"type": "image", "image": {"link": "https://example.org/a.png"}});
    let card = |index: usize, header: &str| {
        let mut head = json!({"type": header});
        head[header] = json!({"link": "https://example.org/a"});
        json!({"card_index": index, "type": "cta_url", "header": head, "action": cta("Go")["action"]})
    };
    let carousel = |cards: Value| json!({"type": "carousel", "body": {"text": "b"}, "action": {"cards": cards}});
    let cases = vec![
        ("3 buttons", buttons(3), 0),
        ("4 buttons", buttons(4), 131_009),
        ("no buttons", buttons(0), 131_009),
        ("buttons with an image above", with(buttons(1), "/header", image.clone()), 0),
        ("title of 20", with(buttons(1), "/action/buttons/0/reply/title", "t".repeat(20)), 0),
        ("title of 21", with(buttons(1), "/action/buttons/0/reply/title", "t".repeat(21)), 131_009),
        ("id of 257", with(buttons(1), "/action/buttons/0/reply/id", "i".repeat(257)), 131_009),
        ("space before a title", with(buttons(1), "/action/buttons/0/reply/title", " x"), 131_009),
        ("same title twice", with(buttons(2), "/action/buttons/1/reply/title", "B0"), 131_009),
        ("same id twice", with(buttons(2), "/action/buttons/1/reply/id", "b0"), 131_009),
        ("body of 1025", with(buttons(1), "/body/text", "b".repeat(1025)), 131_009),
        ("no body", without(buttons(1), "body"), 131_008),
        ("no action", without(buttons(1), "action"), 131_008),
        ("footer of 61", with(buttons(1), "/footer", json!({"text": "f".repeat(61)})), 131_009),
        ("header of 61", with(buttons(1), "/header", json!({"type": "text", "text": "h".repeat(61)})), 131_009),
        ("10 rows", list(2, 5), 0),
        ("12 rows in all", list(2, 6), 131_009),
        ("11 sections", list(11, 1), 131_009),
        ("list body of 4096", with(list(1, 1), "/body/text", "b".repeat(4096)), 0),
        ("list under an image", with(list(1, 1), "/header", image.clone()), 131_009),
        ("list button of 21", with(list(1, 1), "/action/button", "b".repeat(21)), 131_009),
        ("row title of 25", with(list(1, 1), "/action/sections/0/rows/0/title", "t".repeat(25)), 131_009),
        ("row id of 201", with(list(1, 1), "/action/sections/0/rows/0/id", "t".repeat(201)), 131_009),
        ("description of 73", with(list(1, 1), "/action/sections/0/rows/0/description", "t".repeat(73)), 131_009),
        ("row id twice", with(list(1, 2), "/action/sections/0/rows/1/id", "0-0"), 131_009),
        ("two sections, one title", with(list(2, 1), "/action/sections/1", json!({"rows": [{"id": "z", "title": "Z"}]})), 131_008),
        ("link button", cta("Open"), 0),
        ("link text of 21", cta(&"o".repeat(21)), 131_009),
        ("link to nowhere", with(cta("Open"), "/action/parameters/url", "nowhere"), 131_009),
        ("flow", flow("Start"), 0),
        ("flow button of 31", flow(&"s".repeat(31)), 131_009),
        ("flow button with emoji", flow("Start 🚀"), 131_009),
        ("flow by id and name", with(flow("Start"), "/action/parameters/flow_name", "f"), 131_009),
        ("carousel", carousel(json!([card(0, "image"), card(1, "image")])), 0),
        ("carousel of one", carousel(json!([card(0, "image")])), 131_009),
        ("carousel of two kinds", carousel(json!([card(0, "image"), card(1, "video")])), 131_009),
        ("location request", json!({"type": "location_request_message", "body": {"text": "b"}, "action": {"name": "send_location"}}), 0),
        ("unknown kind", json!({"type": "slider", "body": {"text": "b"}, "action": {}}), 131_009),
        ("unknown key", with(buttons(1), "/action/button", "x"), 100),
    ];
    judge(&start(), cases.into_iter().map(|(name, content, code)| (name, message("interactive", content), code)).collect()).await;
}

fn template(components: Value) -> Value {
    message("template", json!({"name": "order_ready", "language": {"code": "en_US"}, "components": components}))
}

#[tokio::test]
async fn template_components_are_checked_without_regard_to_case() {
    let body = |text: &str| json!({"type": "BODY", "parameters": [{"type": "TEXT", "text": text}]});
    let button = |sub_type: &str, index: Value, parameter: Value| {
        template(json!([{"type": "button", "sub_type": sub_type, "index": index, "parameters": [parameter]}]))
    };
    let payload = json!({"type": "payload", "payload": "P"});
    let offer = |at: Value| {
        json!([{"type": "limited_time_offer", "parameters": [
            {"type": "limited_time_offer", "limited_time_offer": {"expiration_time_ms": at}}
        ]}])
    };
    let cards = json!([{"card_index": 0, "components": [{"type": "HEADER", "parameters": [{"type": "image", "image": {"id": "1"}}]}]}]);
    judge(
        &start(),
        vec![
            ("no components", message("template", json!({"name": "a_1", "language": {"code": "de"}})), 0),
            ("no language", message("template", json!({"name": "a_1"})), 131_008),
            ("capitals in the name", message("template", json!({"name": "A", "language": {"code": "de"}})), 131_009),
            ("body", template(json!([body("A")])), 0),
            ("body with a line break", template(json!([body("A\nB")])), 132_012),
            ("index as text", button("QUICK_REPLY", json!("0"), payload.clone()), 0),
            ("index as number", button("quick_reply", json!(0), payload.clone()), 0),
            ("index of 10", button("quick_reply", json!(10), payload.clone()), 131_009),
            ("url button", button("url", json!(1), json!({"type": "text", "text": "suffix"})), 0),
            ("url button with payload", button("url", json!(1), payload.clone()), 100),
            ("coupon", button("copy_code", json!(1), json!({"type": "coupon_code", "coupon_code": "C".repeat(20)})), 0),
            ("long coupon", button("copy_code", json!(1), json!({"type": "coupon_code", "coupon_code": "C".repeat(21)})), 131_009),
            ("flow button", button("flow", json!(0), json!({"type": "action", "action": {"flow_token": "t"}})), 0),
            ("unknown button", button("slider", json!(0), payload.clone()), 100),
            ("button without parameters", button("phone_number", json!(0), payload.clone()), 100),
            ("empty button", template(json!([{"type": "button", "sub_type": "URL", "index": 0, "parameters": []}])), 131_008),
            ("flow without parameters", template(json!([{"type": "button", "sub_type": "flow", "index": 0}])), 0),
            (
                "button filled twice",
                template(json!([{"type": "button", "sub_type": "quick_reply", "index": 0, "parameters": [payload, payload]}])),
                131_009,
            ),
            ("two bodies", template(json!([body("A"), body("B")])), 131_009),
            ("offer in seconds", template(offer(json!(1_893_456_000))), 131_009),
            ("offer", template(offer(json!(1_893_456_000_000_i64))), 0),
            ("unknown component", template(json!([{"type": "sidebar", "parameters": []}])), 131_009),
            ("carousel", template(json!([{"type": "carousel", "cards": cards}])), 0),
            (
                "currency and date",
                template(json!([{"type": "body", "parameters": [
                    {"type": "currency", "currency": {"fallback_value": "$1", "code": "USD", "amount_1000": 1000}},
                    {"type": "date_time", "date_time": {"fallback_value": "June 1"}}
                ]}])),
                0,
            ),
            (
                "document header",
                template(json!([{"type": "header", "parameters": [{"type": "document", "document": {"id": "1", "filename": "a.pdf"}}]}])),
                0,
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn known_templates_must_fit() {
    let meta = MetaCloud::start(
        settings()
            .known_templates_only()
            .with_template(Template::new("order_ready", "en_US").with_body_variables(2))
            .with_template(Template::new("named", "en_US").with_named_body_variables(["first_name"]))
            .with_template(Template::new("tired", "en_US").paused())
            .with_template(Template::new("gone", "en_US").disabled()),
    )
    .unwrap();
    let send = |name: &str, language: &str, parameters: Value| {
        let components = json!([{"type": "body", "parameters": parameters}]);
        message("template", json!({"name": name, "language": {"code": language}, "components": components}))
    };
    let one = json!({"type": "text", "text": "A"});
    let mut headed = send("named", "en_US", json!([{"type": "text", "parameter_name": "first_name", "text": "Ana"}]));
    headed["template"]["components"].as_array_mut().unwrap().push(json!({"type": "header", "parameters": [one]}));
    judge(
        &meta,
        vec![
            ("fits", send("order_ready", "en_US", json!([one, one])), 0),
            ("too few", send("order_ready", "en_US", json!([one])), 132_000),
            ("other language", send("order_ready", "de", json!([one, one])), 132_001),
            ("unknown", send("unheard_of", "en_US", json!([])), 132_001),
            ("named", send("named", "en_US", json!([{"type": "text", "parameter_name": "first_name", "text": "Ana"}])), 0),
            ("name left out", send("named", "en_US", json!([one])), 100),
            ("name left out of the header", headed, 100),
            ("paused", send("tired", "en_US", json!([])), 132_015),
            ("disabled", send("gone", "en_US", json!([])), 132_016),
        ],
    )
    .await;
    let missing = Client::new().message(&meta, &send("unheard_of", "en_US", json!([]))).await;
    assert_eq!(missing.status, 404);
}

#[tokio::test]
async fn an_accepted_message_is_answered_as_documented_and_never_deduplicated() {
    let (meta, client) = (start(), Client::new());
    let (one, other) = (client.message(&meta, &text()).await, client.message(&meta, &text()).await);
    assert_ne!(one.wamid(), other.wamid());
    assert!(one.wamid().starts_with("wamid."));
    assert_eq!(one.json()["messaging_product"], "whatsapp");
    assert_eq!(one.json()["contacts"][0]["input"], "+1 (555) 123-0001");
    assert_eq!(one.json()["contacts"][0]["wa_id"], "15551230001");
    assert_eq!(one.json()["messages"][0].get("message_status"), None);
    let template = client.message(&meta, &template(json!([]))).await;
    assert_eq!(template.json()["messages"][0]["message_status"], "accepted");
    assert_eq!(meta.journal().accepted_count(), 3);
}

#[tokio::test]
async fn the_whatsapp_id_may_differ_from_the_number() {
    let (meta, client) = (MetaCloud::start(settings().with_wa_id("5511987654321", "551187654321")).unwrap(), Client::new());
    let contact = client.message(&meta, &with(text(), "/to", "+5511987654321")).await.json()["contacts"][0].clone();
    assert_eq!((&contact["input"], &contact["wa_id"]), (&json!("+5511987654321"), &json!("551187654321")));
}

#[tokio::test]
async fn a_read_receipt_is_no_message() {
    let (meta, client) = (start(), Client::new());
    let read = json!({"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.IN", "typing_indicator": {"type": "text"}});
    let answer = client.message(&meta, &read).await;
    assert_eq!((answer.status, answer.json()), (200, json!({"success": true})));
    assert_eq!(meta.journal().accepted_count(), 0);
    for (key, value) in [("message_id", json!("")), ("status", json!("seen")), ("typing_indicator", json!({"type": "voice"}))] {
        assert_eq!(client.message(&meta, &with(read.clone(), &format!("/{key}"), value)).await.code(), 131_009, "{key}");
    }
}

#[tokio::test]
async fn path_token_and_form_are_checked_first() {
    let (meta, client) = (start(), Client::new());
    let base = meta.base_url();
    let url = format!("{base}/v26.0/{NUMBER}/messages");
    let wrong = client.send(post(&url, "nonsense", &text())).await.unwrap();
    assert_eq!((wrong.status, wrong.code()), (401, 190));
    assert_eq!(wrong.json()["error"]["type"], "OAuthException");
    for id in ["999", "100200400"] {
        let answer = client.send(post(&format!("{base}/v26.0/{id}/messages"), TOKEN, &text())).await.unwrap();
        assert_eq!((answer.status, answer.code()), (400, 100), "{id}");
        assert_eq!(answer.json()["error"]["error_subcode"], 33, "{id}");
    }
    for path in ["26.0", "v26", "latest"] {
        let answer = client.send(post(&format!("{base}/{path}/{NUMBER}/messages"), TOKEN, &text())).await.unwrap();
        assert_eq!((answer.status, answer.code()), (400, 2500), "{path}");
    }
    let broken = crate::support::bearer(http::Method::POST, &url, TOKEN).header("content-type", "application/json");
    let broken = client.send(broken.body("{\"to\":".into()).unwrap()).await.unwrap();
    assert_eq!((broken.status, broken.code()), (400, 100));
    let huge = client.send(post(&url, TOKEN, &message("text", json!({"body": "x".repeat(5_000_000)})))).await.unwrap();
    assert_eq!(huge.status, 413);
    assert_eq!(meta.journal().accepted_count(), 0);
    assert_eq!(meta.journal().request_count(), 8);
}

#[tokio::test]
async fn the_service_window_and_the_proof_can_be_enforced() {
    let meta = MetaCloud::start(settings().enforce_service_window()).unwrap();
    let client = Client::new();
    assert_eq!(client.message(&meta, &text()).await.code(), 131_047);
    assert_eq!(client.message(&meta, &template(json!([]))).await.code(), 0);
    meta.send_inbound(NUMBER, zengine_strategies::sandbox::meta_cloud::Inbound::text("15551230001", "Hi")).await;
    assert_eq!(client.message(&meta, &text()).await.code(), 0);

    let meta = MetaCloud::start(settings().require_appsecret_proof()).unwrap();
    assert_eq!(client.message(&meta, &text()).await.code(), 100);
    let proof = meta.sign(TOKEN.as_bytes()).replace("sha256=", "");
    let url = format!("{}/v26.0/{NUMBER}/messages?appsecret_proof=", meta.base_url());
    assert_eq!(client.send(post(&format!("{url}{proof}"), TOKEN, &text())).await.unwrap().status, 200);
    assert_eq!(client.send(post(&format!("{url}abc"), TOKEN, &text())).await.unwrap().code(), 100);
}
