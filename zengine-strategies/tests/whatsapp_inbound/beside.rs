//! Members beside known arrays, and copies in the form of the request that was sent: nothing is lost on the way to the handler.

use serde_json::{Value, json};
use zengine_connector::{Event, InboundEvent, message::Party};

use crate::{
    received::Host,
    support::{body, ids, normalize, shown, value},
};

/// The events that the handler gets.
async fn received(body: &Value) -> Vec<InboundEvent> {
    let host = Host::new();
    assert_eq!(host.post_bytes(body.to_string()).await, 200);
    assert_eq!(host.stores.dead_letter_count(), 0);
    std::mem::take(&mut host.seen.lock().unwrap())
}

/// The words of the unknown events, sorted.
fn unknown(events: &[InboundEvent]) -> Vec<String> {
    let word = |event: &InboundEvent| match &event.event {
        Event::Unknown { provider_type } => Some(provider_type.clone()),
        _ => None,
    };
    let mut words: Vec<_> = events.iter().filter_map(word).collect();
    words.sort();
    words
}

fn text(id: &str) -> Value {
    json!({"id": id, "from": "15551230001", "type": "text", "text": {"body": "hi"}})
}

#[tokio::test]
async fn a_copied_echo_in_the_form_of_a_request_keeps_content_person_and_conversation() {
    let echo = |more: Value| {
        let mut request = json!({"messaging_product": "whatsapp", "recipient_type": "individual"});
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let echo = json!({"id": "wamid.S1", "timestamp": "1760000300", "message": request});
        let mut value = value("standby", json!({"message_echoes": [echo], "contacts": []}));
        value["standby"]["contacts"] = value["contacts"].take();
        body("standby", value)
    };
    let hello = json!({"to": "+1 555-123-0001", "type": "text", "text": {"body": "hello"}, "context": {"message_id": "wamid.Q"}});
    let copy = received(&echo(hello)).await.remove(0);
    assert_eq!(shown(&copy.event), json!({"type": "echo", "content": {"type": "text", "body": "hello"}}));
    assert_eq!((copy.context.standby, copy.context.reply_to.as_deref()), (true, Some("wamid.Q")));
    assert_eq!((copy.provider_ids[0].as_str(), copy.occurred_at_ms), ("wamid.S1", Some(1_760_000_300_000)));
    assert_eq!(ids(&copy.to[0])[0], "phone:+15551230001");
    let live = received(&body("messages", value("messages", json!([text("wamid.L")])))).await.remove(0);
    assert_eq!(copy.conversation, live.conversation);

    let image = json!({"recipient": "US.13500000000000000001", "type": "image", "image": {"link": "https://example.com/a.png"}});
    let image = received(&echo(image)).await.remove(0);
    assert_eq!(
        (ids(&image.to[0]).join(" "), image.to[0].name.as_deref()),
        ("phone:+15551230001 bsuid:US.13500000000000000001 username:ana.b".into(), Some("Ana"),)
    );
    let group = received(&echo(json!({"recipient_type": "group", "to": "G1", "type": "text", "text": {"body": "all"}}))).await.remove(0);
    assert_eq!((group.context.group.as_deref(), group.to), (Some("G1"), vec![] as Vec<Party>));
    let template = received(&echo(json!({"to": "15551230001", "type": "template", "template": {"name": "t"}}))).await.remove(0);
    assert_eq!(shown(&template.event)["content"], json!({"type": "unknown", "provider_type": "template"}));
}

#[tokio::test]
async fn what_is_new_beside_an_array_is_an_event_of_its_own() {
    let mut beside = value("messages", json!([text("wamid.1")]));
    beside["reminders"] = json!([{"id": "R"}]);
    beside["flag"] = json!(true);
    beside["nothing"] = Value::Null;
    let events = received(&body("messages", beside.clone())).await;
    assert_eq!((events.len(), unknown(&events)), (3, vec!["flag".to_owned(), "reminders".into()]));
    // A flag is no redelivery of the flag beside another message.
    let host = Host::new();
    for (id, count) in [("wamid.1", 3), ("wamid.1", 3), ("wamid.2", 6)] {
        beside["messages"] = json!([text(id)]);
        assert_eq!(host.post_bytes(body("messages", beside.clone()).to_string()).await, 200);
        assert_eq!(host.seen.lock().unwrap().len(), count, "{id}");
    }

    let mut copies = value("standby", json!({"messages": [text("wamid.3")], "notes": "n"}));
    copies["messages"] = json!([text("wamid.4")]);
    copies["other"] = json!(1);
    let events = received(&body("standby", copies)).await;
    assert_eq!((events.len(), unknown(&events)), (4, vec!["notes".to_owned(), "other".into()]));
    assert!(events.iter().all(|event| event.context.standby));
    let empty = received(&body("standby", value("standby", json!({"notes": "n"})))).await;
    assert_eq!((empty.len(), unknown(&empty)), (1, vec!["standby".to_owned()]));
}

