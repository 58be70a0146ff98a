//! The provider's rules (R) and the acceptance list (letters) where they concern what arrives.

use serde_json::{Value, json};
use zengine_connector::{
    Content, ErrorKind, Event,
    message::{IdentityKind, State},
    strategy::RoutedEvent,
};

use crate::support::{Results, body, ids, message, normalize, only, routes, shown, status, value};

fn events(results: Results) -> Vec<RoutedEvent> {
    results.into_iter().map(Result::unwrap).collect()
}

fn content(event: &RoutedEvent) -> &Content {
    match &event.event {
        Event::Message { content } | Event::Echo { content } => content,
        other => panic!("{other:?}"),
    }
}

#[test]
fn r2_every_element_of_every_array_of_every_change_of_every_entry_arrives_in_order() {
    let text = |id: &str| json!({"id": id, "from": "15551230001", "type": "text", "text": {"body": "x"}});
    let state = |id: &str| json!({"id": id, "status": "read"});
    let change = |phone: &str, a: &str, b: &str| {
        json!({"field": "messages", "value": {
            "metadata": {"phone_number_id": phone},
            "messages": [text(a), text(b)],
            "statuses": [state(&format!("{a}-out")), state(&format!("{b}-out"))],
        }})
    };
    let entry = |id: &str, first: Value, second: Value| json!({"id": id, "changes": [first, second]});
    let events = events(normalize(
        json!({"object": "whatsapp_business_account", "entry": [
            entry("900100", change("1", "a", "b"), change("2", "c", "d")),
            entry("900200", change("3", "e", "f"), change("4", "g", "h")),
        ]})
        .to_string(),
    ));
    let found: Vec<_> = events.iter().map(|event| (routes(event)[0].1, event.provider_ids[0].as_str())).collect();
    let expected: Vec<(&str, &str)> = vec![
        ("1", "a"),
        ("1", "b"),
        ("1", "a-out"),
        ("1", "b-out"),
        ("2", "c"),
        ("2", "d"),
        ("2", "c-out"),
        ("2", "d-out"),
        ("3", "e"),
        ("3", "f"),
        ("3", "e-out"),
        ("3", "f-out"),
        ("4", "g"),
        ("4", "h"),
        ("4", "g-out"),
        ("4", "h-out"),
    ];
    let numbers = |pairs: &[(&str, &str)]| -> Vec<String> { pairs.iter().map(|(phone, id)| format!("{phone} {id}")).collect() };
    assert_eq!(numbers(&found), numbers(&expected));
    assert_eq!(routes(&events[15]), [("phone_number_id", "4")]);
}

#[test]
fn b_a_handover_is_routed_by_its_recipient() {
    let event = only(&body("messaging_handovers", json!({"recipient": {"phone_number_id": "100200300"}, "type": "control_taken"})));
    assert_eq!(routes(&event), [("phone_number_id", "100200300")]);
    assert!(matches!(event.event, Event::Session(_)) && !event.fan_out);
}

#[test]
fn r4_a_redelivery_has_the_same_dedup_key_and_another_event_has_another() {
    let text = message(json!({"type": "text", "text": {"body": "a"}}));
    let first = only(&text);
    assert_eq!(first.dedup, only(&text).dedup);
    assert_eq!(first.dedup, "message|100200300|wamid.IN1", "number and message id, whatever else changes");

    let key = |body: Value| only(&body).dedup;
    let keys = [
        first.dedup.clone(),
        key(message(json!({"id": "wamid.IN2", "type": "text", "text": {"body": "a"}}))),
        key(status(json!({}))),
        key(status(json!({"status": "read"}))),
        key(status(json!({"id": "wamid.OUT2"}))),
        key(status(json!({"recipient_type": "group", "recipient_participant_id": "1555"}))),
        key(status(json!({"recipient_type": "group", "recipient_participant_id": "1666"}))),
        // An edit that keeps the id of what it edits, twice.
        key(message(
            json!({"type": "edit", "edit": {"original_message_id": "wamid.IN1", "message": {"type": "text", "text": {"body": "b"}}}}),
        )),
        key(message(
            json!({"timestamp": "1760000001", "type": "edit", "edit": {"original_message_id": "wamid.IN1", "message": {"type": "text", "text": {"body": "c"}}}}),
        )),
        // And a third time within that second.
        key(message(
            json!({"timestamp": "1760000001", "type": "edit", "edit": {"original_message_id": "wamid.IN1", "message": {"type": "text", "text": {"body": "d"}}}}),
        )),
        key(body("account_review_update", json!({"decision": "APPROVED"}))),
        key(body("account_review_update", json!({"decision": "REJECTED"}))),
    ];
    for (index, key) in keys.iter().enumerate() {
        assert!(!keys[..index].contains(key), "{key}");
    }
}

