//! Any message that the model can express is sent or refused, and what is sent has Meta's envelope.

use proptest::prelude::*;
use serde_json::{Value, json};
use zengine_connector::{OutboundMessage, OutboundStrategy, message::Message};

use super::support::Bench;

/// Seeds of every kind, whose values are then replaced by anything.
fn seeds() -> Vec<Value> {
    let media = json!({"kind": "image", "source": {"type": "url", "url": "https://e.org/a"}, "caption": "c"});
    let bare = json!({"kind": "video", "source": {"type": "handle", "id": "1"}});
    let header = json!({"type": "media", "media": bare});
    let interactive = |kind: &str, mut members: Value| {
        members["type"] = "interactive".into();
        members["kind"] = kind.into();
        members
    };
    let template = |components: Value| json!({"type": "template", "name": "n", "language": "en", "components": components});
    let mut typed = media.clone();
    typed["type"] = "media".into();
    vec![
        json!({"type": "text", "body": "b", "preview_url": true}),
        typed,
        json!({"type": "location", "latitude": 1.0, "longitude": 2.0, "name": "n"}),
        json!({"type": "contacts", "contacts": [{"name": {"formatted_name": "A"}, "phones": [{"value": "1", "label": "l"}], "birthday": "1990-01-01"}]}),
        json!({"type": "reaction", "target": "t", "emoji": "👍"}),
        json!({"type": "typing", "target": "t"}),
        json!({"type": "read_mark", "target": "t"}),
        json!({"type": "native", "value": {"type": "text", "text": {"body": "x"}}}),
        interactive("buttons", json!({"header": header, "body": "b", "footer": "f", "buttons": [{"id": "1", "title": "t"}]})),
        interactive(
            "list",
            json!({"body": "b", "button": "o", "sections": [{"title": "s", "rows": [{"id": "1", "title": "t", "description": "d"}]}]}),
        ),
        interactive("cta_url", json!({"body": "b", "label": "l", "url": "https://e.org"})),
        interactive(
            "product_list",
            json!({"header": {"type": "text", "text": "h"}, "body": "b", "catalog": "c", "sections": [{"items": [{"sku": "s"}]}]}),
        ),
        interactive("flow", json!({"body": "b", "label": "l", "flow_id": "f", "screen": "s", "data": {"a": 1}})),
        interactive("address_request", json!({"body": "b", "country": "IN", "parameters": {"values": {}}})),
        interactive("voice_call", json!({"body": "b", "label": "l", "ttl_minutes": 3, "payload": "p"})),
        interactive("order_details", json!({"body": "b", "parameters": {"reference_id": "r", "order": {}}})),
        interactive(
            "carousel",
            json!({"body": "b", "cards": [
                {"type": "link", "media": bare, "body": "b", "label": "l", "url": "https://e.org"},
                {"type": "replies", "media": bare, "buttons": [{"id": "1", "title": "t"}]},
                {"type": "product", "catalog": "c", "sku": "s"}
            ]}),
        ),
        template(json!([
            {"type": "header", "parameters": [{"type": "media", "media": bare}]},
            {"type": "body", "parameters": [{"type": "text", "text": "A", "name": "n"}, {"type": "currency", "fallback": "f", "code": "USD", "amount_1000": 1, "name": "m"}]},
            {"type": "button", "sub_type": "mpm", "index": 0, "parameters": [{"type": "action", "action": {"sections": [{"title": "t", "product_items": [{}]}]}}]},
            {"type": "limited_time_offer", "expires_at_ms": 1}
        ])),
        template(json!([{"type": "carousel", "cards": [{"card_index": 0, "components": [{"type": "body", "parameters": []}]}]}])),
    ]
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,80}".prop_map(Value::from),
        "[ a\u{0}\n👍]{0,5}".prop_map(Value::from),
        "x{0,5000}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z_]{1,12}", inner, 0..4).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

fn any_party() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!("+15551230001")),
        Just(json!({"kind": "group", "value": "G"})),
        Just(json!({"kind": "bsuid", "value": "US.1"})),
        Just(json!({"kind": "email", "value": "a@b.c"})),
    ]
}

/// Pointers to all values inside.
fn places(value: &Value, path: &str, found: &mut Vec<String>) {
    found.push(path.to_owned());
    match value {
        Value::Object(map) => map.iter().for_each(|(key, inner)| places(inner, &format!("{path}/{key}"), found)),
        Value::Array(items) => items.iter().enumerate().for_each(|(index, inner)| places(inner, &format!("{path}/{index}"), found)),
        _ => {}
    }
}

#[test]
fn the_seeds_are_messages() {
    for content in seeds() {
        serde_json::from_value::<OutboundMessage>(json!({"to": "+15551230001", "content": content})).unwrap();
    }
}

proptest! {
    #[test]
    fn any_message_is_sent_in_the_envelope_or_refused_with_a_reason(
        seed in 0..seeds().len(), place in any::<prop::sample::Index>(), value in any_json(), party in any_party(), quoted in any::<bool>(),
    ) {
        let mut content = seeds().swap_remove(seed);
        let mut found = Vec::new();
        places(&content, "", &mut found);
        if let Some(target) = content.pointer_mut(place.get::<String>(&found)) {
            *target = value;
        }
        let Ok(mut message) = serde_json::from_value::<OutboundMessage>(json!({"to": party, "content": content})) else { return Ok(()) };
        message.reply_to = quoted.then(|| "wamid.Q".to_owned());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let bench = Bench::new().await;
            let capabilities = bench.strategy.capabilities(&bench.tenant).unwrap();
            let fine = message.validate(capabilities).is_ok() && bench.strategy.check(&bench.tenant, &message).is_ok();
            match bench.try_send(&message).await {
                // The script answers every post as it answers a message, which read marks find odd.
                _ if bench.calls() == 1 => {
                    let body = bench.posted();
                    prop_assert!(fine, "sent although refused: {body}");
                    prop_assert_eq!(&body["messaging_product"], "whatsapp");
                    let mark = body["status"] == "read";
                    prop_assert!(mark || body["to"].is_string() != body["recipient"].is_string(), "{body}");
                    prop_assert!(mark || body["biz_opaque_callback_data"].is_string());
                }
                Err(error) => {
                    prop_assert!(error.is_safe_to_resend() && (!fine || party["kind"] == "email"), "{error}");
                    prop_assert!(fine == error.error().violations().is_empty(), "{error}");
                }
                Ok(receipt) => prop_assert!(false, "{receipt:?} without a call"),
            }
            Ok(())
        })?;
    }
}
