//! Every limit is refused before anything is sent, with the field, the limit and the actual size.

use serde_json::{Value, json};
use zengine_connector::{ErrorKind, OutboundMessage, OutboundStrategy, Reach, message::Message};

use super::support::{Bench, interactive, message, pointers, template, to};

/// Nothing is sent, and the error names the field, limit and size, and no content.
async fn refused(bench: &Bench, sent: &OutboundMessage, pointer: &str, sizes: Option<(u64, u64)>) {
    let error = bench.try_send(sent).await.unwrap_err();
    assert_eq!((error.kind(), error.reach(), bench.calls()), (ErrorKind::MessageInvalid, Reach::NotSent, 0), "{pointer}: {error}");
    let violations = error.error().violations();
    let Some(found) = violations.iter().find(|violation| violation.pointer == pointer && (sizes.is_none() || violation.limit.is_some()))
    else {
        panic!("{pointer} is not among {:?}", pointers(violations))
    };
    if let Some((limit, actual)) = sizes {
        assert_eq!((found.limit, found.actual), (Some(limit), Some(actual)), "{pointer}");
    }
    assert!(!format!("{error} {error:?}").contains("xxx"), "{error:?}");
    // The same is known before the message takes a claim.
    let capabilities = bench.strategy.capabilities(&bench.tenant).unwrap();
    let early = [sent.validate(capabilities), bench.strategy.check(&bench.tenant, sent)];
    assert!(early.iter().filter_map(|found| found.as_ref().err()).flatten().any(|violation| violation.pointer == pointer), "{pointer}");
}

async fn refused_interactive(kind: &str, members: Value, pointer: &str, sizes: Option<(u64, u64)>) {
    refused(&Bench::new().await, &interactive(kind, members), &format!("/content{pointer}"), sizes).await;
}

async fn refused_template(components: Value, pointer: &str, sizes: Option<(u64, u64)>) {
    refused(&Bench::new().await, &template(components), &format!("/content/components{pointer}"), sizes).await;
}

fn x(count: usize) -> String {
    "x".repeat(count)
}

/// A JSON object with one member replaced.
fn with(mut base: Value, key: &str, value: impl Into<Value>) -> Value {
    base[key] = value.into();
    base
}

fn image() -> Value {
    json!({"kind": "image", "source": {"type": "handle", "id": "7"}})
}

#[tokio::test]
async fn text_is_at_most_4096_characters() {
    let bench = Bench::new().await;
    let text = |body: &str| message(json!({"type": "text", "body": body}));
    refused(&bench, &text(&x(4097)), "/content/body", Some((4096, 4097))).await;
    refused(&bench, &text(""), "/content/body", Some((1, 0))).await;
    refused(&bench, &text("a\u{0}xxx"), "/content/body", None).await;
    refused(&bench, &text(" \n\u{a0}"), "/content/body", None).await;
    bench.sent(&text(&"👋".repeat(4096))).await;
    let strict = Bench::with(|config| config.length_unit = serde_json::from_str("\"utf16\"").unwrap()).await;
    refused(&strict, &text(&"👋".repeat(2049)), "/content/body", Some((4096, 4098))).await;
}

