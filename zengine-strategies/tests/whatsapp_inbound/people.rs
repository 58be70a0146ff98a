//! The person that a webhook is about: one person in every spelling, named by all that it says, in one conversation.

use serde_json::{Value, json};
use zengine_connector::{Event, strategy::RoutedEvent};

use crate::support::{body, ids, normalize, only, shown, status, value};

fn of_number(display: &str, array: &str, elements: Value, contacts: Value) -> Value {
    json!({
        "metadata": {"display_phone_number": display, "phone_number_id": "100200300"}, "contacts": contacts, array: elements,
    })
}

fn conversation(event: &RoutedEvent) -> &str {
    event.conversation.as_ref().unwrap().as_str()
}

#[test]
fn the_conversation_does_not_hang_on_the_ids_that_a_payload_carries() {
    let status = |more: Value, contacts: Value| {
        let mut status = json!({"id": "wamid.B1", "status": "sent", "timestamp": "1764898735", "recipient_id": "447700900112"});
        status.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        only(&body("messages", of_number("15550001111", "statuses", json!([status]), contacts)))
    };
    let (wa_id, user_id) = ("447700900112", "GB.831795919964525");
    let sent = status(json!({"recipient_user_id": user_id}), json!([{"wa_id": wa_id, "user_id": user_id}]));
    let failed = status(json!({"status": "failed", "errors": [{"code": 131_026}]}), json!([{"wa_id": wa_id}]));
    assert_eq!(conversation(&sent), conversation(&failed));

    let echo = json!({"from": "15550001111", "to": "558888887777", "id": "wamid.I1", "type": "image", "image": {"id": "778"}});
    let echo = only(&body("smb_message_echoes", of_number("15550001111", "message_echoes", json!([echo]), json!([]))));
    for (from, contact) in [("558888887777", "558888887777"), ("5588988887777", "558888887777"), ("558888887777", "5588988887777")] {
        let answer = json!({"from": from, "from_user_id": "BR.42", "id": "wamid.I2", "type": "text", "text": {"body": "oi"}});
        let contacts = json!([{"profile": {"name": "Z"}, "wa_id": contact, "user_id": "BR.42"}]);
        let answer = only(&body("messages", of_number("15550001111", "messages", json!([answer]), contacts)));
        assert_eq!(conversation(&echo), conversation(&answer), "{from} {contact}");
    }
}

#[test]
fn one_element_and_one_contact_are_one_person_unless_scoped_ids_contradict() {
    let text = |from: &str, more: Value, contacts: Value| {
        let mut text = json!({"from": from, "id": "wamid.C1", "type": "text", "text": {"body": "oi"}});
        text.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let event = only(&body("messages", of_number("15550001111", "messages", json!([text]), contacts)));
        (ids(&event.from).join(" "), event.from.name)
    };
    let bruna = |wa_id: &str| json!([{"profile": {"name": "Bruna"}, "wa_id": wa_id}]);
    for (from, wa_id) in [("5511987654321", "551187654321"), ("5215512345678", "525512345678"), ("15551230001", "15559870002")] {
        let both = format!("phone:+{from} wa_id:{wa_id}");
        assert_eq!(text(from, json!({}), bruna(wa_id)), (both, Some("Bruna".into())));
    }
    let scoped = json!([{"profile": {"name": "Bo"}, "wa_id": "15559870002", "user_id": "US.2"}]);
    assert_eq!(text("15551230001", json!({"from_user_id": "US.1"}), scoped.clone()), ("phone:+15551230001 bsuid:US.1".into(), None));
    assert_eq!(text("US.1", json!({}), scoped), ("bsuid:US.1".into(), None));

    // Among several, only ids say who is who; the spelling of a number does not matter.
    let several = json!([{"profile": {"name": "A"}, "wa_id": "5491123456789"}, {"profile": {"name": "B"}, "wa_id": "551187654321"}]);
    assert_eq!(text("5511987654321", json!({}), several.clone()).1.as_deref(), Some("B"));
    assert_eq!(text("541123456789", json!({}), several.clone()).1.as_deref(), Some("A"));
    assert_eq!(text("15551230001", json!({}), several).1, None);

    // A message and a status beside each other may be about two people.
    let mut mixed = of_number("15550001111", "messages", json!([{"from": "15551230001", "id": "1", "type": "text"}]), bruna("15559870002"));
    mixed["statuses"] = json!([{"id": "2", "status": "sent", "recipient_id": "15551230003"}]);
    let results = normalize(body("messages", mixed).to_string());
    assert!(results.iter().all(|result| result.as_ref().unwrap().from.name.is_none()));
    // Messages from one number are from one, and those from two are not.
    for (second, name) in [("15551230001", Some("Bruna")), ("15551230003", None)] {
        let text = |id: &str, from: &str| json!({"from": from, "id": id, "type": "text", "text": {"body": "oi"}});
        let texts = json!([text("1", "15551230001"), text("2", second)]);
        let two = of_number("15550001111", "messages", texts, bruna("15559870002"));
        let results = normalize(body("messages", two).to_string());
        assert!(results.iter().all(|result| result.as_ref().unwrap().from.name.as_deref() == name), "{second}");
    }
}

