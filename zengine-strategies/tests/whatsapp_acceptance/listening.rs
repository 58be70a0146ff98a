//! What is only listened to: M.

use serde_json::{Value, json};
use zengine_connector::{ErrorKind, Event};

use crate::{
    host::Host,
    inbound::{body, message, value},
};

fn element(more: Value) -> Value {
    let mut element = json!({"id": "wamid.E", "timestamp": "1760000000", "type": "text", "text": {"body": "hi"}});
    element.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    element
}

#[tokio::test(start_paused = true)]
async fn acceptance_m_echoes_are_outbound_and_nothing_but_live_messages_is_answered() {
    let host = Host::talkative();
    assert_eq!(host.post(&message(json!({"type": "text", "text": {"body": "hi"}}))).await, 200);
    assert_eq!((host.kinds(), host.script.len()), (vec![("acme".to_owned(), "message")], 1), "what is ours is answered");
    assert!(host.answers.lock().unwrap().pop().unwrap().is_ok());

    // Typed by staff, in the phone app or another application.
    let by_hand = element(json!({"from": "15550009999", "to": "15551230001"}));
    for field in ["smb_message_echoes", "message_echoes"] {
        let mut by_hand = by_hand.clone();
        by_hand["id"] = format!("wamid.{field}").into();
        assert_eq!(host.post(&body(field, value("message_echoes", json!([by_hand])))).await, 200);
        let event = host.only();
        assert!(matches!(event.event, Event::Echo { .. }), "{event:?}");
        assert_eq!(event.to[0].preferred().unwrap().to_string(), "phone:+15551230001");
        assert!(event.from.ids.iter().any(|id| id.to_string() == "opaque:phone_number_id:100200300"), "from the business");
    }

    // Staff take back or change what they typed.
    let mut revoked = by_hand.clone();
    (revoked["id"], revoked["type"]) = ("wamid.revoke".into(), "revoke".into());
    revoked["revoke"] = json!({"original_message_id": "wamid.smb_message_echoes"});
    assert_eq!(host.post(&body("smb_message_echoes", value("message_echoes", json!([revoked])))).await, 200);
    let event = host.only();
    assert!(matches!(event.event, Event::Deleted { .. }) && event.context.echo, "{event:?}");

    // Copies while another application owns the conversation, wrapped and bare.
    let copy = |id: &str| element(json!({"id": id, "from": "15551230001"}));
    for standby in [
        value("standby", json!({"messages": [copy("wamid.1")]})),
        value("messages", json!([copy("wamid.2")])),
        value("standby", json!({"message_echoes": [element(json!({"id": "wamid.3", "from": "15550009999", "to": "15551230001"}))]})),
    ] {
        assert_eq!(host.post(&body("standby", standby)).await, 200);
        let event = host.only();
        assert!(matches!(event.event, Event::Message { .. } | Event::Echo { .. }) && event.context.standby, "{event:?}");
    }

    // Said long ago.
    let history = json!([{"threads": [{"id": "15551230001", "messages": [copy("wamid.old")]}]}]);
    assert_eq!(host.post(&body("history", value("history", history))).await, 200);
    let old = host.only();
    assert!(matches!(old.event, Event::Message { .. }) && old.context.history);

    let answers = std::mem::take(&mut *host.answers.lock().unwrap());
    assert_eq!(answers.len(), 7, "the handler tried every time");
    for answer in answers {
        assert_eq!(answer.unwrap_err().kind(), ErrorKind::Unsupported);
    }
    assert_eq!(host.script.len(), 1, "and nothing went out");
}

#[tokio::test(start_paused = true)]
async fn an_answer_goes_to_the_identity_that_wrote() {
    let host = Host::talkative();
    let wrote = message(json!({"type": "text", "text": {"body": "hi"}, "identity": {"acknowledged": true, "hash": "DF2lS5v2W6x="}}));
    assert_eq!(host.post(&wrote).await, 200);
    let sent = host.script.last_body();
    assert_eq!((&sent["to"], &sent["recipient_identity_key_hash"]), (&json!("+15551230001"), &json!("DF2lS5v2W6x=")));
    // A person with a hidden number is answered by the id.
    let mut hidden = message(json!({"id": "wamid.H", "from_user_id": "US.135", "type": "text", "text": {"body": "hi"}}));
    let value = &mut hidden["entry"][0]["changes"][0]["value"];
    (value["contacts"], value["messages"][0]["from"]) = (Value::Null, Value::Null);
    assert_eq!(host.post(&hidden).await, 200);
    let sent = host.script.last_body();
    assert_eq!((sent.get("to"), &sent["recipient"]), (None, &json!("US.135")));
}