#[tokio::test]
async fn media_is_a_link_or_an_id_within_its_limits() {
    let media = |members: Value| {
        let base = json!({"type": "media", "kind": "image", "source": {"type": "handle", "id": "7"}});
        let mut base = base;
        base.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        message(base)
    };
    let table = [
        (json!({"caption": x(1025)}), "/content/caption", Some((1024, 1025))),
        (json!({"kind": "audio", "caption": "xxx"}), "/content/caption", None),
        (json!({"kind": "sticker", "caption": "xxx"}), "/content/caption", None),
        (json!({"bytes": (5 << 20) + 1}), "/content/bytes", Some((5 << 20, (5 << 20) + 1))),
        (json!({"kind": "sticker", "bytes": 102_401}), "/content/bytes", Some((102_400, 102_401))),
        (json!({"kind": "sticker", "animated": true, "bytes": 512_001}), "/content/bytes", Some((512_000, 512_001))),
        (json!({"mime": "image/gif"}), "/content/mime", None),
        (json!({"voice": true}), "/content/voice", None),
        (json!({"kind": "audio", "voice": true, "mime": "audio/mpeg"}), "/content/mime", None),
        (json!({"kind": "audio", "voice": true, "mime": "audio/ogg; codecs=vorbis"}), "/content/mime", None),
        (json!({"kind": "audio", "voice": true, "mime": "audio/ogg;x=y; Codecs=\"opus, flac\""}), "/content/mime", None),
        (json!({"kind": "document", "filename": "xxx\r\n"}), "/content/filename", None),
        (json!({"source": {"type": "handle", "id": ""}}), "/content/source/id", Some((1, 0))),
        (json!({"source": {"type": "url", "url": "ftp://example.org/xxx"}}), "/content/source/url", None),
        (json!({"source": {"type": "url", "url": "https:///xxx"}}), "/content/source/url", None),
        (json!({"source": {"type": "url", "url": "https://example.org/xxx y"}}), "/content/source/url", None),
        (json!({"source": {"type": "inline", "data": "eHh4"}}), "/content/mime", None),
        (json!({"source": {"type": "inline", "data": ""}, "mime": "image/png"}), "/content/source/data", Some((1, 0))),
        (json!({"kind": "document", "source": {"type": "inline", "data": "eHh4"}, "mime": "a/b\r\nx: y"}), "/content/mime", None),
        (
            json!({"kind": "sticker", "source": {"type": "inline", "data": "AAAA".repeat(34_134)}, "mime": "image/webp"}),
            "/content/source/data",
            Some((102_400, 102_402)),
        ),
        (
            json!({"kind": "document", "source": {"type": "inline", "data": "AAAA".repeat(1_747_627)}, "mime": "image/png"}),
            "/content/source/data",
            Some((5_242_880, 5_242_881)),
        ),
        (json!({"source": {"type": "store", "key": "xxx"}}), "/content/mime", None),
        (json!({"source": {"type": "store", "key": "xxx"}, "mime": "image/png", "bytes": 0}), "/content/bytes", Some((1, 0))),
        (
            json!({"kind": "document", "source": {"type": "store", "key": "xxx"}, "mime": "image/png", "bytes": 5_242_881}),
            "/content/bytes",
            Some((5_242_880, 5_242_881)),
        ),
    ];
    for (members, pointer, sizes) in table {
        refused(&Bench::new().await, &media(members), pointer, sizes).await;
    }
}

#[tokio::test]
async fn a_stored_file_that_is_too_large_is_one_violation() {
    let bench = Bench::new().await;
    let source = json!({"type": "store", "key": "xxx"});
    let sent = message(json!({"type": "media", "kind": "image", "source": source, "mime": "image/png", "bytes": 5_242_881}));
    let capabilities = bench.strategy.capabilities(&bench.tenant).unwrap();
    assert_eq!(pointers(&sent.validate(capabilities).unwrap_err()), ["/content/bytes"]);
    assert!(bench.strategy.check(&bench.tenant, &sent).is_ok());
}

#[tokio::test]
async fn places_contacts_and_reactions() {
    let bench = Bench::new().await;
    let place = |latitude: f64, longitude: f64| message(json!({"type": "location", "latitude": latitude, "longitude": longitude}));
    refused(&bench, &place(90.1, 0.0), "/content/latitude", None).await;
    refused(&bench, &place(0.0, -180.1), "/content/longitude", None).await;
    let card = json!({"name": {"formatted_name": "A"}});
    let contacts = |cards: Vec<Value>| message(json!({"type": "contacts", "contacts": cards}));
    refused(&bench, &contacts(vec![card.clone(); 258]), "/content/contacts", Some((257, 258))).await;
    refused(&bench, &contacts(vec![]), "/content/contacts", Some((1, 0))).await;
    refused(&bench, &contacts(vec![json!({})]), "/content/contacts/0/name/formatted_name", None).await;
    for birthday in ["28.02.1990", "1990-13-01", "1990-02-xxx", "1990-02-28-1", ""] {
        refused(&bench, &contacts(vec![with(card.clone(), "birthday", birthday)]), "/content/contacts/0/birthday", None).await;
    }
    let reaction = message(json!({"type": "reaction", "target": "wamid.1", "emoji": "👍"}));
    refused(&bench, &reaction.clone().with_reply_to("wamid.2"), "/reply_to", None).await;
    refused(&bench, &message(json!({"type": "reaction", "target": "wamid.1", "emoji": "xxx"})), "/content/emoji", None).await;
    refused(&bench, &message(json!({"type": "reaction", "target": ""})), "/content/target", None).await;
    for emoji in ["👍", "❤️", "🅰️", "ℹ️", "1️⃣", "🇧🇷", "👩🏽‍❤️‍💋‍👨🏿"] {
        Bench::new().await.sent(&message(json!({"type": "reaction", "target": "wamid.1", "emoji": emoji}))).await;
    }
}