#[tokio::test]
async fn a_list_that_is_new_gives_its_name_to_the_change_that_holds_nothing_else() {
    let posted = body("messages", value("reminders", json!([{"id": "R"}])));
    let events = received(&posted).await;
    assert_eq!((events.len(), unknown(&events)), (1, vec!["reminders".to_owned()]));
    assert_eq!(serde_json::from_slice::<Value>(&events[0].raw).unwrap(), posted["entry"][0]["changes"][0], "with its contacts");
    let empty = received(&body("messages", value("messages", json!([])))).await;
    assert_eq!(unknown(&empty), ["messages"]);
}

#[tokio::test]
async fn a_chunk_of_older_conversations_tells_its_progress_and_loses_nothing() {
    let chunk = |progress: u32| {
        let thread = json!({"id": "15551230001", "messages": [text("wamid.H1")], "labels": ["vip"]});
        let metadata = json!({"phase": 1, "chunk_order": 1, "progress": progress});
        let mut body = body("history", value("history", json!([{"metadata": metadata, "threads": [thread], "signature": "s"}])));
        body["entry"][0].as_object_mut().unwrap().remove("time");
        body
    };
    let events = received(&chunk(55)).await;
    let kinds: Vec<_> = events.iter().map(|event| event.event.kind()).collect();
    assert_eq!((kinds.iter().filter(|kind| **kind == "message").count(), events.len()), (1, 4), "{kinds:?}");
    assert_eq!(unknown(&events), ["labels", "signature"]);
    let progress = events.iter().find(|event| matches!(event.event, Event::Account(_))).unwrap();
    let progress = shown(&progress.event);
    assert_eq!((&progress["event"], &progress["data"]["progress"]), (&json!("progress"), &json!(55)));
}