#[test]
fn e_a_standby_copy_has_a_key_of_its_own() {
    let element = json!({"id": "wamid.IN1", "from": "15551230001", "type": "text", "text": {"body": "a"}});
    let live = only(&body("messages", value("messages", json!([element]))));
    let copy = only(&body("standby", value("standby", json!({"messages": [element]}))));
    assert_ne!(live.dedup, copy.dedup);
    assert!(!live.context.standby && copy.context.standby);
}

#[test]
fn m_whatever_comes_as_a_copy_or_from_the_past_says_so() {
    let revoked = json!({"id": "wamid.IN1", "from": "15551230001", "type": "revoke", "revoke": {"original_message_id": "wamid.IN0"}});
    let unknown = json!({"id": "wamid.IN2", "from": "15551230001", "type": "hologram"});
    let status = json!({"id": "wamid.OUT1", "status": "sent", "timestamp": "1760000000", "recipient_id": "15551230001"});
    let copies =
        events(normalize(body("standby", value("standby", json!({"messages": [revoked, unknown], "statuses": [status]}))).to_string()));
    assert_eq!(copies.iter().map(|event| event.event.kind()).collect::<Vec<_>>(), ["deleted", "unknown", "status"]);
    assert!(copies.iter().all(|event| event.context.standby && !event.context.history));
    let threads = json!([{"threads": [{"id": "15551230001", "messages": [revoked, unknown]}]}]);
    let old = events(normalize(body("history", value("history", threads)).to_string()));
    assert!(!old.is_empty() && old.iter().all(|event| event.context.history && !event.context.standby));
}

#[test]
fn r5_whatever_is_missing_the_rest_arrives() {
    let full = message(json!({
        "type": "text", "text": {"body": "a"}, "from_user_id": "US.135", "group_id": "G",
        "context": {"id": "wamid.OUT1", "from": "1555"}, "referral": {"source_id": "AD"}, "errors": [{"code": 1}],
    }));
    let place = "/entry/0/changes/0/value";
    let mut holes = vec![];
    for (parent, names) in [
        ("/entry/0", vec!["id", "time"]),
        (place, vec!["metadata", "contacts", "messaging_product"]),
        (&format!("{place}/metadata"), vec!["phone_number_id", "display_phone_number"]),
        (&format!("{place}/contacts/0"), vec!["profile", "wa_id", "user_id"]),
        (
            &format!("{place}/messages/0"),
            vec!["id", "from", "from_user_id", "timestamp", "type", "group_id", "context", "referral", "errors"],
        ),
        (&format!("{place}/messages/0/text"), vec!["body"]),
    ] {
        holes.extend(names.into_iter().map(|name| (parent.to_owned(), name)));
    }
    for (parent, name) in holes {
        for instead in [None, Some(Value::Null), Some(json!(7)), Some(json!("x")), Some(json!([])), Some(json!({}))] {
            let mut body = full.clone();
            let object = body.pointer_mut(&parent).and_then(Value::as_object_mut).unwrap();
            let wrong = instead.is_some();
            match instead {
                None => object.remove(name),
                Some(instead) => object.insert(name.to_owned(), instead),
            };
            let results = normalize(body.to_string());
            assert_eq!(results.len(), 1, "{parent}/{name}");
            match &results[0] {
                Ok(event) => assert!(matches!(event.event, Event::Message { .. } | Event::Unknown { .. }), "{parent}/{name}"),
                Err(error) => assert!(wrong && name == "type", "{parent}/{name} {}", error.reason),
            }
        }
    }
}