#[tokio::test]
async fn read_marks_and_typing_notices_name_their_message() {
    let bench = Bench::new().await;
    refused(&bench, &message(json!({"type": "typing"})), "/content/target", None).await;
    refused(&bench, &message(json!({"type": "typing", "target": "a"})).with_reply_to("b"), "/reply_to", None).await;
    refused(&bench, &message(json!({"type": "read_mark", "target": ""})), "/content/target", None).await;
    refused(&bench, &message(json!({"type": "read_mark", "target": "a"})).with_reply_to("a"), "/reply_to", None).await;
}

#[tokio::test]
async fn native_members_are_an_object_and_leave_the_envelope_alone() {
    let bench = Bench::new().await;
    let native = |value: Value| message(json!({"type": "native", "value": value}));
    refused(&bench, &native(json!([1])), "/content/value", None).await;
    for key in ["messaging_product", "to", "recipient", "recipient_type", "biz_opaque_callback_data"] {
        refused(&bench, &native(json!({key: "xxx"})), &format!("/content/value/{key}"), None).await;
    }
    refused(&bench, &native(json!({"context": {}})).with_reply_to("wamid.1"), "/content/value/context", None).await;
}

#[tokio::test]
async fn groups_take_text_media_and_templates_only() {
    let bench = Bench::new().await;
    let group = json!({"kind": "group", "value": "G1"});
    for content in [
        json!({"type": "location", "latitude": 1.0, "longitude": 1.0}),
        json!({"type": "reaction", "target": "wamid.1"}),
        json!({"type": "interactive", "kind": "location_request", "body": "b"}),
        json!({"type": "typing", "target": "wamid.1"}),
    ] {
        refused(&bench, &to(group.clone(), content), "/content", None).await;
    }
    let open = Bench::with(|config| config.group_typing = true).await;
    open.answer(super::support::answer(200, &json!({"success": true})));
    open.sent(&to(group, json!({"type": "typing", "target": "wamid.1"}))).await;
}

#[tokio::test]
async fn buttons() {
    let base = || json!({"body": "b", "buttons": [{"id": "1", "title": "One"}]});
    let button = |id: &str, title: &str| json!({"id": id, "title": title});
    let many: Vec<_> = (0..4).map(|i| button(&i.to_string(), &format!("t{i}"))).collect();
    let table = [
        (with(base(), "buttons", many), "/buttons", Some((3, 4))),
        (with(base(), "buttons", json!([])), "/buttons", Some((1, 0))),
        (with(base(), "buttons", json!([button("1", &x(21))])), "/buttons/0/title", Some((20, 21))),
        (with(base(), "buttons", json!([button(&x(257), "t")])), "/buttons/0/id", Some((256, 257))),
        (with(base(), "buttons", json!([button("1", " xxx")])), "/buttons/0/title", None),
        (with(base(), "buttons", json!([button("1 ", "t")])), "/buttons/0/id", None),
        (with(base(), "buttons", json!([button("1", "x\nxx")])), "/buttons/0/title", None),
        (with(base(), "buttons", json!([button("1", "a"), button("1", "b")])), "/buttons", None),
        (with(base(), "buttons", json!([button("1", "a"), button("2", "a")])), "/buttons", None),
        (with(base(), "body", x(1025)), "/body", Some((1024, 1025))),
        (with(base(), "body", ""), "/body", Some((1, 0))),
        (with(base(), "footer", x(61)), "/footer", Some((60, 61))),
        (with(base(), "header", json!({"type": "text", "text": x(61)})), "/header/text", Some((60, 61))),
        (with(base(), "header", json!({"type": "media", "media": with(image(), "kind", "audio")})), "/header/media/kind", None),
        (with(base(), "header", json!({"type": "media", "media": with(image(), "caption", "xxx")})), "/header/media/caption", None),
        (
            with(base(), "header", json!({"type": "media", "media": with(image(), "source", json!({"type": "inline", "data": "eHh4"}))})),
            "/header/media/source",
            None,
        ),
    ];
    for (members, pointer, sizes) in table {
        refused_interactive("buttons", members, pointer, sizes).await;
    }
}