#[test]
fn in_an_older_conversation_whoever_is_not_its_person_is_the_business() {
    let thread = |context: Value, messages: Value| {
        let history = json!([{"threads": [{"id": "5541988887777", "context": context, "messages": messages}]}]);
        let results = normalize(body("history", of_number("554191112222", "history", history, json!([]))).to_string());
        results.into_iter().map(Result::unwrap).collect::<Vec<_>>()
    };
    let text = |from: &str| json!({"from": from, "id": format!("wamid.{from}"), "type": "text", "text": {"body": "ola"}});
    let placeholder = json!({"from": "5541991112222", "to": "5541988887777", "id": "wamid.N3", "type": "media_placeholder"});
    let messages = json!([text("5541988887777"), text("5541991112222"), text("554191112222"), text("15550001111"), placeholder]);
    let all = thread(json!({"user_id": "BR.7", "username": "@bia"}), messages);
    assert_eq!(all.iter().map(|event| event.event.kind()).collect::<Vec<_>>(), ["message", "echo", "echo", "echo", "echo"]);
    for event in &all {
        assert_eq!(conversation(event), conversation(&all[0]));
        let person = if matches!(event.event, Event::Echo { .. }) { &event.to[0] } else { &event.from };
        assert_eq!(ids(person), ["phone:+5541988887777", "bsuid:BR.7", "username:bia"]);
    }
    let media = json!([{"from": "5541991112222", "id": "wamid.N3", "type": "image", "image": {"id": "M"}}]);
    let followed = only(&body("history", of_number("+55 41 9111-2222", "messages", media, json!([]))));
    assert_eq!(followed.event.kind(), "echo", "the business's number, spelled another way");
}

#[test]
fn an_older_message_of_the_business_is_an_echo_though_it_names_the_persons_id() {
    let ana = "US.13500000000000000001";
    let thread = |context: Value, messages: Value| {
        let history = json!([{"threads": [{"id": "15551230001", "context": context, "messages": messages}]}]);
        let results = normalize(body("history", of_number("15550009999", "history", history, json!([]))).to_string());
        results.into_iter().map(Result::unwrap).collect::<Vec<_>>()
    };
    let text = |from: &str, more: Value| {
        let mut text = json!({"from": from, "from_user_id": ana, "id": format!("wamid.{from}"), "type": "text", "text": {"body": "x"}});
        text.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        text
    };
    let messages = json!([
        text("15551230001", json!({})),
        text("15550009999", json!({"to": "15551230001"})),
        text("15550009999", json!({})),
        text("15550008888", json!({})),
        text("US.13500000000000000001", json!({"to": "15550009999"})),
    ]);
    for context in [json!({"user_id": ana}), json!({})] {
        let all = thread(context, messages.clone());
        assert_eq!(all.iter().map(|event| event.event.kind()).collect::<Vec<_>>(), ["message", "echo", "echo", "echo", "message"]);
        for event in &all[..4] {
            let (person, business) = if event.event.kind() == "echo" { (&event.to[0], &event.from) } else { (&event.from, &event.to[0]) };
            assert_eq!(ids(person), ["phone:+15551230001", "bsuid:US.13500000000000000001"]);
            assert_eq!(ids(business), ["opaque:phone_number_id:100200300", "phone:+15550009999"]);
            assert_eq!(conversation(event), conversation(&all[0]));
        }
    }

    // The file that follows, from a number that is neither the displayed one nor the contact's: a person's.
    let file = |from: &str| {
        let file = json!([{"from": from, "id": "wamid.F", "type": "image", "image": {"id": "M"}}]);
        only(&body("history", value("messages", file)))
    };
    assert_eq!((file("15551230001").event.kind(), file("15550009999").event.kind()), ("message", "echo"));
    let other = file("15550008888");
    assert_eq!((other.event.kind(), ids(&other.from).join(" ")), ("message", "phone:+15550008888".to_owned()));
}