#[test]
fn c_a_person_without_a_number_is_known_by_the_business_scoped_id() {
    let mut hidden = message(json!({"from_user_id": "US.135", "from_parent_user_id": "US.ENT.118", "type": "text", "text": {"body": "a"}}));
    let value = hidden.pointer_mut("/entry/0/changes/0/value").unwrap().as_object_mut().unwrap();
    value.remove("contacts");
    value["messages"][0].as_object_mut().unwrap().remove("from");
    assert_eq!(ids(&only(&hidden).from), ["bsuid:US.135", "parent_bsuid:US.ENT.118"]);

    for spelling in ["recipient_parent_user_id", "parent_recipient_user_id", "parent_user_id"] {
        let Event::Status(status) = only(&status(json!({"recipient_user_id": "US.1", spelling: "US.ENT.9"}))).event else { panic!() };
        assert!(status.recipient.iter().any(|id| id.kind() == IdentityKind::ParentBsuid && id.value() == "US.ENT.9"), "{spelling}");
    }
}

#[test]
fn contacts_are_paired_by_id_and_never_by_position() {
    let mut body = message(json!({"type": "text", "text": {"body": "a"}}));
    let value = body.pointer_mut("/entry/0/changes/0/value").unwrap();
    value["contacts"] = json!([
        {"profile": {"name": "Bo"}, "wa_id": "15551230002"},
        {"profile": {"name": "Ana"}, "wa_id": "15551230001", "user_id": "US.1"},
    ]);
    let event = only(&body);
    assert_eq!((event.from.name.as_deref(), ids(&event.from).join(" ")), (Some("Ana"), "phone:+15551230001 bsuid:US.1".to_owned()));
}

#[test]
fn one_conversation_per_number_and_person_or_group() {
    let text = |more: Value| {
        let mut all = json!({"type": "text", "text": {"body": "a"}});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        only(&message(all)).conversation.unwrap()
    };
    let ana = text(json!({}));
    assert_eq!(ana, text(json!({"id": "wamid.IN2", "timestamp": "1770000000"})));
    assert_eq!(ana, text(json!({"from": "US.13500000000000000001"})), "by number or by id, the contact says it is one person");
    assert_eq!(ana, only(&status(json!({}))).conversation.unwrap(), "news of messages to her keep their order with hers");
    let others = [text(json!({"from": "15551230002"})), text(json!({"group_id": "G1"})), text(json!({"group_id": "G2"}))];
    for (index, other) in others.iter().enumerate() {
        assert!(*other != ana && !others[..index].contains(other));
    }
    assert_eq!(others[1], text(json!({"from": "15551230003", "group_id": "G1"})), "members of a group share its conversation");
    assert!(ana.as_str().starts_with("100200300.") && !ana.as_str().contains("1555"), "no number in an id that is logged: {ana}");
}

#[test]
fn d_what_is_new_is_unknown_and_keeps_its_bytes() {
    for (body, word) in [
        (message(json!({"type": "hologram", "hologram": {"x": 1.10}})), "hologram"),
        (status(json!({"status": "teleported"})), "teleported"),
        (body("brand_new_field", json!({"x": [1, 2]})), "brand_new_field"),
    ] {
        let event = only(&body);
        assert_eq!(event.event, Event::Unknown { provider_type: word.to_owned() });
        assert!(body.to_string().contains(std::str::from_utf8(&event.raw).unwrap()));
    }
}

#[test]
fn d_a_value_with_user_actions_only_is_an_event() {
    let event =
        only(&body("messages", json!({"metadata": {"phone_number_id": "1"}, "user_actions": [{"action_type": "landing_page_view"}]})));
    assert_eq!(shown(&event.event)["event"], "landing_page_view");
}

#[test]
fn d_an_entry_of_account_zero_has_no_route() {
    let event = only(&json!({"object": "whatsapp_business_account", "entry": [
        {"id": "0", "changes": [{"field": "account_update", "value": {"event": "X", "phone_number": "15550009999"}}]},
    ]}));
    assert_eq!(routes(&event), []);
}