#[tokio::test]
async fn lists() {
    let row = |id: usize| json!({"id": id.to_string(), "title": "t"});
    let section = |rows: Vec<Value>| json!({"title": "s", "rows": rows});
    let base = || json!({"body": "b", "button": "Open", "sections": [section(vec![row(1)])]});
    let rows = |row: Value| with(base(), "sections", json!([section(vec![row])]));
    let table = [
        (with(base(), "sections", json!([section((0..11).map(row).collect())])), "/sections", Some((10, 11))),
        (
            with(base(), "sections", json!([section((0..6).map(row).collect()), section((6..11).map(row).collect())])),
            "/sections",
            Some((10, 11)),
        ),
        (with(base(), "sections", (0..11).map(|i| section(vec![row(i)])).collect::<Value>()), "/sections", Some((10, 11))),
        (with(base(), "sections", json!([])), "/sections", Some((1, 0))),
        (with(base(), "sections", json!([{"rows": [row(1)]}, section(vec![row(2)])])), "/sections/0/title", None),
        (with(base(), "sections", json!([section(vec![])])), "/sections/0/rows", None),
        (with(base(), "sections", json!([section(vec![row(1), row(1)])])), "/sections", None),
        (with(base(), "sections", json!([{"title": x(25), "rows": [row(1)]}])), "/sections/0/title", Some((24, 25))),
        (rows(json!({"id": x(201), "title": "t"})), "/sections/0/rows/0/id", Some((200, 201))),
        (rows(json!({"id": "1", "title": x(25)})), "/sections/0/rows/0/title", Some((24, 25))),
        (rows(json!({"id": "1", "title": "t", "description": x(73)})), "/sections/0/rows/0/description", Some((72, 73))),
        (rows(json!({"id": "1", "title": "xxx\n"})), "/sections/0/rows/0/title", None),
        (rows(json!({"id": "1", "title": " xxx"})), "/sections/0/rows/0/title", None),
        (rows(json!({"id": "xxx ", "title": "t"})), "/sections/0/rows/0/id", None),
        (with(base(), "body", "  "), "/body", None),
        (with(base(), "button", x(21)), "/button", Some((20, 21))),
        (with(base(), "body", x(4097)), "/body", Some((4096, 4097))),
        (with(base(), "footer", x(61)), "/footer", Some((60, 61))),
        (with(base(), "header", json!({"type": "text", "text": x(61)})), "/header/text", Some((60, 61))),
        (with(base(), "header", json!({"type": "media", "media": image()})), "/header", None),
    ];
    for (members, pointer, sizes) in table {
        refused_interactive("list", members, pointer, sizes).await;
    }
}

#[tokio::test]
async fn web_address_buttons() {
    let base = || json!({"body": "b", "label": "Open", "url": "https://example.org"});
    let table = [
        (with(base(), "label", x(21)), "/label", Some((20, 21))),
        (with(base(), "label", ""), "/label", Some((1, 0))),
        (with(base(), "label", "xxx "), "/label", None),
        (with(base(), "url", "javascript:xxx"), "/url", None),
        (with(base(), "url", ""), "/url", None),
        (with(base(), "body", x(1025)), "/body", Some((1024, 1025))),
        (with(base(), "footer", x(61)), "/footer", Some((60, 61))),
        (with(base(), "header", json!({"type": "text", "text": x(61)})), "/header/text", Some((60, 61))),
    ];
    for (members, pointer, sizes) in table {
        refused_interactive("cta_url", members, pointer, sizes).await;
    }
}

#[tokio::test]
async fn products() {
    let items = |n: usize| (0..n).map(|i| json!({"sku": i.to_string()})).collect::<Value>();
    let section = |n: usize| json!({"title": "s", "items": items(n)});
    let base = || json!({"header": {"type": "text", "text": "h"}, "body": "b", "catalog": "C", "sections": [section(1)]});
    let table = [
        (with(base(), "sections", json!([section(31)])), "/sections", Some((30, 31))),
        (with(base(), "sections", json!([section(16), section(15)])), "/sections", Some((30, 31))),
        (with(base(), "sections", vec![section(1); 11]), "/sections", Some((10, 11))),
        (with(base(), "sections", json!([{"title": x(25), "items": items(1)}])), "/sections/0/title", Some((24, 25))),
        (with(base(), "sections", json!([{"items": items(1)}, section(1)])), "/sections/0/title", None),
        (with(base(), "sections", json!([section(0)])), "/sections/0/items", None),
        (with(base(), "header", json!({"type": "media", "media": image()})), "/header", None),
        (with(base(), "catalog", ""), "/catalog", Some((1, 0))),
    ];
    for (members, pointer, sizes) in table {
        refused_interactive("product_list", members, pointer, sizes).await;
    }
    refused_interactive("product", json!({"catalog": "C", "sku": "S", "body": x(1025)}), "/body", Some((1024, 1025))).await;
    refused_interactive("product", json!({"catalog": "C", "sku": ""}), "/sku", Some((1, 0))).await;
    refused_interactive("catalog", json!({"body": x(1025)}), "/body", Some((1024, 1025))).await;
}