#[test]
fn an_older_message_may_say_itself_which_side_wrote_it() {
    let of = |thread: Value, from: &str, from_me: Value| {
        let context = json!({"status": "READ", "from_me": from_me});
        let text = json!({"from": from, "id": "wamid.H1", "type": "text", "text": {"body": "x"}, "history_context": context});
        let mut thread = thread;
        thread["messages"] = json!([text]);
        only(&body("history", of_number("15550001111", "history", json!([{"threads": [thread]}]), json!([])))).event.kind()
    };
    let unnamed = json!({});
    assert_eq!(of(unnamed.clone(), "15559998888", json!(true)), "echo", "from another spelling of the business's number");
    assert_eq!(of(unnamed, "15559998888", json!(null)), "message");
    assert_eq!(of(json!({"id": "15551230001"}), "15559998888", json!(false)), "message");
}

#[test]
fn a_call_without_a_direction_is_the_callers() {
    let call = |more: Value| {
        let mut call = json!({"id": "wacid.1", "event": "call_recording_available", "timestamp": "1760000000"});
        call.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        only(&body("calls", value("calls", json!([call]))))
    };
    let (business, ana) = ("15550009999", "15551230001");
    for (more, is_from_business) in [
        (json!({"from": business, "to": ana}), true),
        (json!({"from": business}), true),
        (json!({"from": ana, "to": business}), false),
        (json!({"from": "15559870002", "to": business}), false),
        (json!({"from": "15550008888", "to": ana, "direction": "Business_Initiated"}), true),
        (json!({"from": business, "to": ana, "direction": "USER_INITIATED"}), false),
    ] {
        let event = call(more.clone());
        assert_eq!(ids(&event.from)[0] == "opaque:phone_number_id:100200300", is_from_business, "{more}");
        if more["direction"] != "USER_INITIATED" {
            let person = if is_from_business { &event.to[0] } else { &event.from };
            assert!(ids(person).contains(&"bsuid:US.13500000000000000001".to_owned()), "{more}");
            assert!(!ids(person).iter().any(|id| id.contains(business)), "{more} {:?}", ids(person));
        }
    }
}