#[test]
fn d_a_change_is_read_alike_alone_and_beside_others() {
    let metadata = || json!({"display_phone_number": "15550009999", "phone_number_id": "100200300"});
    let text = json!([{"id": "wamid.1", "from": "15551230001", "timestamp": "1760000000", "type": "text", "text": {"body": "hi"}}]);
    let changes = [
        json!({"field": "messages", "value": {"metadata": metadata(), "messages": text}}),
        json!({"field": "account_update", "value": {"event": "X", "metadata": metadata()}}),
        json!({"field": "phone_number_quality_update", "value": {"event": "FLAGGED", "display_phone_number": "15550009999"}}),
        json!({"field": "message_template_status_update", "value": {"event": "APPROVED", "message_template_id": "1", "metadata": metadata()}}),
        json!({"field": "of_next_year", "value": {"metadata": metadata()}}),
        json!({"field": "of_next_year", "value": {"one": 1}}),
    ];
    let read = |changes: &[&Value]| {
        let body = json!({"object": "whatsapp_business_account", "entry": [{"id": "900100", "time": 1_760_000_000, "changes": changes}]});
        let told = |event: RoutedEvent| format!("{:?} {} {} {}", routes(&event), event.fan_out, event.dedup, shown(&event.event));
        normalize(body.to_string()).into_iter().map(|event| told(event.unwrap())).collect::<Vec<_>>()
    };
    for first in &changes {
        for second in &changes {
            assert_eq!(read(&[first, second]), [read(&[first]), read(&[second])].concat(), "{first} {second}");
        }
    }
}

#[test]
fn r6_numbers_may_be_strings_and_times_may_be_milliseconds() {
    for time in [json!("1760000000"), json!(1_760_000_000), json!("1760000000000"), json!(1_760_000_000_000_i64), json!(1.76e9)] {
        let event = only(&message(json!({"timestamp": time, "type": "text", "text": {"body": "a"}})));
        assert_eq!(event.occurred_at_ms, Some(1_760_000_000_000), "{time}");
    }
    let template = |id: Value| only(&body("message_template_status_update", json!({"event": "APPROVED", "message_template_id": id})));
    for id in [json!("1689556908129832"), json!(1_689_556_908_129_832_i64)] {
        assert_eq!(shown(&template(id).event)["template_id"], "1689556908129832");
    }
}

#[test]
fn r8_f_errors_are_classed_by_their_code() {
    for (code, kind) in [
        (131_047, ErrorKind::WindowClosed),
        (470, ErrorKind::WindowClosed),
        (131_056, ErrorKind::RateLimited),
        (130_429, ErrorKind::RateLimited),
        (190, ErrorKind::Unauthorized),
        (131_026, ErrorKind::InvalidRecipient),
        (132_001, ErrorKind::Template),
        (131_049, ErrorKind::Policy),
        (131_050, ErrorKind::OptedOut),
        (131_053, ErrorKind::Media),
        (131_043, ErrorKind::Expired),
        (131_042, ErrorKind::Billing),
    ] {
        for code in [json!(code), json!(code.to_string())] {
            let failed = status(json!({"status": "failed", "errors": [{"code": code, "title": "misleading"}]}));
            let Event::Status(status) = only(&failed).event else { panic!() };
            let error = status.error.unwrap();
            assert_eq!((status.state, error.kind, error.code), (State::Failed, kind, Some(code.to_string().trim_matches('"').to_owned())));
        }
    }
}

#[test]
fn a_failure_is_final_or_not_tried_as_its_code_says() {
    for (code, permanent, suppressed) in
        [(131_026, Some(true), false), (131_050, Some(true), true), (130_429, None, false), (131_049, None, false), (7, None, false)]
    {
        let failed = status(json!({"status": "failed", "errors": [{"code": code, "title": "t"}]}));
        let Event::Status(status) = only(&failed).event else { panic!() };
        assert_eq!((status.standing().permanent, status.standing().suppressed), (permanent, suppressed), "{code}");
        assert!(status.standing().is_failure());
    }
    // An error beside another state decides nothing.
    let sent = status(json!({"status": "sent", "errors": [{"code": 131_026, "title": "t"}]}));
    let Event::Status(status) = only(&sent).event else { panic!() };
    assert!(status.failure.is_none() && !status.standing().is_failure());
}