#[tokio::test]
async fn flows() {
    let base = || json!({"body": "b", "label": "Start", "flow_id": "F", "screen": "S"});
    let table = [
        (with(base(), "label", x(31)), "/label", Some((30, 31))),
        (with(base(), "label", "Go 🚀"), "/label", None),
        (with(base(), "flow_name", "n"), "/flow_id", None),
        (with(base(), "flow_id", Value::Null), "/flow_id", None),
        (with(base(), "data", json!({})), "/data", None),
        (with(base(), "data", json!([1])), "/data", None),
        (json!({"body": "b", "label": "Start", "flow_id": "F", "data": {"a": 1}}), "/data", None),
    ];
    for (members, pointer, sizes) in table {
        refused_interactive("flow", members, pointer, sizes).await;
    }
    // A label of 21 to 30 characters is sent, with a warning.
    let (bench, cut) = (Bench::new().await, interactive("flow", with(base(), "label", x(30))));
    bench.sent(&cut).await;
    let warnings = bench.check(&cut).unwrap_err();
    let found: Vec<_> = warnings.iter().map(|it| (it.to_string(), it.rule.as_deref().unwrap())).collect();
    let said = "/content/label: warning: too long, in characters (limit 20, actual 30): use at most 20 characters";
    assert_eq!(found, [(said.to_owned(), "flow.label")]);
    assert!(bench.check(&interactive("flow", with(base(), "label", x(20)))).is_ok());
}

#[tokio::test]
async fn calls_addresses_orders() {
    let call = || json!({"body": "b", "label": "Call"});
    refused_interactive("voice_call", with(call(), "label", x(21)), "/label", Some((20, 21))).await;
    refused_interactive("voice_call", with(call(), "payload", x(513)), "/payload", Some((512, 513))).await;
    for minutes in [0, 43_201] {
        refused_interactive("voice_call", with(call(), "ttl_minutes", minutes), "/ttl_minutes", None).await;
    }
    refused_interactive("call_permission_request", json!({"body": x(1025)}), "/body", Some((1024, 1025))).await;
    refused_interactive("contact_info_request", json!({"body": ""}), "/body", Some((1, 0))).await;
    refused_interactive("location_request", json!({"body": x(1025)}), "/body", Some((1024, 1025))).await;
    refused_interactive("address_request", json!({"body": "b", "country": "SG"}), "/country", None).await;
    let address = json!({"body": "b", "country": "IN", "parameters": {"country": "xxx"}});
    refused_interactive("address_request", address, "/parameters/country", None).await;
    for kind in ["order_details", "order_status"] {
        refused_interactive(kind, json!({"body": "b", "parameters": {"order": {}}}), "/parameters/reference_id", None).await;
        refused_interactive(kind, json!({"body": "b", "parameters": {"reference_id": "R"}}), "/parameters/order", None).await;
        refused_interactive(kind, json!({"body": "b", "parameters": "xxx"}), "/parameters", None).await;
    }
}

#[tokio::test]
async fn carousels() {
    let link = || json!({"type": "link", "media": image(), "label": "Open", "url": "https://example.org"});
    let replies = |n: usize| {
        let buttons: Vec<_> = (0..n).map(|i| json!({"id": i.to_string(), "title": format!("t{i}")})).collect();
        json!({"type": "replies", "media": image(), "buttons": buttons})
    };
    let cards = |cards: Value| json!({"body": "b", "cards": cards});
    let table = [
        (cards(json!([link()])), "/cards", Some((2, 1))),
        (cards(vec![link(); 11].into()), "/cards", Some((10, 11))),
        (cards(json!([link(), replies(1)])), "/cards", None),
        (cards(json!([replies(1), replies(2)])), "/cards", None),
        (cards(json!([link(), with(link(), "media", with(image(), "kind", "video"))])), "/cards", None),
        (cards(json!([{"type": "product", "catalog": "A", "sku": "1"}, {"type": "product", "catalog": "B", "sku": "1"}])), "/cards", None),
        (cards(json!([link(), with(link(), "label", x(21))])), "/cards/1/label", Some((20, 21))),
        (cards(json!([link(), with(link(), "body", x(161))])), "/cards/1/body", Some((160, 161))),
        (cards(json!([link(), with(link(), "body", "x\nx\nx\nx")])), "/cards/1/body", None),
        (cards(json!([with(link(), "media", with(image(), "kind", "document")), link()])), "/cards/0/media/kind", None),
        (
            cards(json!([replies(1), with(replies(1), "buttons", json!([{"id": x(21), "title": "t"}]))])),
            "/cards/1/buttons/0/id",
            Some((20, 21)),
        ),
    ];
    for (members, pointer, sizes) in table {
        refused_interactive("carousel", members, pointer, sizes).await;
    }
}