#[test]
fn a_status_of_a_group_is_known_by_the_group_the_member_or_the_type() {
    let group = "120363000000000000@g.us";
    let member = "15551230001";
    let expected = only(&status(json!({"recipient_type": "group", "recipient_id": group, "recipient_participant_id": member})));
    for more in [
        json!({"recipient_id": group, "recipient_participant_id": member}),
        json!({"recipient_id": group, "recipient_type": "GROUP", "participant_recipient_id": member}),
        json!({"recipient_id": group, "group_id": group, "recipient_participant_user_id": "US.13500000000000000001"}),
        json!({"recipient_id": member, "group_id": group}),
        json!({"recipient_id": null, "recipient_user_id": "US.13500000000000000001", "group_id": group}),
    ] {
        let event = only(&status(more.clone()));
        assert_eq!(conversation(&event), conversation(&expected), "{more}");
        let (shown, wanted) = (shown(&event.event), shown(&expected.event));
        assert_eq!((&shown["recipient"], &shown["participant"]), (&wanted["recipient"], &wanted["participant"]), "{more}");
        assert_eq!((event.from.name.as_deref(), &event.dedup), (Some("Ana"), &expected.dedup), "{more}");
    }
    // No contact says who the members are.
    let of = |member: &str| {
        let status = json!([{"id": "1", "status": "read", "recipient_type": "group", "group_id": group, "recipient_id": member}]);
        let event = only(&body("messages", of_number("15550009999", "statuses", status, json!([]))));
        (ids(&event.from).join(" "), event.dedup)
    };
    let (one, other) = (of(member), of("15551230002"));
    assert_eq!((one.0.as_str(), other.0.as_str()), ("phone:+15551230001", "phone:+15551230002"));
    assert_ne!(one.1, other.1);
    for more in [json!({}), json!({"recipient_participant_user_id": "US.13500000000000000001"})] {
        let mut person = more.clone();
        person["recipient_type"] = "individual".into();
        let person = shown(&only(&status(person)).event);
        assert_eq!((&person["recipient"][0]["kind"], &person["participant"]), (&json!("phone"), &Value::Null), "{more}");
    }
}

#[test]
fn an_id_of_the_parent_is_one_in_every_spelling_and_finds_its_contact() {
    let text = json!([{"from_parent_user_id": "US.118", "id": "1", "type": "text", "text": {"body": "x"}}]);
    let found = |contacts: Value| {
        let event = only(&body("messages", of_number("15550009999", "messages", text.clone(), contacts)));
        (ids(&event.from).join(" "), event.from.name)
    };
    let bo = json!({"profile": {"name": "Bo"}, "wa_id": "15551230002", "user_id": "US.2", "parent_user_id": "US.119"});
    let ana = json!({"profile": {"name": "Ana"}, "parent_user_id": "US.118"});
    assert_eq!(found(json!([bo, ana])), ("parent_bsuid:US.118".to_owned(), Some("Ana".to_owned())));
    let ana = json!({"profile": {"name": "Ana"}, "user_id": "US.1", "parent_user_id": "US.118"});
    let both = ("bsuid:US.1 parent_bsuid:US.118".to_owned(), Some("Ana".to_owned()));
    assert_eq!(found(json!([bo, ana])), both);
    let mut many = vec![bo; 20];
    many.push(ana);
    assert_eq!(found(json!(many)), both);
}

#[test]
fn a_notice_of_a_changed_id_keeps_the_old_one_that_the_message_came_from() {
    let system = json!({"type": "user_changed_user_id", "user_id": "US.2"});
    let message = json!([{"from_user_id": "US.1", "id": "1", "type": "system", "system": system}]);
    let event = shown(&only(&body("messages", of_number("15550009999", "messages", message, json!([])))).event);
    let id = |value: &str| json!([{"kind": "bsuid", "value": value}]);
    assert_eq!((&event["content"]["previous"], &event["content"]["current"]), (&id("US.1"), &id("US.2")));
}

#[test]
fn the_contact_of_an_address_book_is_whom_the_change_is_about() {
    let contact = json!({"full_name": "Ana B", "first_name": "Ana", "phone_number": "15551230001", "user_id": "US.1"});
    let sync = json!([{"type": "contact", "contact": contact, "action": "add", "metadata": {"timestamp": "1760000000"}}]);
    let event = only(&body("smb_app_state_sync", of_number("15550009999", "state_sync", sync, json!([]))));
    assert_eq!((ids(&event.from), event.from.name.as_deref()), (vec!["phone:+15551230001".to_owned(), "bsuid:US.1".into()], Some("Ana B")));
}