#[test]
fn errors_of_the_one_call_that_failed_are_its_own() {
    let error = json!({"code": 131_044, "title": "canary"});
    let ringing = json!({"id": "wacid.1", "type": "call", "status": "RINGING", "recipient_id": "15551230001"});
    let mut failed = ringing.clone();
    failed["status"] = "FAILED".into();
    let with = |statuses: Value, own: Option<Value>| {
        let mut value = value("statuses", statuses);
        match own {
            Some(own) => value["statuses"][0]["errors"] = own,
            None => value["errors"] = json!([error]),
        }
        events(normalize(body("calls", value).to_string()))
    };
    for all in [with(json!([failed]), None), with(json!([failed, ringing]), None), with(json!([failed]), Some(json!([error])))] {
        assert!(all.iter().all(|event| matches!(event.event, Event::Call(_))), "{all:?}");
        assert_eq!(all[0].context.errors.iter().map(|error| error.kind).collect::<Vec<_>>(), [ErrorKind::Billing]);
    }
    let two = with(json!([failed, failed]), None);
    assert_eq!((two.len(), two[2].event.kind()), (3, "account"), "it is not told whose it is");

    // Of the call and its status, the call has them.
    let call = |id: &str| json!({"id": id, "from": "15551230001", "event": "terminate", "status": "FAILED"});
    for (calls, statuses, counts) in [
        (vec![call("wacid.1")], vec![failed.clone()], vec![1, 0]),
        (vec![call("wacid.1")], vec![failed.clone(), failed.clone()], vec![1, 0, 0]),
        (vec![call("wacid.2")], vec![failed.clone()], vec![0, 0, 0]),
        (vec![call("wacid.1"), call("wacid.1")], vec![failed.clone()], vec![0, 0, 0, 0]),
    ] {
        let mut value = value("statuses", json!(statuses));
        (value["calls"], value["errors"]) = (json!(calls), json!([error]));
        let all = events(normalize(body("calls", value).to_string()));
        assert_eq!(all.iter().map(|event| event.context.errors.len()).collect::<Vec<_>>(), counts, "{all:?}");
        assert_eq!(all.iter().any(|event| event.event.kind() == "account"), counts[0] == 0);
    }
}

#[test]
fn an_edit_says_what_it_answers_and_a_warning_is_a_reason() {
    let edited = json!({"type": "text", "text": {"body": "b"}, "context": {"id": "wamid.Q"}});
    let edit = only(&message(json!({"type": "edit", "edit": {"original_message_id": "wamid.IN0", "message": edited}})));
    assert_eq!(edit.context.reply_to.as_deref(), Some("wamid.Q"));
    let flow = json!({"event": "FLOW_VERSION_EXPIRY_WARNING", "flow_id": "7", "warning": "The version ends soon."});
    assert_eq!(shown(&only(&body("flows", flow)).event)["reason"], "The version ends soon.");
}

#[test]
fn the_reference_of_a_send_comes_back_with_its_status() {
    let event = only(&status(json!({"biz_opaque_callback_data": "z1.0.abc.def"})));
    assert_eq!(event.reference.unwrap().as_str(), "z1.0.abc.def");
    let Event::Status(status) = event.event else { panic!() };
    assert_eq!((status.reference.as_deref(), status.client_message_id), (Some("z1.0.abc.def"), None));
}

#[test]
fn r9_the_number_decides_then_the_account_and_never_the_displayed_number() {
    let displayed = |field: &str| {
        only(&body(field, json!({"display_phone_number": "15550009999", "metadata": {"display_phone_number": "15550009999"}})))
    };
    let account = displayed("phone_number_quality_update");
    assert_eq!((routes(&account), account.fan_out), (vec![("waba_id", "900100")], true));
    let personal = displayed("messages");
    assert_eq!((routes(&personal), personal.fan_out), (vec![("waba_id", "900100")], false), "people's words never go to every number");

    let settings = only(&body("account_settings_update", json!({"phone_number_settings": {"phone_number_id": "100200300"}})));
    assert_eq!((routes(&settings), settings.fan_out), (vec![("phone_number_id", "100200300")], false));
    for (field, event) in [("account_update", "PARTNER_ADDED"), ("partner_solutions", "SOLUTION_CREATED")] {
        let told = only(&body(field, json!({"event": event, "waba_info": {"waba_id": "777"}})));
        assert_eq!(routes(&told), [("waba_id", "777")], "the entry is a business portfolio");
        assert_eq!(routes(&only(&body(field, json!({"event": event})))), []);
    }
}