#[tokio::test]
async fn template_names_and_languages() {
    let bench = Bench::new().await;
    let named = |name: &str, language: &str| message(json!({"type": "template", "name": name, "language": language}));
    refused(&bench, &named(&x(513), "en"), "/content/name", Some((512, 513))).await;
    for name in ["Order", "order-ready", "ordér", ""] {
        refused(&bench, &named(name, "en"), "/content/name", None).await;
    }
    for language in ["e", "en US", "en-US-xxxxxxxxxxxxx", ""] {
        refused(&bench, &named("n", language), "/content/language", None).await;
    }
}

#[tokio::test]
async fn template_components() {
    let text = |text: &str| json!({"type": "text", "text": text});
    let named = |name: &str| json!({"type": "text", "text": "x", "name": name});
    let header = |parameters: Value| json!({"type": "header", "parameters": parameters});
    let body = |parameters: Value| json!({"type": "body", "parameters": parameters});
    let button = |sub_type: &str, parameter: Value| json!({"type": "button", "sub_type": sub_type, "index": 0, "parameters": [parameter]});
    let offer = |at: i64| json!({"type": "limited_time_offer", "expires_at_ms": at});
    let product = json!({"product_items": vec![json!({"product_retailer_id": "1"}); 31]});
    let card = |index: u32, components: Value| json!({"card_index": index, "components": components});
    let carousel = |cards: Value| json!([{"type": "carousel", "cards": cards}]);
    let table = [
        (json!([header(json!([text("a"), text("b")]))]), "/0/parameters", Some((1, 2))),
        (json!([header(json!([text(&x(61))]))]), "/0/parameters/0/text", Some((60, 61))),
        (json!([header(json!([])), header(json!([]))]), "/1", None),
        (json!([body(json!([])), body(json!([]))]), "/1", None),
        (json!([carousel(json!([card(0, json!([]))]))[0], carousel(json!([card(0, json!([]))]))[0]]), "/1", None),
        (json!([offer(1_893_456_000_000), offer(1_893_456_000_000)]), "/1", None),
        (json!([header(json!([named("a")])), body(json!([text("b")]))]), "", None),
        (json!([body(json!([named("a")])), header(json!([text("b")]))]), "", None),
        (json!([header(json!([{"type": "coupon_code", "code": "xxx"}]))]), "/0/parameters/0", None),
        (json!([body(json!([{"type": "payload", "payload": "xxx"}]))]), "/0/parameters/0", None),
        (json!([body(json!([text("")]))]), "/0/parameters/0/text", None),
        (json!([body(json!([text("x\nxx")]))]), "/0/parameters/0/text", None),
        (json!([body(json!([text("a     b")]))]), "/0/parameters/0/text", None),
        (json!([body(json!([text("a"), {"type": "text", "text": "b", "name": "n"}]))]), "/0/parameters", None),
        (json!([body(json!([{"type": "currency", "fallback": "1", "code": "usd", "amount_1000": 1}]))]), "/0/parameters/0/code", None),
        (json!([button("copy_code", json!({"type": "coupon_code", "code": x(21)}))]), "/0/parameters/0/code", Some((20, 21))),
        (json!([button("url", text(&x(2001)))]), "/0/parameters/0/text", Some((2000, 2001))),
        (json!([button("url", json!({"type": "payload", "payload": "p"}))]), "/0/parameters/0", None),
        (json!([button("mpm", text("xxx"))]), "/0/parameters/0", None),
        (json!([button("voice_call", json!({"type": "ttl_minutes", "minutes": 43_201}))]), "/0/parameters/0/minutes", None),
        (json!([button("voice_call", json!({"type": "payload", "payload": x(513)}))]), "/0/parameters/0/payload", Some((512, 513))),
        (json!([button("flow", json!({"type": "action", "action": 1}))]), "/0/parameters/0/action", None),
        (
            json!([button("mpm", json!({"type": "action", "action": {"sections": [product]}}))]),
            "/0/parameters/0/action/sections",
            Some((30, 31)),
        ),
        (json!([{"type": "button", "sub_type": "url", "index": 10}]), "/0/index", None),
        (json!([{"type": "button", "sub_type": "x y", "index": 0}]), "/0/sub_type", None),
        (
            json!([button("url", json!({"type": "text", "text": "a"})), button("quick_reply", json!({"type": "payload", "payload": "b"}))]),
            "/1/index",
            None,
        ),
        (carousel(json!([card(0, json!([button("url", text("a")), button("url", text("b"))]))])), "/0/cards/0/components/1/index", None),
        (json!([body(json!([named("a"), named("b"), named("a")]))]), "/0/parameters/2/name", None),
        (json!([body(json!([text("   ")]))]), "/0/parameters/0/text", None),
        (json!([header(json!([text("\u{2003}")]))]), "/0/parameters/0/text", None),
        (json!([offer(0)]), "/0/expires_at_ms", None),
        (json!([offer(1_893_456_000)]), "/0/expires_at_ms", None),
        (json!([{"type": "tap_target", "url": "xxx", "title": "t"}]), "/0/url", None),
        (carousel((0..11).map(|i| card(i, json!([]))).collect()), "/0/cards", Some((10, 11))),
        (carousel(json!([card(1, json!([]))])), "/0/cards/0/card_index", None),
        (carousel(json!([card(0, json!([{"type": "carousel", "cards": []}]))])), "/0/cards/0/components/0", None),
    ];
    for (components, pointer, sizes) in table {
        refused_template(components, pointer, sizes).await;
    }
    let lax = Bench::with(|config| config.strict_template_text = false).await;
    lax.sent(&template(json!([body(json!([text("a\nb")]))]))).await;
}