#[test]
fn a_person_is_named_by_all_that_is_said_in_every_place() {
    let all = ["phone:+15551230009", "bsuid:US.1111", "parent_bsuid:US.ENT.5555", "username:joiner"];
    let person = json!({"wa_id": "15551230009", "user_id": "US.1111", "parent_user_id": "US.ENT.5555", "username": "@joiner"});
    let with = |prefix: &str, phone: &str, more: Value| {
        let mut element = more;
        for (name, value) in person.as_object().unwrap() {
            let name = if name == "wa_id" { phone.to_owned() } else { format!("{prefix}{name}") };
            element[name] = value.clone();
        }
        element
    };
    let none = || json!([]);
    let join = with("", "wa_id", json!({"group_id": "G", "type": "group_join_request_created"}));
    let of = |field: &str, array: &str, element: Value| only(&body(field, of_number("15550001111", array, json!([element]), none())));
    assert_eq!(ids(&of("group_participants_update", "groups", join).from), all);
    assert_eq!(ids(&of("user_preferences", "user_preferences", with("", "wa_id", json!({"value": "stop"}))).from), all);
    let message = with("from_", "from", json!({"id": "1", "type": "text"}));
    assert_eq!(ids(&of("messages", "messages", message.clone()).from), all);
    assert_eq!(ids(&of("smb_message_echoes", "message_echoes", with("to_", "to", json!({"id": "1", "type": "text"}))).to[0]), all);
    assert_eq!(ids(&of("messages", "statuses", with("recipient_", "recipient_id", json!({"id": "1", "status": "sent"}))).from), all);
    assert_eq!(ids(&of("calls", "calls", with("from_", "from", json!({"id": "1", "event": "connect"}))).from), all);
    let reply = of("messages", "messages", json!({"from": "1", "id": "2", "type": "text", "context": message}));
    assert_eq!(reply.context.reply_to_from.iter().map(ToString::to_string).collect::<Vec<_>>(), all);
    let handover = json!({"recipient": {"phone_number_id": "1"}, "sender": with("", "phone_number", json!({})), "type": "control_passed"});
    assert_eq!(ids(&only(&body("messaging_handovers", handover)).from), all);
    let contact = json!({"from": "15551230009", "id": "1", "type": "text"});
    assert_eq!(ids(&only(&body("messages", of_number("1", "messages", json!([contact]), json!([person])))).from), all);
}

#[test]
fn a_formatted_number_of_the_business_is_a_phone_number() {
    for display in ["+1 555-000-1111", "1 (555) 000-1111", "15550001111"] {
        let text = json!([{"from": "15551230001", "id": "wamid.F1", "type": "text", "text": {"body": "x"}}]);
        let event = only(&body("messages", of_number(display, "messages", text, json!([]))));
        assert_eq!(ids(&event.to[0]), ["opaque:phone_number_id:100200300", "phone:+15550001111"], "{display}");
    }
}

#[test]
fn a_card_without_a_whole_name_keeps_what_it_has() {
    let cards = json!([
        {"name": {"first_name": "Ada", "last_name": "B", "formatted_name": "Ada B."}},
        {"name": {"prefix": "Dr", "first_name": "Carla"}, "phones": [{"type": "Mobile"}, {"phone": "+39 02 1", "wa_id": "3902100"}]},
        {"vcard": "BEGIN:VCARD\r\nitem1.FN;CHARSET=UTF-8:Dee\\, Jr\r\nEND:VCARD"},
        {"vcard": "BEGIN:VCARD\nEND:VCARD"},
        {"org": {"company": "Acme"}, "phones": [{"phone": "+39 02 2"}]},
        {"phones": [{"phone": "+39 02 3"}]},
    ]);
    let message = json!([{"from": "15551230001", "id": "wamid.G1", "type": "contacts", "contacts": cards}]);
    let shown = shown(&only(&body("messages", value("messages", message))).event);
    let cards = shown["content"]["contacts"].as_array().unwrap();
    let names: Vec<_> = cards.iter().map(|card| card["name"].get("formatted_name").cloned()).collect();
    assert_eq!(
        names,
        [Some(json!("Ada B.")), Some(json!("Dr Carla")), Some(json!("Dee, Jr")), None, Some(json!("Acme")), Some(json!("+39 02 3"))]
    );
    assert_eq!((&cards[1]["name"]["first_name"], cards[1]["phones"].as_array().unwrap().len()), (&json!("Carla"), 1));
}
