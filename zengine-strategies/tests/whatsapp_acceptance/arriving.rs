//! What arrives: A to E, J, L, N, O.

use serde_json::{Value, json};
use zengine_connector::{Content, Event, InboundEvent, message::IdentityKind};

use crate::{
    host::{Host, sign},
    inbound::{body, message, status, value},
};

fn content(event: &InboundEvent) -> &Content {
    match &event.event {
        Event::Message { content } => content,
        other => panic!("{other:?}"),
    }
}

fn text(id: &str) -> Value {
    message(json!({"id": id, "type": "text", "text": {"body": "hi"}}))
}

fn of_number(number: &str, mut value: Value) -> Value {
    value["metadata"]["phone_number_id"] = number.into();
    value
}

fn without(mut object: Value, key: &str) -> Value {
    object.as_object_mut().unwrap().remove(key);
    object
}

#[tokio::test(start_paused = true)]
async fn acceptance_a_the_signature_covers_the_bytes_on_the_wire() {
    let host = Host::new();
    // As Meta writes it: escaped, and signed as it is on the wire.
    let wire = text("wamid.A").to_string().replace("\"hi\"", r#""caf\u00e9 \/ \ud83d\ude00""#);
    let signature = sign(wire.as_bytes());
    assert_eq!(host.post_signed(wire.clone(), &signature).await, 200);
    let event = host.only();
    assert!(matches!(content(&event), Content::Text(text) if text.body == "café / 😀"));
    assert!(wire.contains(std::str::from_utf8(&event.raw).unwrap()), "the exact bytes are kept");
    // The same, un-escaped on the way here.
    let unescaped = wire.replace(r"\u00e9", "é").replace(r"\/", "/").replace(r"\ud83d\ude00", "😀");
    assert_eq!(serde_json::from_str::<Value>(&wire).unwrap(), serde_json::from_str::<Value>(&unescaped).unwrap());
    assert_eq!((host.post_signed(unescaped, &signature).await, host.take()), (401, vec![]));
}

#[tokio::test(start_paused = true)]
async fn acceptance_b_every_element_of_a_batch_reaches_its_tenant() {
    let host = Host::new();
    let element = |id: &str| json!({"id": id, "from": "15551230001", "timestamp": "1760000000", "type": "text", "text": {"body": "hi"}});
    let state = |id: &str, state: &str| json!({"id": id, "status": state, "timestamp": "1760000000", "recipient_id": "15551230001"});
    let change = |field: &str, value: Value| json!({"field": field, "value": value});
    let mut mixed = value("messages", json!([element("wamid.1"), element("wamid.2")]));
    mixed["statuses"] = json!([state("wamid.3", "sent"), state("wamid.3", "read")]);
    let handover = json!({
        "messaging_product": "whatsapp", "recipient": {"phone_number_id": "100200301"}, "sender": {"phone_number": "1444"},
        "type": "control_passed", "timestamp": "1760000000", "control_passed": {"new_owner_role": "ai_agent"}
    });
    let batch = json!({"object": "whatsapp_business_account", "entry": [
        {"id": "900100", "changes": [change("messages", mixed), change("messaging_handovers", handover)]},
        {"id": "900100", "changes": [
            change("messages", of_number("100200301", value("statuses", json!([state("wamid.4", "failed")])))),
            change("messages", of_number("100200301", value("messages", json!([element("wamid.5")]))))
        ]}
    ]});
    assert_eq!(host.post(&batch).await, 200);
    let of = |tenant: &str, kinds: &[&'static str]| kinds.iter().map(|kind| (tenant.to_owned(), *kind)).collect::<Vec<_>>();
    let expected = [of("acme", &["message", "message", "status", "status"]), of("bolt", &["message", "session", "status"])].concat();
    assert_eq!(host.kinds(), expected);
    assert!(host.stores.dead_letter_count() == 0);
}

#[tokio::test(start_paused = true)]
async fn acceptance_c_people_without_a_number_are_known_by_their_ids() {
    let host = Host::new();
    let mut hidden =
        message(json!({"from_user_id": "US.135", "from_parent_user_id": "US.ENT.118", "type": "text", "text": {"body": "hi"}}));
    let value = &mut hidden["entry"][0]["changes"][0]["value"];
    value.as_object_mut().unwrap().remove("contacts");
    value["messages"][0].as_object_mut().unwrap().remove("from");
    assert_eq!(host.post(&hidden).await, 200);
    let event = host.only();
    let id = |kind| event.from.id(kind).map(zengine_connector::Identity::value);
    assert_eq!(
        (id(IdentityKind::Bsuid), id(IdentityKind::ParentBsuid), id(IdentityKind::Phone)),
        (Some("US.135"), Some("US.ENT.118"), None)
    );
    for (n, spelling) in ["recipient_parent_user_id", "parent_recipient_user_id", "parent_user_id"].into_iter().enumerate() {
        let told = status(json!({"id": format!("wamid.{n}"), "recipient_user_id": "US.1", spelling: "US.ENT.9"}));
        assert_eq!(host.post(&told).await, 200);
        let Event::Status(status) = host.only().event else { panic!("no status") };
        assert!(status.recipient.iter().any(|id| id.kind() == IdentityKind::ParentBsuid && id.value() == "US.ENT.9"), "{spelling}");
    }
    // Neither contacts nor anybody at all.
    let mut nobody = message(json!({"id": "wamid.9", "type": "text", "text": {"body": "hi"}}));
    let value = &mut nobody["entry"][0]["changes"][0]["value"];
    (value["contacts"], value["messages"][0]["from"]) = (Value::Null, Value::Null);
    assert_eq!((host.post(&nobody).await, host.kinds()), (200, vec![("acme".to_owned(), "message")]));
}

#[tokio::test(start_paused = true)]
async fn acceptance_d_what_is_new_is_kept_and_answered_with_200() {
    let host = Host::new();
    let new = [
        (message(json!({"id": "wamid.1", "type": "hologram", "hologram": {"x": 1.10}})), "hologram"),
        (status(json!({"id": "wamid.2", "status": "teleported"})), "teleported"),
        (body("brand_new_field", json!({"metadata": {"phone_number_id": "100200300"}, "x": [1, 2]})), "brand_new_field"),
    ];
    for (body, word) in new {
        assert_eq!(host.post(&body).await, 200, "{word}");
        let event = host.only();
        assert!(matches!(&event.event, Event::Unknown { provider_type } if provider_type == word), "{word}: {event:?}");
        assert!(!event.raw.is_empty(), "{word}");
    }
    let action = json!({"action_type": "marketing_messages_link_click", "timestamp": "1760000000", "marketing_messages_link_click_data": {"click_id": "c"}});
    let tapped = body("messages", without(value("user_actions", json!([action])), "contacts"));
    assert_eq!((host.post(&tapped).await, host.kinds()), (200, vec![("acme".to_owned(), "account")]));
    // An account of zero is nobody's, and least of all that of a tenant with a similar number.
    for value in [json!({"phone_number": "15550009999", "event": "X"}), json!({"event": "ACCOUNT_VIOLATION"})] {
        let nobodys = json!({"object": "whatsapp_business_account", "entry": [{"id": "0", "time": 1, "changes": [{"field": "account_update", "value": value}]}]});
        assert_eq!((host.post(&nobodys).await, host.take()), (200, vec![]));
    }
    for odd in [json!({}), json!([]), json!({"object": "page"}), json!({"object": "whatsapp_business_account", "entry": "x"})] {
        assert_eq!((host.post(&odd).await, host.take()), (200, vec![]), "{odd}");
    }
}

#[tokio::test(start_paused = true)]
async fn acceptance_e_what_comes_twice_is_handled_once_and_a_standby_copy_is_its_own() {
    let host = Host::new();
    let element = json!({"id": "wamid.IN", "from": "15551230001", "timestamp": "1760000000", "type": "text", "text": {"body": "hi"}});
    let live = body("messages", value("messages", json!([element])));
    assert_eq!(host.post(&live).await, 200);
    let first = host.only();
    assert_eq!((host.post(&live).await, host.take()), (200, vec![]));
    let mut later = live.clone();
    later["entry"][0]["time"] = 1_760_009_999.into();
    assert_eq!((host.post(&later).await, host.take()), (200, vec![]), "a redelivery in another wrapping");
    assert_eq!(host.post(&body("standby", value("standby", json!({"messages": [element]})))).await, 200);
    let copy = host.only();
    assert_ne!((&first.dedupe_key, &first.id), (&copy.dedupe_key, &copy.id));
    for state in ["delivered", "read"] {
        assert_eq!(host.post(&status(json!({"status": state}))).await, 200);
        assert_eq!(host.post(&status(json!({"status": state}))).await, 200);
    }
    assert_eq!(host.take().len(), 2, "a status is told from another by its state");
}

#[tokio::test(start_paused = true)]
async fn acceptance_j_the_handshake_answers_the_right_token_with_the_raw_challenge() {
    let host = Host::new();
    let answer = host.get("hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=canary%20verify%20token").await;
    assert_eq!((answer.status().as_u16(), &**answer.body()), (200, b"1158201444".as_slice()));
    for wrong in ["hub.mode=subscribe&hub.challenge=1&hub.verify_token=wrong", "hub.mode=subscribe&hub.challenge=1", "hub.challenge=1", ""]
    {
        let answer = host.get(wrong).await;
        assert!(answer.status().is_client_error(), "{wrong}");
        assert!(!String::from_utf8_lossy(answer.body()).contains("canary"));
    }
    assert!(host.take().is_empty());
}

#[tokio::test(start_paused = true)]
async fn acceptance_l_the_answers_of_a_form_are_kept_as_they_came() {
    let host = Host::new();
    for (n, (answers, is_json)) in
        [("{\"flow_token\":\"T\",\"price\":1.10}", true), ("[1,2]", true), ("\"x\"", true), ("{not json", false), ("", false)]
            .into_iter()
            .enumerate()
    {
        let form = json!({"type": "nfm_reply", "nfm_reply": {"name": "flow", "body": "Sent", "response_json": answers}});
        let sent = message(json!({"id": format!("wamid.{n}"), "type": "interactive", "interactive": form}));
        assert_eq!(host.post(&sent).await, 200);
        let event = host.only();
        let Content::FlowReply(reply) = content(&event) else { panic!("{answers}: {event:?}") };
        assert_eq!((reply.text.as_str(), reply.data.is_some(), reply.body.as_deref()), (answers, is_json, Some("Sent")), "{answers}");
    }
}

#[tokio::test(start_paused = true)]
async fn acceptance_n_a_payment_is_no_delivery() {
    let host = Host::new();
    for (n, word) in ["captured", "pending", "failed"].into_iter().enumerate() {
        let payment = json!({"reference_id": "R1", "amount": {"value": 100, "offset": 100}, "currency": "INR"});
        let told = status(json!({"id": format!("wamid.{n}"), "type": "payment", "status": word, "payment": payment}));
        assert_eq!(host.post(&told).await, 200);
        let event = host.only();
        assert!(
            matches!(&event.event, Event::Account(update) if update.field == "payment" && update.event.as_deref() == Some(word)),
            "{event:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn acceptance_o_a_reaction_without_an_emoji_is_taken_back() {
    let host = Host::new();
    for (n, (reaction, emoji)) in [
        (json!({"message_id": "wamid.OUT", "emoji": "👍"}), Some("👍")),
        (json!({"message_id": "wamid.OUT"}), None),
        (json!({"message_id": "wamid.OUT", "emoji": ""}), None),
        (json!({"message_id": "wamid.OUT", "emoji": null}), None),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(host.post(&message(json!({"id": format!("wamid.{n}"), "type": "reaction", "reaction": reaction}))).await, 200);
        let event = host.only();
        let Content::Reaction(read) = content(&event) else { panic!("{event:?}") };
        assert_eq!((read.target.as_str(), read.emoji.as_deref()), ("wamid.OUT", emoji), "{reaction}");
    }
}