#[test]
fn r9_a_number_that_is_named_is_the_only_route_unless_the_change_is_about_the_account() {
    let with_metadata = |field: &str| only(&body(field, value("user_id_update", json!([{"wa_id": "15551230001"}]))));
    for field in ["user_id_update", "brand_new_field", "messages", "group_status_update"] {
        let event = with_metadata(field);
        assert_eq!((routes(&event), event.fan_out), (vec![("phone_number_id", "100200300")], false), "{field}");
        let event = only(&body(field, json!({"contacts": [{"wa_id": "15551230001"}]})));
        assert_eq!((routes(&event), event.fan_out), (vec![("waba_id", "900100")], false), "{field} may be about a person");
    }
    for field in ["message_template_status_update", "template_category_update", "account_alerts", "security"] {
        let event = with_metadata(field);
        assert_eq!((routes(&event), event.fan_out), (vec![("waba_id", "900100")], true), "{field}");
    }
}

#[test]
fn r10_nothing_personal_is_printed() {
    let mut results = vec![];
    for body in [
        message(json!({"type": "text", "text": {"body": "canary-text"}, "from": "4915550001111"})),
        message(
            json!({"type": "image", "image": {"id": "M", "url": "https://lookaside.fbsbx.com/canary-url", "caption": "canary-caption"}}),
        ),
        message(json!({"type": 7, "text": {"body": "canary-text"}})),
        status(json!({"recipient_id": "4915550001111", "errors": [{"code": 131_026, "title": "canary-title"}]})),
        body("user_preferences", value("user_preferences", json!([{"wa_id": "4915550001111", "value": "stop"}]))),
        body("account_update", json!({"event": "X", "phone_number": "4915550001111"})),
    ] {
        results.extend(normalize(body.to_string()));
    }
    let printed = format!("{results:?}");
    for word in ["canary", "4915550001111", "15551230001", "Ana"] {
        assert!(!printed.contains(word), "{word} in {printed}");
    }
}

#[test]
fn l_a_form_answer_is_kept_raw_and_read_leniently() {
    for (answer, parsed) in
        [(json!("{\"flow_token\":\"T\",\"price\":1.10}"), true), (json!("[1, 2]"), true), (json!("not json {"), false), (json!(""), false)]
    {
        let event =
            only(&message(json!({"type": "interactive", "interactive": {"type": "nfm_reply", "nfm_reply": {"response_json": answer}}})));
        let Content::FlowReply(reply) = content(&event) else { panic!() };
        assert_eq!(reply.text, answer.as_str().unwrap());
        assert_eq!(reply.data.as_ref().map(zengine_connector::message::RawJson::as_str), parsed.then_some(reply.text.as_str()));
    }
}

#[test]
fn m_an_echo_is_outbound_and_never_a_message() {
    let element = json!({"id": "wamid.E", "from": "15550009999", "to": "15551230001", "type": "text", "text": {"body": "by hand"}});
    for (field, array) in
        [("smb_message_echoes", "message_echoes"), ("message_echoes", "message_echoes"), ("smb_message_echoes", "messages")]
    {
        let event = only(&body(field, value(array, json!([element]))));
        assert!(matches!(event.event, Event::Echo { .. }), "{field}");
        assert_eq!(ids(&event.from)[0], "opaque:phone_number_id:100200300");
        assert_eq!((event.to.len(), ids(&event.to[0])[0].as_str()), (1, "phone:+15551230001"));
    }
}

#[test]
fn n_a_payment_is_no_delivery_state() {
    for word in ["captured", "pending", "failed"] {
        let event = only(&status(json!({"type": "payment", "status": word, "payment": {"reference_id": "R"}})));
        let shown = shown(&event.event);
        assert_eq!((&shown["type"], &shown["field"], &shown["event"]), (&json!("account"), &json!("payment"), &json!(word)));
    }
}

#[test]
fn o_a_reaction_without_emoji_takes_it_back() {
    for (emoji, expected) in [(json!("👍"), Some("👍")), (json!(""), None), (Value::Null, None)] {
        let event = only(&message(json!({"type": "reaction", "reaction": {"message_id": "wamid.OUT1", "emoji": emoji}})));
        let Content::Reaction(reaction) = content(&event) else { panic!() };
        assert_eq!((reaction.target.as_str(), reaction.emoji.as_deref()), ("wamid.OUT1", expected));
    }
}