#[tokio::test]
async fn every_phase_of_a_chunk_is_told_where_the_member_is_repeated() {
    let chunk = json!({"metadata": {"phase": 1}, "threads": [{"id": "15551230001", "messages": [text("wamid.H1")]}]});
    let repeated = r#""metadata":{"phase":0},"metadata":{"phase":1}"#;
    let posted = body("history", value("history", json!([chunk]))).to_string().replace(r#""metadata":{"phase":1}"#, repeated);
    let host = Host::new();
    for _ in 0..2 {
        assert_eq!(host.post_bytes(posted.clone()).await, 200);
    }
    let events = std::mem::take(&mut *host.seen.lock().unwrap());
    let phases: Vec<_> = events.iter().filter_map(|event| shown(&event.event)["data"]["phase"].as_u64()).collect();
    assert_eq!((phases, events.len(), host.stores.dead_letter_count()), (vec![0, 1], 3, 0));
}

#[tokio::test]
async fn what_is_new_beside_changes_and_values_is_an_event_of_its_own() {
    let mut new = body("messages", value("messages", json!([text("wamid.1")])));
    new["entry"][0]["messaging"] = json!([{"sender": {"id": "15551230001"}}]);
    new["entry"][0]["changes"][0]["extra"] = json!("e");
    new["entry"][0]["changes"][0]["nothing"] = Value::Null;
    let host = Host::new();
    assert_eq!(host.post_bytes(new.to_string()).await, 200);
    let events = std::mem::take(&mut *host.seen.lock().unwrap());
    assert_eq!((events.len(), unknown(&events)), (2, vec!["extra".to_owned()]));
    // Two tenants share the account. It may be about a person, so it is kept and shown to neither.
    assert_eq!(host.stores.dead_letter_count(), 1);
    let of_account = normalize(new.to_string()).remove(2).unwrap().raw;
    assert_eq!(of_account, r#"[{"sender":{"id":"15551230001"}}]"#);

    // A change that is one event as a whole holds it already; beside several values it is told once.
    let mut whole = body("account_alerts", json!({"alert_type": "A"}));
    whole["entry"][0]["changes"][0]["extra"] = json!("e");
    let kinds = |body: String| -> Vec<_> { normalize(body).into_iter().map(|event| event.unwrap().event.kind()).collect() };
    assert_eq!(kinds(whole.to_string()), ["account"]);
    let values = whole.to_string().replace(r#""value":"#, r#""value":{"alert_type":"B"},"value":"#);
    assert_eq!(kinds(values), ["account", "account", "unknown"]);

    // Beside `entry` it belongs to no account, and is kept.
    let mut root = body("messages", value("messages", json!([text("wamid.2")])));
    root["notes"] = json!("n");
    let host = Host::new();
    assert_eq!(host.post_bytes(root.to_string()).await, 200);
    assert_eq!((host.seen.lock().unwrap().len(), host.stores.dead_letter_count()), (1, 1));
}

#[tokio::test]
async fn errors_beside_repeated_lists_go_with_no_element_of_several() {
    let of = |field: &str, member: &str, count: usize| {
        let errors = json!([{"code": 131_000}]);
        let value = json!({"metadata": {"phone_number_id": "100200300"}, "errors": errors, "LIST": 0});
        body(field, value).to_string().replace(r#""LIST":0"#, &vec![member; count].join(","))
    };
    for (field, member) in [
        ("standby", r#""standby":{"messages":[{"from":"15551230001","type":"image"}]}"#),
        ("messages", r#""messages":[{"from":"15551230001","type":"image"}]"#),
        ("calls", r#""calls":[{"from":"15551230001","event":"terminate"}]"#),
    ] {
        let taken = |count: usize| {
            let results = normalize(of(field, member, count));
            let events: Vec<_> = results.into_iter().map(Result::unwrap).collect();
            let own = events.iter().filter(|event| matches!(event.event, Event::Account(_))).count();
            (events.len(), own)
        };
        assert_eq!(taken(1), (1, 0), "{field}: they are the one element's");
        assert_eq!(taken(2), (3, 1), "{field}: whose they are is not told");
    }
}

#[test]
fn a_field_longer_than_an_id_is_refused_with_all_its_values() {
    let of = |length: usize| body(&"f".repeat(length), json!({})).to_string().replace(r#""value":{}"#, r#""value":{},"value":{}"#);
    assert!(normalize(of(1_024)).iter().all(Result::is_ok));
    let results = normalize(of(1_025));
    let [Err(refused)] = results.as_slice() else { panic!("{results:?}") };
    assert_eq!((refused.path.as_str(), refused.reason), ("/entry/0/changes/0", "the field has more than 1,024 bytes"));
    assert!(refused.raw.ends_with(br#""value":{},"value":{}}"#));
}

#[tokio::test]
async fn the_context_of_a_conversation_goes_with_its_one_event() {
    let of = |elements: Value| {
        let mut value = value("messages", elements);
        value["conversation_context"] = json!({"summary": "wants a refund"});
        body("messages", value)
    };
    let one = received(&of(json!([text("wamid.1")]))).await;
    assert_eq!(one.len(), 1);
    assert_eq!(one[0].context.conversation.as_ref().unwrap().as_str(), r#"{"summary":"wants a refund"}"#);
    let two = received(&of(json!([text("wamid.1"), text("wamid.2")]))).await;
    assert_eq!((two.len(), unknown(&two)), (3, vec!["conversation_context".to_owned()]), "it is not told whose it is");
}

#[tokio::test]
async fn the_deepest_body_that_is_let_in_costs_nothing() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let form = json!({"type": "nfm_reply", "nfm_reply": {"name": "flow", "response_json": nested(200)}});
    let form = json!({"id": "wamid.2", "from": "15551230001", "type": "interactive", "interactive": form});
    // A message stands on the eighth level.
    let posted = |levels: usize| {
        let deep = format!(r#"{{"id":"wamid.1","from":"15551230001","type":"hologram","referral":{{"x":{}}}}}"#, nested(levels - 9));
        body("messages", value("messages", json!(["DEEP", form, text("wamid.3")]))).to_string().replace(r#""DEEP""#, &deep)
    };
    let host = Host::new();
    assert_eq!(host.post_bytes(posted(64)).await, 200);
    let events = std::mem::take(&mut *host.seen.lock().unwrap());
    let kinds: Vec<_> = events.iter().map(|event| (event.provider_ids[0].as_str(), event.event.kind())).collect();
    assert_eq!(kinds, [("wamid.1", "unknown"), ("wamid.2", "message"), ("wamid.3", "message")]);
    assert!(shown(&events[1].event).to_string().contains(&nested(200)), "the text as it came");
    assert_eq!(host.stores.dead_letter_count(), 0);

    assert_eq!(host.post_bytes(posted(65)).await, 200);
    assert_eq!((host.seen.lock().unwrap().len(), host.stores.dead_letter_count()), (0, 1), "kept whole");
}