#[tokio::test]
async fn buttons_of_templates_are_of_the_kinds_that_meta_names_and_are_filled() {
    let button =
        |sub_type: &str, parameters: Value| json!([{"type": "button", "sub_type": sub_type, "index": 0, "parameters": parameters}]);
    for word in ["phone_number", "call_permission_request", "request_contact_info", "spm", "x y", ""] {
        refused_template(button(word, json!([])), "/0/sub_type", None).await;
    }
    let url = json!({"type": "text", "text": "a"});
    let payload = json!({"type": "payload", "payload": "a"});
    let coupon = json!({"type": "coupon_code", "code": "A"});
    let action = json!({"type": "action", "action": {"order_details": {}}});
    for (word, parameter) in [("url", url.clone()), ("quick_reply", payload), ("COPY_CODE", coupon), ("order_details", action.clone())] {
        refused_template(button(word, json!([])), "/0/parameters", Some((1, 0))).await;
        refused_template(button(word, json!([parameter, parameter])), "/0/parameters", Some((1, 2))).await;
    }
    for word in ["flow", "catalog", "voice_call", "booking_confirmation", "REMINDER"] {
        Bench::new().await.sent(&template(button(word, json!([])))).await;
    }
    Bench::new().await.sent(&template(button("reminder", json!([url, action])))).await;
}

#[tokio::test]
async fn what_people_see_is_more_than_spaces() {
    let bench = Bench::new().await;
    let blank = " \u{a0}";
    let file = |kind: &str| json!({"type": "media", "kind": kind, "source": {"type": "handle", "id": "7"}});
    refused(&bench, &message(with(file("image"), "caption", blank)), "/content/caption", None).await;
    refused(&bench, &message(with(file("document"), "filename", blank)), "/content/filename", None).await;
    for (member, pointer) in [
        (json!({"name": {"formatted_name": blank}, "phones": []}), "/name/formatted_name"),
        (json!({"phones": [{"value": ""}]}), "/phones/0/value"),
        (json!({"phones": [{"value": blank}]}), "/phones/0/value"),
        (json!({"urls": [{"value": "a\u{0}"}]}), "/urls/0/value"),
    ] {
        let mut card = json!({"name": {"formatted_name": "A"}});
        card.as_object_mut().unwrap().extend(member.as_object().unwrap().clone());
        refused(&bench, &message(json!({"type": "contacts", "contacts": [card]})), &format!("/content/contacts/0{pointer}"), None).await;
    }
    let buttons = || json!({"body": "b", "buttons": [{"id": "1", "title": "One"}]});
    refused_interactive("buttons", with(buttons(), "footer", blank), "/footer", None).await;
    refused_interactive("buttons", with(buttons(), "header", json!({"type": "text", "text": blank})), "/header/text", None).await;
    let list = |title: &str, description: &str| json!({"body": "b", "button": "o", "sections": [{"title": title, "rows": [{"id": "1", "title": "t", "description": description}]}]});
    refused_interactive("list", list(blank, "d"), "/sections/0/title", None).await;
    refused_interactive("list", list("s", blank), "/sections/0/rows/0/description", None).await;
}

#[tokio::test]
async fn all_violations_come_at_once() {
    let bench = Bench::new().await;
    let sent = interactive("cta_url", json!({"body": "", "label": x(21), "url": "nowhere", "footer": x(61)})).with_reply_to("");
    let error = bench.try_send(&sent).await.unwrap_err();
    assert_eq!(pointers(error.error().violations()), ["/reply_to", "/content/body", "/content/footer", "/content/label", "/content/url"]);
    assert_eq!(error.error().context("field"), Some("/reply_to"));
}

#[tokio::test]
async fn form_data_that_is_no_object_is_said_once() {
    let bench = Bench::new().await;
    for (data, says) in [(json!([1]), "must be a JSON object"), (json!({}), "must have at least one member: else leave it out")] {
        let form = json!({"body": "b", "label": "l", "flow_id": "1", "screen": "S", "data": data});
        let error = bench.try_send(&interactive("flow", form)).await.unwrap_err();
        let found: Vec<_> = error.error().violations().iter().map(ToString::to_string).collect();
        assert_eq!(found, [format!("/content/data: {says}")]);
    }
}

#[tokio::test]
async fn without_a_usable_identity_the_recipient_is_refused() {
    let bench = Bench::new().await;
    let sent = to(json!([{"kind": "email", "value": "canary@example.org"}]), json!({"type": "text", "body": "x"}));
    refused(&bench, &sent, "/to", None).await;
    assert!(!format!("{:?}", bench.try_send(&sent).await.unwrap_err()).contains("canary"));
}

#[tokio::test]
async fn a_number_without_its_plus_is_told_so() {
    let bench = Bench::new().await;
    for (party, says) in [
        (json!("15551230001"), true),
        (json!("1 (555) 123-0001"), true),
        (json!("(555) 123-0001"), true),
        (json!("00 33 6 12 34 56 78"), true),
        (json!("whatsapp:+15551230001"), true),
        (json!("ana"), false),
        (json!("opaque:crm:15551230001"), false),
    ] {
        let error = bench.try_send(&to(party.clone(), json!({"type": "text", "body": "x"}))).await.unwrap_err();
        assert_eq!(error.error().violations()[0].to_string().contains("begins with +"), says, "{party}");
    }
}

#[tokio::test]
async fn contents_that_only_arrive_are_refused() {
    let bench = Bench::new().await;
    for content in [
        json!({"type": "order", "items": []}),
        json!({"type": "system", "kind": "x"}),
        json!({"type": "unknown", "provider_type": "x"}),
        json!({"type": "compound", "parts": []}),
        json!({"type": "email", "subject": "s"}),
    ] {
        refused(&bench, &message(content), "/content", None).await;
    }
}

#[tokio::test]
async fn one_time_codes_do_not_go_to_business_scoped_ids() {
    let code = json!({"type": "text", "text": "xxx123"});
    let components =
        json!([{"type": "body", "parameters": [code]}, {"type": "button", "sub_type": "URL", "index": 0, "parameters": [code]}]);
    let content = json!({"type": "template", "name": "login_code", "language": "en_US", "components": components});
    for (kind, value) in [("bsuid", "US.1"), ("parent_bsuid", "US.ENT.1")] {
        let scoped = to(json!({"kind": kind, "value": value}), content.clone());
        refused(&Bench::new().await, &scoped, "/content", None).await;
        let native = json!({"type": "native", "value": {"type": "text", "text": {"body": "1"}, "category": "authentication"}});
        refused(&Bench::new().await, &to(json!({"kind": kind, "value": value}), native), "/content", None).await;
        Bench::with(|config| config.one_time_codes_to_user_ids = true).await.sent(&scoped).await;
        // A body and another button are something else.
        let other = json!({"type": "template", "name": "n", "language": "en", "components": [{"type": "body", "parameters": [code]}]});
        Bench::new().await.sent(&to(json!({"kind": kind, "value": value}), other)).await;
    }
}
